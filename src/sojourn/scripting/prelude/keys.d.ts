/** Reserves keys, and gives them out one by one without asking the database again. They are always positive. */
declare class KeyPrefetcher {
  /** `database`: a connection; default: the one of the session. */
  constructor(database?: Database);
  /** Take `qty` new keys in one go; what was reserved before and not used is lost. Throws `KeyLimit`, `BadQuantity`. */
  reserve(qty: number): void;
  /** The next key that was reserved; without one a single key is made. */
  createKey(): number;
}
/**
 * Run `func` with `this` = `thisObj` while new keys are positive, whatever `session.createKeyLicense` says, and give its result;
 * the licence is as before afterwards.
 */
declare function applyDisablingProductKeyCreation<T>(func: () => T, thisObj?: any): T;
declare module "@nginstack/engine/lib/database/KeyPrefetcher" { export = KeyPrefetcher; }
declare module "@nginstack/engine/lib/database/KeyPrefetcher.js" { export = KeyPrefetcher; }
declare module "@nginstack/engine/lib/product/applyDisablingProductKeyCreation" { export = applyDisablingProductKeyCreation; }
declare module "@nginstack/engine/lib/product/applyDisablingProductKeyCreation.js" {
  export = applyDisablingProductKeyCreation;
}
