// Turns the cart into an order, once: of two requests at the same time one finds the cart gone.
const prices = require('ufs:/shared/prices.js');

const { value: cart, version } = session.fields.getWithVersion('cart');
if (!cart) {
  throw new HttpError('the cart is empty', null, null, 409);
}
session.fields.putIf('cart', null, version);
const order = { id: createGUID(true), sku: cart.sku, qty: cart.qty, cents: prices.of(cart.sku) * cart.qty };
session.fields.append('orders', order);
order;
