/**
 * The key of a record: a whole number of 64 bits, negative for records of a product. Beyond 2^53 it is a BigInt.
 *
 * It stands for its number wherever the language asks for one: `session.application == 77`, `key + 0`.
 */
declare class DBKey {
  constructor(key: number | bigint | DBKey);
  /** The key itself, or one for a number. */
  static from(key: number | bigint | DBKey): DBKey;
  /** Whether a value is a `DBKey`. */
  static isLike(value: any): value is DBKey;
  /** Whether two keys, each a number, a BigInt or a `DBKey`, are the same. */
  static equals(a: number | bigint | DBKey, b: number | bigint | DBKey): boolean;
  /** Whether `other`, a number, a BigInt or a `DBKey`, is the same key; false for anything else. */
  equals(other: any): boolean;
  valueOf(): number | bigint;
  toString(): string;
  /** The number; a BigInt, which JSON has not, as its text. */
  toJSON(): number | string;
}
declare module "@nginstack/engine/lib/dbkey/DBKey" { export = DBKey; }
declare module "@nginstack/engine/lib/dbkey/DBKey.js" { export = DBKey; }
