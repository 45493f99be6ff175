// ProductManager.getInstance(): the one there is.
(function (host) {
  'use strict';
  host.finish('ProductManager.getInstance', () => host.instance('productManager'));
})
