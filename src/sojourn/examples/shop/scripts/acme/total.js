// What the cart costs that a pipeline has put into the session.
const prices = require('ufs:/shared/prices.js');

const cart = session.fields.get('cart');
const cents = cart ? prices.of(cart.sku) * cart.qty : 0;
({ user: session.userName, cents });
