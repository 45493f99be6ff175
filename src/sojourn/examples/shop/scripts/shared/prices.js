// What things cost, in cents. Files of shared/ belong to no realm: every realm may require them.
const PRICES = { A1: 1250, B2: 300 };

exports.of = (sku) => {
  const price = PRICES[sku];
  if (price === undefined) {
    throw new HttpError(`there is no ${sku}`, null, null, 404);
  }
  return price;
};
