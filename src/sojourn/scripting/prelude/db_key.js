// DBKey: the key of a record. Equal to its number wherever the language compares by value.
(function (host) {
  'use strict';
  const p = host.primordials;

  const MOST = 9223372036854775807n;
  const EXACT = 9007199254740991n;

  // A number, or a BigInt where no number holds it.
  function numberOf(key) {
    const number = DBKey.isLike(key) ? p.apply(valueOf, key, []) : typeof key === 'object' && key !== null ? +key : key;
    if (p.isSafeInteger(number)) return number;
    if (typeof number !== 'bigint' || number > MOST || number < -MOST - 1n) throw new p.TypeError('a key is a whole number of 64 bits');
    return number >= -EXACT && number <= EXACT ? p.Number(number) : number;
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
      const like = typeof other === 'number' || typeof other === 'bigint' || DBKey.isLike(other);
      return like && (DBKey.isLike(other) ? other.#key : other) == this.#key;
    }

    valueOf() {
      return this.#key;
    }

    toString() {
      return '' + this.#key;
    }

    toJSON() {
      return typeof this.#key === 'bigint' ? '' + this.#key : this.#key;
    }
  }

  const { valueOf } = DBKey.prototype;
  host.defineClass(DBKey, 'lib/dbkey/DBKey');
  host.finish('Session.application', (key) => (key === null ? null : new DBKey(key)));
})
