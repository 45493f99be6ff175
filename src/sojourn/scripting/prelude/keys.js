// KeyPrefetcher and applyDisablingProductKeyCreation: keys of records beside those that a Database makes one by one.
(function (host) {
  'use strict';
  const { call, primordials: p } = host;
  const { numberOf } = host.part('database');

  class KeyPrefetcher {
    #number;
    #next = 0;
    #left = 0;

    constructor(database) {
      this.#number = database === undefined || database === null ? 0 : numberOf(database);
    }

    reserve(qty) {
      this.#next = call('Databases.createKey', [this.#number, qty, false, true]);
      this.#left = qty;
    }

    createKey() {
      if (this.#left === 0) this.reserve(1);
      this.#left -= 1;
      return this.#next++;
    }
  }

  host.seal(KeyPrefetcher);

  function applyDisablingProductKeyCreation(func, thisObj) {
    if (typeof func !== 'function') throw new p.TypeError('applyDisablingProductKeyCreation takes a function');
    const session = host.instance('session');
    const before = session.createKeyLicense;
    session.createKeyLicense = 0;
    try {
      return p.apply(func, thisObj, []);
    } finally {
      restore(session, before);
    }
  }

  // After a login as somebody who may not change the product the licence stays what a login makes of it: none.
  function restore(session, license) {
    try {
      session.createKeyLicense = license;
    } catch {
      session.createKeyLicense = 0;
    }
  }

  p.freeze(applyDisablingProductKeyCreation);
  return p.freeze({ __proto__: null, KeyPrefetcher, applyDisablingProductKeyCreation });
})
