// Turns the cart into an order, once: of two requests at the same time one finds the cart gone.
const prices = require('ufs:/shared/prices.js');

const { value: cart, version } = session.fields.getWithVersion('cart');
if (!cart) {
  throw new HttpError('the cart is empty', null, null, 409);
}
const cents = prices.of(cart.sku) * cart.qty;
session.fields.putIf('cart', null, version);
const orders = database.query('SELECT * FROM shop_order WHERE 1 = 0');
orders.append({ iKey: database.createKey(), buyer: session.userName, sku: cart.sku, qty: cart.qty, cents });
orders.applyUpdates();
({ sku: cart.sku, qty: cart.qty, cents });
