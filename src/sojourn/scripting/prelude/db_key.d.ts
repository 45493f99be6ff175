/**
 * The key of a record: a whole number, negative for records of a product.
 *
 * It stands for its number wherever the language asks for one: `session.application == 77`, `key + 0`.
 */
declare class DBKey {
  constructor(key: number | DBKey);
  /** The key itself, or one for a number. */
  static from(key: number | DBKey): DBKey;
  /** Whether a value is a `DBKey`. */
  static isLike(value: any): value is DBKey;
  /** Whether two keys, each a number or a `DBKey`, are the same. */
  static equals(a: number | DBKey, b: number | DBKey): boolean;
  /** Whether `other`, a number or a `DBKey`, is the same key; false for anything else. */
  equals(other: any): boolean;
  valueOf(): number;
  toString(): string;
  toJSON(): number;
}
declare module "@nginstack/engine/lib/dbkey/DBKey" { export = DBKey; }
declare module "@nginstack/engine/lib/dbkey/DBKey.js" { export = DBKey; }
