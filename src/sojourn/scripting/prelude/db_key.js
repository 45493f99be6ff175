// DBKey: the key of a record. Equal to its number wherever the language compares by value.
(function (host) {
  'use strict';
  const p = host.primordials;

  function numberOf(key) {
    const number = typeof key === 'object' && key !== null ? +key : key;
    if (typeof number !== 'number' || !p.isSafeInteger(number)) throw new p.TypeError('a key is a whole number');
    return number;
  }

  class DBKey {
    #key;

    constructor(key) {
      this.#key = numberOf(key);
    }

    static from(key) {
      return DBKey.isLike(key) && typeof key === 'object' ? key : new DBKey(key);
    }

    static isLike(value) {
      return typeof value === 'object' && value !== null && #key in value;
    }

    static equals(a, b) {
      return numberOf(a) === numberOf(b);
    }

    equals(other) {
      const like = typeof other === 'number' || DBKey.isLike(other);
      return like && +other === this.#key;
    }

    valueOf() {
      return this.#key;
    }

    toString() {
      return '' + this.#key;
    }

    toJSON() {
      return this.#key;
    }
  }

  host.defineClass(DBKey, 'lib/dbkey/DBKey');
  host.finish('Session.application', (key) => (key === null ? null : new DBKey(key)));
})
