// Types of what scripts of Sojourn see. Generated (`make docs`; `sojourn scripts types` writes it into a project).

/**
 * A login to be handed on: make it, let the session authorize it, and give the text that comes back to who needs it.
 *
 * Who shows the text acts as the user who authorized it, with the token's scope at most. A token that names scripts
 * (`vfs:`, `ufs:`) is taken from those scripts alone. After it was authorized only `description` and `expires` may change.
 */
declare class AuthToken {
  /**
   * @param scope words with blanks between them, a script's URI (blanks as `%20`) or key, or an array of these
   * @param data opaque text that is kept with the token, at most 4,096 characters
   */
  constructor(scope: string | number | DBKey | (string | number | DBKey)[], data?: string);
  /** The words, separated by one blank. */
  scope: string;
  /** Opaque text that is kept with it. */
  data: string;
  /** When it is dead; null for a token that is valid until it is revoked, which takes a scope. 30 days from now by default. */
  expires: Date | null;
  /** What it is for, as its owner reads it in lists; at most 200 characters. */
  description: string;
  /** Key of the user who authorized it, -1 before. */
  readonly userKey: number;
  /** Key of its record, for `session.revokeAuthTokenByKey`; 0 before it is authorized. Not a secret. */
  readonly key: number;
}
declare module "@nginstack/engine/lib/security/AuthToken" { export = AuthToken; }
declare module "@nginstack/engine/lib/security/AuthToken.js" { export = AuthToken; }

/** Whom a token acts for. */
interface AuthTokenInfo {
  readonly userKey: number;
  readonly userName: string;
  /** Null for a token of an identity provider. */
  readonly tokenKey: number | null;
  /** Null for a token of this engine. */
  readonly providerKey: number | null;
  readonly scope: string;
  readonly data: string;
}

/** The types of fields; `createField` takes other usual names for them too, such as `int64`, `double` and `memo`. */
type DataSetFieldType =
  | 'string' | 'integer' | 'number' | 'decimal' | 'boolean' | 'date' | 'time' | 'datetime' | 'bytes' | 'json';

/** A field by its name, or by its place from 0 on. Upper and lower case of names count only where two differ in nothing else. */
type DataSetFieldId = string | number;

/**
 * Rows with typed fields and a cursor, in the memory of the script: what a query gives, or what a script makes itself.
 *
 * The cursor stands on one row, which is read and edited; what is changed waits until `applyUpdates` writes all of it to the
 * database, all or nothing. A DataSet of a query that reads one table knows its table and key; for any other set `tableName`.
 *
 * | type | `getField` gives | `setField` takes | `str` gives |
 * |---|---|---|---|
 * | `string` | string | string, number, BigInt | the text |
 * | `integer` (64 bits) | number, beyond 2^53 a BigInt | whole number, BigInt, `DBKey`, its text | the digits |
 * | `number` | number | finite number, its text | the number |
 * | `decimal` (exact) | number, the nearest one | number, BigInt, its text | the exact digits |
 * | `boolean` | boolean | boolean, 0, 1 | `true`, `false` |
 * | `date` | `Date`, midnight in UTC | `Date`, `2026-11-22` | `2026-11-22` |
 * | `time` | string | `Date`, `10:30`, `10:30:00.5` | the text |
 * | `datetime` | `Date` | `Date`, ISO text (in UTC unless it says another zone) | `2026-11-22T10:30:00.000Z` |
 * | `bytes` | `ArrayBuffer` | `ArrayBuffer` or a view | base64 |
 * | `json` | the value, a new one each time | what JSON holds | the JSON text |
 *
 * Every field may be `null`. What does not fit throws a `DataSetError` with the `code` `dataset.bad_value`; every other error
 * of a DataSet has a `code` that begins with `dataset.` too. A DataSet goes through a `ScriptRunner` with what waits in it;
 * elsewhere, as an answer, in a field of the session, it is the array that `toJSON` gives.
 *
 * @example
 * const cart = new DataSet();
 * cart.createField('sku', 'string', 10);
 * cart.createField('price', 'decimal');
 * cart.create();
 * cart.append(['A1', '0.10']);
 * cart.post();
 * cart.append({ sku: 'B2', price: '0.20' });
 * cart.post();
 * let skus = '';
 * for (cart.first(); !cart.eof; cart.next()) skus += cart.str('sku');
 * skus + ' ' + cart.sum('', 'price').str('price'); // => "A1B2 0.30"
 */
declare class DataSet {
  /** A DataSet without fields and rows, to be made by `createField` and `create`, `copyStructure` or `copy`. */
  constructor();

  /**
   * Add a field, before `create`. `fieldSize` is the most characters that a `string` takes; without one there is no limit.
   * Throws `dataset.bad_type`, `dataset.field_exists`.
   */
  createField(fieldName: string, fieldType: DataSetFieldType | string, fieldSize?: number): void;
  /** Make it ready for rows, once it has its fields. */
  create(): void;
  /** The table that `applyUpdates` writes to. */
  tableName: string;
  /** The field by which rows are told apart: the key of the table, else `iKey`; empty where there is none. */
  keyFieldName: string;
  /** The names of the fields, in their order. */
  getFieldNames(): string[];
  /** The type of a field. */
  getFieldType(fieldId: DataSetFieldId): DataSetFieldType;
  /** Become an empty DataSet with the fields of another one, or with those of them that are named (`'a;b'`). */
  copyStructure(source: DataSet, fieldNames?: string): void;
  /**
   * Become a copy of another DataSet: its fields and the rows that are seen in it, with what waits for them. Index, filter and
   * range are not copied, and rows that were deleted there are not deleted by this one.
   */
  copy(source: DataSet): void;

  /** 0 before `create`, 1 while it is looked at, 2 while a row is edited, 3 while a new row is. */
  readonly state: 0 | 1 | 2 | 3;
  /** Whether the cursor is at the beginning: after `first`, after `prior` on the first row, and without rows. */
  readonly bof: boolean;
  /** Whether the cursor is past the last row: after `next` on it, after `last`, and without rows. */
  readonly eof: boolean;
  /** Whether no row is seen. */
  readonly isEmpty: boolean;
  /** How many rows are seen: those that are not deleted, pass the filter and lie in the range. */
  readonly recordCount: number;
  /**
   * Go to the first row. Like everything that moves the cursor it first posts the row under edit when a field of it was set,
   * and otherwise gives the edit up.
   */
  first(): void;
  /** Go to the last row. */
  last(): void;
  /** Go to the next row; on the last one `eof` becomes true. */
  next(): void;
  /** Go to the row before; on the first one `bof` becomes true. */
  prior(): void;
  /**
   * A mark of the current row, by which `gotoBookmark` finds it again whatever the order is then; empty without a row.
   * Assigning to it is `gotoBookmark`.
   */
  bookmark: string;
  /** Go to the row of a mark. Throws `dataset.no_row` when it is not seen any more. */
  gotoBookmark(bookmark: string): void;
  /**
   * Call a function for each row that is seen now, with the cursor on it; the function may change and delete rows. It stops
   * when the function gives `false`. Afterwards the cursor is where it was.
   *
   * @example
   * const rows = new DataSet();
   * rows.createField('n', 'integer');
   * rows.create();
   * for (let n = 1; n <= 4; n++) rows.append([n]);
   * rows.iterate((row) => { if (row.num('n') % 2 === 1) row.del(); });
   * rows.getRows('n'); // => [2, 4]
   */
  iterate(f: (dataSet: this) => any, thisObj?: any): void;

  /** The value of a field of the current row, `null` where there is none. Throws `dataset.no_field`. */
  getField(fieldId: DataSetFieldId): any;
  /** The same. */
  val(fieldId: DataSetFieldId): any;
  /**
   * The value as text; empty for `null`. Decimals and integers of 64 bits are exact.
   *
   * @example
   * const row = new DataSet();
   * row.createField('key', 'integer');
   * row.createField('price', 'decimal');
   * row.create();
   * row.append(['9007199254740993', '12345678901234567890.10']);
   * [row.str('key'), row.str('price')]; // => ["9007199254740993", "12345678901234567890.10"]
   */
  str(fieldId: DataSetFieldId): string;
  /** The value as a number; 0 for `null`. Of a date its milliseconds since 1970, of a text what it spells. */
  num(fieldId: DataSetFieldId): number;
  /** The value as true or false; false for `null`. A number is true unless it is 0. */
  bool(fieldId: DataSetFieldId): boolean;
  /** The value of a `date`, a `datetime` or an ISO text as a `Date`; `null` for `null`. */
  date(fieldId: DataSetFieldId): Date | null;
  /** The value of an `integer` as a `DBKey`; `null` for `null`. */
  dbkey(fieldId: DataSetFieldId): DBKey | null;
  /** Whether the current row has no value there. */
  fieldIsNull(fieldId: DataSetFieldId): boolean;
  /** Whether the value is another than in the database: for a new row, whether there is one. */
  fieldWasModified(fieldId: DataSetFieldId): boolean;
  /** The rows that are seen as objects; with a field, its values. */
  getRows(): Record<string, any>[];
  getRows(fieldName: DataSetFieldId): any[];
  /**
   * A new DataSet with a row for each combination of values of the first fields, and the sums of the others; without fields to
   * group by it has one row. Sums are of the type of their field, and exact but for `number`.
   *
   * @example
   * const sales = new DataSet();
   * sales.createField('city', 'string');
   * sales.createField('amount', 'integer');
   * sales.create();
   * for (const row of [['Ulm', 1], ['Bonn', 2], ['Ulm', 3]]) sales.append(row);
   * JSON.stringify(sales.sum('city', 'amount')); // => "[{\"city\":\"Ulm\",\"amount\":4},{\"city\":\"Bonn\",\"amount\":2}]"
   */
  sum(fieldsToGroup: string, fieldsToSum: string): DataSet;
  /**
   * The rows that are seen, for `JSON.stringify`: dates and times as ISO text, bytes in base64, and a number as its text where
   * no number of JavaScript is the same.
   */
  toJSON(): Record<string, any>[];

  /**
   * Begin a new row, with values for its fields in their order, or by name; `post` adds it. A DataSet instead adds all rows
   * that are seen in it, as new ones, by the names of their fields.
   */
  append(source?: any[] | Record<string, any> | DataSet): void;
  /** Begin to edit the current row; without rows begin a new one. */
  edit(): void;
  /** Keep what was edited, to be applied later. Throws `dataset.not_editing`. */
  post(): void;
  /** Give up what was edited since `edit` or `append`. */
  cancel(): void;
  /** Delete the current row; the cursor goes to the next one, from the last one to the one before. Gives up a new row. */
  del(): void;
  /**
   * Set a field of the row under edit. `ignoreInvalidFieldId`: do nothing when there is no such field. Throws
   * `dataset.not_editing`; `dataset.key_changed` for the key of a row that the database has; `dataset.too_long`.
   */
  setField(fieldId: DataSetFieldId, value: any, ignoreInvalidFieldId?: boolean): void;
  /** Set the fields of the row under edit that the current row of another DataSet has too, but for those named (`'a;b'`). */
  copyRecord(source: DataSet, excludedFieldNames?: string): void;

  /**
   * Order the rows by fields (`'city;name'`), those in the second list downwards; nothing comes before everything, texts are
   * in the order of their characters. An empty text ends it. A range ends with it.
   */
  setIndex(fieldNames: string, descendingFieldNames?: string): void;
  /** The fields of the index; assigning is `setIndex`. */
  indexFieldNames: string;
  /**
   * The condition that rows have to pass while `filtered` is true: `=` `<>` `<` `<=` `>` `>=`, `LIKE` with `%` and `_`, `IN (…)`,
   * `BETWEEN … AND …`, `IS NULL`, `NOT`, `AND`, `OR` and parentheses; texts and dates in single quotes, names with blanks in
   * double ones. A comparison with null is not true, as in SQL. Throws `dataset.bad_filter`.
   *
   * @example
   * const people = new DataSet();
   * people.createField('name', 'string');
   * people.createField('born', 'date');
   * people.create();
   * people.append(['Ada', '1815-12-10']);
   * people.append(['Alan', '1912-06-23']);
   * people.append(['Grace', '1906-12-09']);
   * people.filter = "born >= '1900-01-01' AND NOT name LIKE 'G%'";
   * people.filtered = true;
   * people.getRows('name'); // => ["Alan"]
   */
  filter: string;
  /** Whether the filter is in effect. */
  filtered: boolean;
  /**
   * Show the rows from one value to another alone, both included, in the order of the index; arrays for its first fields.
   * Throws `dataset.no_index`, `dataset.bad_search`.
   */
  setRange(startValues: any, endValues: any): void;
  /** Show all rows again. */
  resetRange(): void;
  /**
   * Go to the first row in which fields (`'city;name'`) have these values, an array for several; whether there is one. Where
   * there is none the cursor stays. `partial`: a text needs only to begin so.
   */
  locate(fieldNames: string, searchValues: any, partial?: boolean): boolean;
  /** The same for the first fields of the index, and fast. Throws `dataset.no_index`. */
  find(searchValues: any): boolean;
  /** Go to the row with a key; whether there is one. */
  findKey(key: number | bigint | string | DBKey): boolean;

  /** Whether something waits to be applied, or a field of the row under edit was set. */
  readonly modified: boolean;
  /**
   * Write what waits to the database it came from, the default one for a DataSet that no query has made: all or nothing. Gives
   * the version of the change, 0 when nothing waited. The first argument says nothing here. See `Database.applyUpdates`.
   */
  applyUpdates(waitDBCacheSync?: boolean, logChanges?: boolean): number;
  /** Take back what waits for all rows, or for those with a key; what is being edited is given up. */
  cancelUpdates(key?: number | bigint | string | DBKey): void;
  /** Take back what waits for all rows, and go to the first one. */
  rollBack(): void;
}
declare module "@nginstack/engine/lib/dataset/DataSet" { export = DataSet; }
declare module "@nginstack/engine/lib/dataset/DataSet.js" { export = DataSet; }

/** Values for a statement: for `?` in their order, or for `:name` by name. */
type QueryParameters = any[] | Record<string, any>;

/** How a query is made. */
interface QueryOptions {
  /** Milliseconds that it may take; 30,000 at most, which is the default. */
  timeout?: number;
}

/** What a row of a script's own in the change log says beside its type. */
interface LogOptions {
  content?: string;
  /** Key of the record that it is about. */
  key?: number | bigint | string | DBKey;
  /** Key of the class of that record. */
  classKey?: number | DBKey;
  /** The version that it belongs to, one that was given before; a new one by default. */
  version?: number;
  /** `trackingId` of the connection by default. */
  tag?: string;
}

/**
 * A database of the project, for the user who is logged in on this connection: without one it gives nothing and takes nothing.
 *
 * The global `database` is the default connection to the database `main`. It follows the session: who logs in or out there is
 * logged in or out here. A `Database` that a script makes has nobody until it logs in itself, and is of use only until the
 * session gets another identity: then it throws `StaleSession`.
 *
 * Statements only read, and see the tables of the application and the views of the system; values come into them as parameters
 * and never as text. What is written goes through `applyUpdates` and stands in the change log, with user, session, client
 * address and `trackingId`.
 *
 * @example
 * session.login('anna', 'correct horse battery');
 * database.executeDDL('CREATE TABLE fruit ("iKey" BIGINT PRIMARY KEY, name VARCHAR(100), price DECIMAL(12, 2))');
 * const fruit = database.query('SELECT * FROM fruit');
 * fruit.append({ iKey: database.createKey(), name: 'apple', price: '0.30' });
 * fruit.append({ iKey: database.createKey(), name: 'pear', price: '0.40' });
 * fruit.applyUpdates();
 * database.query('SELECT name FROM fruit WHERE price > ?', [0.35]).str('name'); // => "pear"
 */
declare class Database {
  /**
   * A connection to the database with that name in the project, `main` by default; or the one of a `Connection`, with its user
   * and `trackingId`. The older form `(host, name)` has an empty host. Throws `DatabaseUnknown`.
   */
  constructor(connectionOrName?: Connection | string | null, name?: string);
  /** Name of the database in the project. */
  readonly name: string;
  /** Key of the user who is logged in here, -1 without one. */
  readonly userKey: number;
  /** Name of the user who is logged in here, `anonymous` without one. */
  readonly userName: string;
  /** What that user may do, as words separated by one blank. */
  readonly scope: string;
  /**
   * Tag of what is changed here: its own when one was assigned, else `session.trackingId` as it is at that moment. An empty text
   * returns to that one. At most 100 printable characters.
   *
   * @example
   * session.trackingId = 'import 7';
   * const before = database.trackingId;
   * database.trackingId = 'my own';
   * [before, database.trackingId, session.trackingId]; // => ["import 7", "my own", "import 7"]
   */
  trackingId: string;
  /** Log this connection in, and nothing but it; false for wrong ones, and then it stays as it was. Throws `AccountUnusable`. */
  login(userName: string, password: string): boolean;
  /**
   * Log this connection in with an AuthToken, whose scope is then its own. Throws `AuthTokenRefused`, and `InsufficientScope`
   * unless the user has the scope `security.externalAccess`.
   */
  loginByAuthToken(authToken: string): void;
  /** Give it the user of the global `session`, and follow it from then on; whether there is one. No other session is taken. */
  loginBySession(session: Session): boolean;
  /** End the identity of this connection; that of the session stays. */
  logout(): void;
  /** Whether the user who is logged in here has a scope now. */
  userHasScope(scope: string): boolean;

  /**
   * What a statement reads; for an array of statements an array of DataSets, all of them from one moment, and with the same
   * parameters. One statement gives as many rows as the memory of the script holds, several 100,000 rows and 64 MB together.
   *
   * Throws `DatabaseLoginRequired`, `BadStatement`, `BadParameters`, `StatementRefused`, `QueryTimeout`, `ResultTooLarge`,
   * `DatabaseUnavailable`.
   *
   * @example
   * session.login('anna', 'correct horse battery');
   * const [one, two] = database.query(['SELECT 1 AS n', 'SELECT :n AS n'], { n: 2 });
   * one.num('n') + two.num('n'); // => 3
   */
  query(sql: string, parameters?: QueryParameters | null, options?: QueryOptions): DataSet;
  query(sql: string[], parameters?: QueryParameters | null, options?: QueryOptions): DataSet[];
  /**
   * Write what waits in one or several DataSets, all or nothing: delete, then change, then add. Gives the version of the change,
   * which the rows keep where they have a field `iVersion`; 0 when nothing waited. Afterwards nothing waits. What the database
   * has filled in or rounded shows in the next query; a value with more digits than its column holds, which PostgreSQL rounds, is
   * a conflict when it is changed once more before that.
   *
   * A row that somebody else has changed meanwhile in the same fields throws `RecordConflict`. The fields of a new row that have
   * no value get the default of their column. `logChanges` false leaves nothing in the change log. Throws `TableUnnamed`,
   * `TableUnknown`, `TableWithoutKey`, `BadValue`, `ConstraintFailed`, `DatabaseDeadlock`; nothing is written then, and all of it
   * still waits.
   */
  applyUpdates(dataSets: DataSet | DataSet[], logChanges?: boolean): number;
  /**
   * CREATE, ALTER or DROP a table, an index or a view; the version of the change. Needs the scope `database.alterSchema`. It
   * stands in the change log, and undo does not take it back. Throws `StatementRefused`.
   */
  executeDDL(statement: string): number;
  /**
   * The first of `keysQty` new keys that follow one another: positive ones, or those of the product that
   * `session.createKeyLicense` names. `useHighKeys`: of the upper half. Throws `KeyLimit`, see `session.limitKeyCreation`.
   */
  createKey(keysQty?: number, useHighKeys?: boolean): number | bigint;
  /** The version number that was given last. */
  getVersion(): number;
  /** A version number that nobody had before. */
  incVersion(): number;
  /**
   * Write a row of one's own into the change log; its number there. Who, when and from where is filled in by the engine. Throws
   * `BadNote` for a type that only the engine writes.
   */
  insertLog(type: string, options?: LogOptions): number;
  /** Set the mark `iFreshTrack` of the rows of the change log with that version and that tag; how many there are. */
  updateLogs(which: { version?: number; tag?: string }, values: { freshTrack: boolean }): number;
}

/** The older name of a connection: all of `Database`, by which further ones share its user and `trackingId`. */
declare class Connection extends Database {
  /** How many new keys the engine has in stock. */
  readonly remainingKeys: number;
}
/** The default connection. */
declare const database: Database;
/** The same. */
declare const connection: Connection;
declare module "@nginstack/engine/lib/database/Database" { export = Database; }
declare module "@nginstack/engine/lib/database/Database.js" { export = Database; }
declare module "@nginstack/engine/lib/connection/Connection" { export = Connection; }
declare module "@nginstack/engine/lib/connection/Connection.js" { export = Connection; }
declare module "@nginstack/engine/context/database" { export = database; }
declare module "@nginstack/engine/context/database.js" { export = database; }
declare module "@nginstack/engine/context/connection" { export = connection; }
declare module "@nginstack/engine/context/connection.js" { export = connection; }

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

/** Lengths of time in milliseconds: `new Date(Date.now() + 10 * Duration.DAY_MS)`. */
declare const Duration: {
  readonly SECOND_MS: 1000;
  readonly MINUTE_MS: 60000;
  readonly HOUR_MS: 3600000;
  readonly DAY_MS: 86400000;
};
declare module "@nginstack/engine/lib/date/Duration" { export = Duration; }
declare module "@nginstack/engine/lib/date/Duration.js" { export = Duration; }

/**
 * An error that says which status the HTTP answer has; thrown by a script, it is that answer.
 *
 * `new` may be left out. The client reads the message; what is in `details` goes into the log.
 */
declare class HttpError extends Error {
  /**
   * @param error what the client reads, or an error whose message that is
   * @param solution what the client can do about it
   * @param details for the log
   * @param code the status, 400 to 599; 500 by default
   */
  constructor(error: string | Error, solution?: string, details?: string, code?: number);
  readonly solution: string;
  readonly details: string;
  readonly code: number;
  /** Status 400. */
  static BadRequest: HttpErrorKind;
  /** Status 401. */
  static Unauthorized: HttpErrorKind;
  /** Status 403. */
  static Forbidden: HttpErrorKind;
  /** Status 404. */
  static NotFound: HttpErrorKind;
  /** Status 406. */
  static NotAcceptable: HttpErrorKind;
  /** Status 503. */
  static ServiceUnavailable: HttpErrorKind;
}
interface HttpErrorKind {
  new (error: string | Error, solution?: string, details?: string): HttpError;
  (error: string | Error, solution?: string, details?: string): HttpError;
}
declare module "@nginstack/engine/lib/http/HttpError" { export = HttpError; }
declare module "@nginstack/engine/lib/http/HttpError.js" { export = HttpError; }

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

/**
 * Writes into the log of the engine, with realm, script and execution key. At most 1,000 entries of 8,192 characters are
 * written for one execution.
 *
 * A text with `%s`, `%d`, `%i`, `%f` and `%j` takes the values after it: `logger.info('%d rows of %s', 3, 'cart')`.
 */
declare class Logger {
  /** The logger of a category: a name such as `shop.cart` that stands before each entry. */
  static getLogger(category: string): Logger;
  debug(...values: any[]): void;
  info(...values: any[]): void;
  warn(...values: any[]): void;
  error(...values: any[]): void;
  /** Something that keeps the system from working. */
  fatal(...values: any[]): void;
}
/** The logger without a category. */
declare const logger: Logger;
/** The same log, as scripts elsewhere are used to. */
declare const console: {
  debug(...values: any[]): void;
  log(...values: any[]): void;
  info(...values: any[]): void;
  dir(value: any): void;
  warn(...values: any[]): void;
  error(...values: any[]): void;
  /** With the stack of the caller. */
  trace(...values: any[]): void;
  /** Logs an error unless `condition` holds. */
  assert(condition: any, ...values: any[]): void;
};
declare module "@nginstack/engine/lib/log/Logger" { export = Logger; }
declare module "@nginstack/engine/lib/log/Logger.js" { export = Logger; }

/**
 * An identity provider that the operator has registered for the realm.
 *
 * Every request to it goes through the engine's egress guard, with the engine's client secret, which no script sees.
 */
declare class OpenIdProvider {
  private constructor();
  /** The provider with that key or name; throws `ProviderUnknown`, `ProviderDisabled`, `ProviderFailed`. */
  static fromConfig(key: number | DBKey | string): OpenIdProvider;
  readonly key: number;
  readonly name: string;
  readonly title: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly authEndpoint: string;
  readonly tokenEndpoint: string;
  /** Empty where the provider has none, as the next ones. */
  readonly userInfoEndpoint: string;
  readonly revocationEndpoint: string;
  readonly introspectionEndpoint: string;
  newOpenIdClient(): OpenIdClient;
}
declare module "@nginstack/engine/lib/oidc/OpenIdProvider" { export = OpenIdProvider; }
declare module "@nginstack/engine/lib/oidc/OpenIdProvider.js" { export = OpenIdProvider; }

/** What `OpenIdClient.getAuthorizationUri` is told. */
interface AuthorizationRequestOptions {
  /** Where the provider sends the browser back to. */
  redirectUri: string;
  /** What is asked for; `openid` is always among it. Those of the provider's registration by default. */
  scopes?: string | string[];
  /** `['code']` by default. */
  responseTypes?: ('code' | 'id_token' | 'token')[];
  responseMode?: 'query' | 'fragment' | 'form_post';
  state?: string;
  nonce?: string;
  /** Of `getCodeChallenge`. */
  codeChallenge?: string;
  loginHint?: string;
  idTokenHint?: string;
  /** How long ago the user may have logged in, in milliseconds. */
  maxAge?: number;
  /** `none`, `login`, `select_account`, `consent`. */
  prompt?: string | string[];
  /** Added as they are. */
  extraParams?: Record<string, string>;
}

/** What a provider gives. */
interface TokenResponse {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresIn?: number;
  readonly refreshToken?: string;
  readonly idToken?: string;
  readonly scope?: string;
}

/**
 * The engine as the client of an identity provider, by OpenID Connect.
 *
 * What it gets as `idToken` logs a session in: `session.loginByAuthToken(tokens.idToken)`. Its methods throw
 * `ProviderFailed` and `OutboundFailed` where the provider does not answer as it should, `LoginNotTaken` for what it refuses.
 */
declare class OpenIdClient {
  /** Of a registered provider: by key or name, or by its issuer; `clientId`, where given, has to be the registered one. */
  constructor(options: { provider?: number | string; issuer?: string; clientId?: string });
  /** Where to send the browser. */
  getAuthorizationUri(options: AuthorizationRequestOptions): string;
  /** The tokens for the code with which the browser came back. */
  exchangeCode(code: string, redirectUri: string, codeVerifier?: string): TokenResponse;
  /** The tokens for a user's name and password at the provider; prefer `exchangeCode`, which shows them to nobody here. */
  exchangePassword(userName: string, password: string, scopes?: string | string[]): TokenResponse;
  exchangeRefreshToken(refreshToken: string, scopes?: string | string[]): TokenResponse;
  /** A token for the engine itself. */
  exchangeClientCredentials(scopes?: string | string[]): TokenResponse;
  /** What the provider says of a token. */
  introspect(token: string): { readonly active: boolean; readonly [name: string]: any };
  /** Let the provider refuse a token from now on; `refresh` by default. */
  revoke(token: string, tokenType?: 'refresh' | 'access'): void;
  /** What the provider says of the user, with names in camel case; throws when it is another one than `subject`. */
  getUserInfo(accessToken: string, subject?: string): { readonly [name: string]: any };
  /** The provider's public key with that id as a JWK, null without one. */
  getSigningKey(kid: string): { readonly [name: string]: any } | null;
  /** 256 random bits for PKCE. */
  getCodeVerifier(): string;
  /** The challenge for a verifier, method S256. */
  getCodeChallenge(verifier: string): string;
}
declare module "@nginstack/engine/lib/oidc/OpenIdClient" { export = OpenIdClient; }
declare module "@nginstack/engine/lib/oidc/OpenIdClient.js" { export = OpenIdClient; }

/** What `ProductManager.createProduct` takes. */
interface ProductInfo {
  /** Its name, which no other product of the database has. */
  name: string;
  version?: string;
  /** Single negative keys that belong to it besides its range. */
  keys?: number[];
}

/** The configuration of a realm: of the one that the script runs in, because of others a script learns nothing. */
declare class RealmConfig {
  private constructor();
  /** The configuration of the realm of that name; throws `RealmUnknown` for another one than the own. */
  static fromName(name: string): RealmConfig;
  /** The configuration of the realm with that key; throws as `fromName`. */
  static fromKey(key: number | DBKey): RealmConfig;
  readonly name: string;
  readonly key: number;
  readonly environmentType: 'stateless' | 'stateful';
  readonly runtime: 'ije' | 'v8';
  /** Whether every execution has a fresh global scope. */
  readonly cleanupEnvironment: boolean;
  /** Age limit of an environment in milliseconds, 0 for none. */
  readonly maxLifeTime: number;
  /** Idle limit of an environment in milliseconds. */
  readonly maxInactiveTime: number;
  readonly httpCompressionEnabled: boolean;
  readonly clientTrackingEnabled: boolean;
  readonly sessionTrackingEnabled: boolean;
  readonly loginAuditingEnabled: boolean;
  /** Key of the application, null for none. */
  readonly application: number | null;
  /** Idle limit of a session in milliseconds, 0 for none. Ours. */
  readonly sessionIdle: number;
  /** Longest life of a session in milliseconds. Ours. */
  readonly sessionLifetime: number;
}
declare module "@nginstack/engine/lib/http/RealmConfig" { export = RealmConfig; }
declare module "@nginstack/engine/lib/http/RealmConfig.js" { export = RealmConfig; }

/** The body of the request: `request.body`. */
declare class RequestBody {
  private constructor();
  /** The body as text; throws as `request.content`. */
  asText(): string;
  /** The value of a JSON body; throws `HttpError.BadRequest`, which the client is told, when it is none. */
  asJson(): any;
}
declare module "@nginstack/engine/lib/http/RequestBody" { export = RequestBody; }
declare module "@nginstack/engine/lib/http/RequestBody.js" { export = RequestBody; }

/** A file of a form in the body: one of `request.files`. */
declare class RequestFile {
  private constructor();
  /** Name of the field, in lower case. */
  readonly name: string;
  /** The file's name as the client says it, without any folder: do not store it under this name unchecked. */
  readonly fileName: string;
  /** Its type as the client says it: `image/png`. */
  readonly contentType: string;
  /** Length in bytes. */
  readonly size: number;
  /** Its content, byte for byte. */
  asBytes(): ArrayBuffer;
  /** Its content as text, by the `charset` of its type, else UTF-8. */
  asText(): string;
}
declare module "@nginstack/engine/lib/http/RequestFile" { export = RequestFile; }
declare module "@nginstack/engine/lib/http/RequestFile.js" { export = RequestFile; }

/**
 * What another file exports: `./x` and `../x` beside the running file, `ufs:/…` and `vfs:/…` of the project, JSON files,
 * and the modules `@nginstack/engine/…` of the engine. A file runs once in an environment; cycles see what was exported so far.
 */
declare function require(name: string): any;

/** In a file that is required: what it exports. */
declare const module: { exports: any };
declare let exports: any;

/** In a file that is required: its URI, and that of its folder. */
declare const __filename: string;
declare const __dirname: string;

/** What goes into a `ScriptRunner` and comes out of it. */
type Primitive = undefined | null | boolean | number | string | bigint | DataSet;

/** How a `ScriptRunner` runs its script. */
interface ScriptRunnerOptions {
  /** `ije` by default; a realm's own where `realm` is given. */
  runtime?: 'ije' | 'v8';
  /** The realm in which it runs: the script's own by default, or one that names it in `runnersFrom`. */
  realm?: string;
  /** Go on with a stateful session that this session has made through a `ScriptRunner`. */
  sessionId?: string;
  /** Milliseconds to wait while that session is busy; without it a busy one is an error at once. */
  waitTimeout?: number;
}

/** One session, as `engine.sessionManager.getStatistics()` shows it. Durations in milliseconds. */
interface SessionStatistics {
  readonly id: string;
  readonly realm: string;
  readonly environmentType: 'stateful' | 'stateless' | 'standalone';
  /** Name of the account, or subject of an external principal. */
  readonly user: string;
  readonly creation: Date;
  readonly lastAccess: Date;
  /** Idle limit, 0 for none. */
  readonly maxInactiveTime: number;
  readonly maxLifeTime: number;
  /** Whether it has passed its limits since it was read. */
  readonly expired: boolean;
  /** Whether it executes now. */
  readonly inUse: boolean;
}

/**
 * Call a function later, in milliseconds; gives the number by which `clearTimeout` takes it back. The execution goes on
 * until no timer is left and the promise that is its value is settled, or until a limit of the realm is hit; no timer
 * outlives it. Throws `RangeError` beyond 1000 timers. Nothing to do with `session.setTimeout`.
 */
declare function setTimeout(callback: (...args: any[]) => void, delay?: number, ...args: any[]): number;

/** As `setTimeout`, again and again until `clearInterval`. */
declare function setInterval(callback: (...args: any[]) => void, delay?: number, ...args: any[]): number;

/** Take a timer back; a number that is none is ignored. */
declare function clearTimeout(id?: number): void;

/** Take a timer back; a number that is none is ignored. */
declare function clearInterval(id?: number): void;

/** Which rows of the change log; all that is said has to hold, of an array any one. */
interface LogQueryOptions {
  /** Not before this instant; with `startTime` not before that time of its day, UTC. */
  startDate?: Date;
  /** Not after this instant; with `endTime` not after that time of its day, UTC. */
  endDate?: Date;
  /** `HH:MM:SS`, with `startDate`. */
  startTime?: string;
  /** `HH:MM:SS`, with `endDate`. */
  endTime?: string;
  /** Name of the table. */
  tableClass?: string;
  /** Keys of records. */
  recordKey?: number | bigint | string | DBKey | (number | bigint | string | DBKey)[];
  /** Keys of the users who have changed them. */
  userKey?: number | number[];
  /** Versions: all changes of one `applyUpdates` have the same. */
  version?: number | number[];
  /** `INSERT`, `UPDATE`, `DELETE`, `DDL` … */
  logType?: string | string[];
  /** The `trackingId`. */
  tag?: string;
  /** The connection to the database whose log is meant; the default one where nothing is said. */
  sourceDatabase?: Database;
}

/** What is taken back, or made anew, and how. */
interface LogApplyOptions extends LogQueryOptions {
  /** Rows of the log that a query gave, with their field `iNumber`, instead of conditions. */
  logs?: DataSet;
  /**
   * Where somebody has changed a value since: `abort` changes nothing and throws `UndoConflicts`, `skip` leaves it and takes the
   * rest back, `force` takes it back all the same and needs the scope `database.forceUndo`. Default: `abort`.
   */
  onConflict?: 'abort' | 'skip' | 'force';
  /** Whether changes of several sessions or users are meant; without it they throw `SeveralAuthors`. */
  all?: boolean;
}

/**
 * The change log: which records were changed, and taking that back. The changes of the own session may be taken back by who is
 * logged in; those of others need the scope `database.undoChanges`, and are those of the session's realm.
 *
 * @example
 * session.login('anna', 'correct horse battery');
 * database.executeDDL('CREATE TABLE pear ("iKey" BIGINT PRIMARY KEY, name VARCHAR(100))');
 * session.trackingId = createGUID(true);
 * const pears = database.query('SELECT * FROM pear');
 * pears.append({ iKey: 1, name: 'Comice' });
 * pears.applyUpdates();
 * const version = new TransactionLog().undoLog({ tag: session.trackingId });
 * [version > 0, database.query('SELECT * FROM pear').isEmpty]; // => [true, true]
 */
declare class TransactionLog {
  /**
   * Rows of the view `iLog`, the oldest first, 10,000 at most. At least a version, a start date, a record's key or a tag has to be
   * named; otherwise `NothingSelected` is thrown.
   */
  query(options: LogQueryOptions): DataSet;
  /**
   * Take changes back, value by value and the newest first, as one change with a tag of its own, which can itself be taken back.
   * Its version; 0 when there was nothing to do. Changes of the schema stay, and so do keys that were made.
   *
   * Throws `UndoConflicts`, `SeveralAuthors`, `ForeignChanges`, `NothingSelected`.
   */
  undoLog(options: LogApplyOptions): number;
  /** Make changes anew that were taken back, named by what they were; as `undoLog` otherwise. */
  redoLog(options: LogApplyOptions): number;
}

/** What a tracker is opened with. */
interface DBTrackerOptions {
  /** A tracker that was begun before, in this or another session. */
  id?: string;
  /** The connection whose changes it tracks; the default one where nothing is said. */
  database?: Database;
  /** A number of the caller's own. */
  poolId?: number;
}

/**
 * Tracks what a connection changes between start and finish, so that it can be taken back as a whole: its id is the connection's
 * `trackingId` meanwhile.
 *
 * @example
 * session.login('anna', 'correct horse battery');
 * database.executeDDL('CREATE TABLE plum ("iKey" BIGINT PRIMARY KEY)');
 * const tracker = new DBTracker();
 * tracker.autoUndo = true;
 * tracker.start();
 * const plums = database.query('SELECT * FROM plum');
 * plums.append({ iKey: 1 });
 * plums.applyUpdates();
 * tracker.finish();
 * database.query('SELECT * FROM plum').isEmpty; // => true
 */
declare class DBTracker {
  constructor(options?: DBTrackerOptions);
  /** Names it, also for opening it again. */
  readonly id: string;
  readonly poolId: number | null;
  /** Whether it is started and not finished. */
  readonly active: boolean;
  /** Whether `finish` takes back what was changed. */
  autoUndo: boolean;
  /** Milliseconds; then it counts as abandoned. Default: 172,800,000, two days. */
  maxActiveTime: number;
  /** Track from now on. */
  start(): void;
  /**
   * Track no more; with `autoUndo` what was changed is taken back first. Where that throws `UndoConflicts` it stays active. Throws
   * `TrackerInactive`.
   */
  finish(): void;
  /** Take back what was changed under it: the version of that, 0 for nothing. Throws `UndoConflicts`. */
  undoChanges(): number;
  /**
   * Finish the trackers of the realm that are active for too long, and take back what was changed where they say so, but for what
   * somebody else has changed since; how many there were. Needs the scope `database.undoChanges`.
   */
  static finishAbandoned(database?: Database): number;
}
declare module "@nginstack/engine/lib/database/TransactionLog" { export = TransactionLog; }
declare module "@nginstack/engine/lib/database/TransactionLog.js" { export = TransactionLog; }
declare module "@nginstack/engine/lib/database/DBTracker" { export = DBTracker; }
declare module "@nginstack/engine/lib/database/DBTracker.js" { export = DBTracker; }





/**
 * The engine that executes the script.
 *
 * `engine.env` holds texts by name. It begins with the values of the realm's `globals.json`, never with variables of
 * the server's process; a change is seen by this session's own scripts only, as long as their environment lives.
 */
declare class Engine {
  private constructor();
  /**
   * Texts by name, see above; what is assigned is kept as a text.
   */
  readonly env: Record<string, string>;
  /**
   * Name of this run of the engine, another one after each start.
   */
  readonly instanceId: string;
  /**
   * The address that the engine listens on, as its settings say it.
   */
  readonly localHost: string;
  /**
   * The port that the engine listens on, as its settings say it.
   */
  readonly localPort: number;
  /**
   * Operating system: `linux` or `darwin`.
   */
  readonly platform: string;
  /**
   * Id of this process of the engine.
   */
  readonly processId: number;
  /**
   * When this process of the engine was started.
   */
  readonly startTime: Date;
  /**
   * Version of Sojourn.
   */
  readonly version: string;
  /**
   * Ends the engine in good order, after `delay` milliseconds (an hour at most), with the exit code `code` (0 to 255).
   *
   * It takes no more requests, finishes those under way, this one too, for ten seconds at most, closes its stores and
   * ends, with all its processes. A supervisor may start it again. Throws `AlreadyEnding`, and `NotServing` where the
   * script does not run in a server: on the command line, or in an engine within another application.
   */
  exit(code?: number, delay?: number): void;
  /**
   * Whether the engine reaches its database through another engine: never, here.
   */
  isEdgeServer(): boolean;
  /**
   * Ends the engine as `exit` does, and starts it anew with the same command in the same process.
   *
   * All environments are gone then; sessions of persistent stores live on.
   */
  restart(delay?: number): void;
  readonly sessionManager: SessionManager;
}
declare const engine: Engine;
declare module "@nginstack/engine/lib/engine/Engine" { export = Engine; }
declare module "@nginstack/engine/lib/engine/Engine.js" { export = Engine; }
declare module "@nginstack/engine/context/engine" { export = engine; }
declare module "@nginstack/engine/context/engine.js" { export = engine; }



/**
 * A unique identifier from the operating system's randomness: `{…}` in the form of a UUID, in upper case.
 *
 * With `removeFormatChars` its 32 hexadecimal digits alone.
 */
declare function createGUID(removeFormatChars?: boolean): string;
/**
 * Run another script as this session's user and give its last value; parameters are pairs of name and value.
 *
 * It is a `ScriptRunner` with `loginBySession(session)`, the parameters as global variables, `run()` and
 * `dispose()`.
 */
declare function executeScript(reference: string | number, ...parameters: Primitive[]): Primitive;







/**
 * Products: who delivers records to many databases makes them with negative keys, each product in a range of its own.
 *
 * The keys of a product are made in one database only, where its development is enabled; set
 * `session.createKeyLicense` to the key of the product there. To change its records takes the scope
 * `database.product:<key>`. Products are those of the database `main`.
 */
declare class ProductManager {
  private constructor();
  /**
   * Whether this is the master password of a product; raises `ProductUnknown`.
   */
  authenticatePassword(product: number, password: string): boolean;
  /**
   * Give a product another master password. Raises `ProductUnknown`, `WrongProductPassword`, `WeakPassword`.
   */
  changePassword(product: number, currentPassword: string, newPassword: string): void;
  /**
   * Make a product with a range of keys of its own, and give its description for `enableDevelopment`.
   *
   * `password` becomes the master password of the product. The user with the name `userId` may change the product
   * from then on; empty for nobody. Raises `ProductExists`, `BadProduct`, `WeakPassword`, `UserUnknown`.
   */
  createProduct(productInfo: ProductInfo, userId: string, password: string): string;
  /**
   * Let this database make no more keys of a product; gives the description for the database where it goes on.
   *
   * Ours. Raises `ProductUnknown`, `WrongProductPassword`.
   */
  disableDevelopment(product: number, password: string): string;
  /**
   * Let this database make the keys of the product that `productStream` describes.
   *
   * Raises `BadProduct`, `WrongProductPassword`, `ProductElsewhere` while another database of the engine makes
   * them. Databases of other engines are not known here: disable the development there first.
   */
  enableDevelopment(productStream: string, password: string): void;
  /**
   * Keys of the products whose records an account may change in this realm. Raises `UserUnknown`.
   */
  getChangeableProducts(userKey: number): number[];
  /**
   * Key of the product that a key belongs to; null for a positive key, and for one of no product known here.
   */
  getProductFromKey(key: number): number | null;
  /**
   * Name of that product, else empty.
   */
  getProductNameFromKey(key: number): string;
  /**
   * Whether this database makes the keys of a product; raises `ProductUnknown`.
   */
  isDevelopmentEnabled(product: number): boolean;
  /**
   * Say which products an account may change in this realm: these and no others; null is every product known here.
   *
   * `passwords` are the master passwords of the products that are new to the account, in the order of `products`.
   * Raises `UserUnknown`, `ProductUnknown`, `PasswordsMissing`, `WrongProductPassword`; nothing is changed then.
   */
  setChangeableProducts(userKey: number, products: number[] | null, passwords: string[]): void;
  /**
   * Whether an account may change the record with this key: always for a positive one. Raises `UserUnknown`.
   */
  userCanChangeRecord(recordKey: number, userKey: number): boolean;
  /**
   * The global `productManager`.
   */
  static getInstance(): ProductManager;
}
declare const productManager: ProductManager;
declare module "@nginstack/engine/lib/product/ProductManager" { export = ProductManager; }
declare module "@nginstack/engine/lib/product/ProductManager.js" { export = ProductManager; }
declare module "@nginstack/engine/context/productManager" { export = productManager; }
declare module "@nginstack/engine/context/productManager.js" { export = productManager; }



/**
 * The HTTP request that is being served.
 *
 * The global exists everywhere; where no request is served (`session.hasRequest()` is false), each of its members
 * throws `NoRequest`. What was a credential is not in it: neither the session's cookie or id, nor API keys, nor the
 * `Authorization` that the route has consumed, nor any other cookie of the engine.
 */
declare class Request {
  private constructor();
  /**
   * The header `Accept-Language`, empty without one.
   */
  readonly acceptLanguage: string;
  /**
   * The body as text, or as the value of its JSON: `asText()`, `asJson()`.
   */
  readonly body: RequestBody;
  /**
   * The body as text, by the `charset` of its content type, else UTF-8.
   *
   * Throws `ContentTooLarge` above 20 MB, and `ContentConsumed` once `read` was used.
   */
  readonly content: string;
  /**
   * Length of the body in bytes.
   */
  readonly contentLength: number;
  /**
   * The header `Content-Type`, empty without one.
   */
  readonly contentType: string;
  /**
   * How many cookies the client sent, those of the engine not counted.
   */
  readonly cookieCount: number;
  /**
   * Files of a form of type `multipart/form-data`, in their order, at most 1,000 with the fields; else empty. Ours.
   *
   * Throws `BadForm` as `form` does. How large all of them may be is the route's `maxRequestSize`.
   */
  readonly files: ReadonlyArray<RequestFile>;
  /**
   * Fields of a form in the body (`application/x-www-form-urlencoded`, `multipart/form-data`), named as in `params`;
   * else empty. Ours.
   *
   * Throws `BadForm` where the parts of a form are none, which the client is told with 400.
   */
  readonly form: {[name: string]: string};
  /**
   * The headers: names in lower case, several of one name joined with commas.
   */
  readonly headers: {[name: string]: string};
  /**
   * The header `Host`, in lower case, without the port that the scheme has anyway.
   */
  readonly host: string;
  /**
   * The whole request as text: its first line, its headers, its content.
   */
  readonly httpMessage: string;
  /**
   * IP address at which the request arrived.
   */
  readonly localAddress: string;
  /**
   * Host name that the client asked for, without port.
   */
  readonly localHost: string;
  /**
   * Port at which the request arrived.
   */
  readonly localPort: number;
  /**
   * `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`.
   */
  readonly method: string;
  /**
   * The old name of `method`.
   *
   * @deprecated use `method`
   */
  readonly methodType: string;
  /**
   * How many parameters the query string has.
   */
  readonly parameterCount: number;
  /**
   * Parameters of the query string: names in lower case, the last value of each.
   */
  readonly params: {[name: string]: string};
  /**
   * Path of the URL, percent-decoded.
   */
  readonly path: string;
  /**
   * What the parameters of the route's path stand for, converted to the types that it names. Ours.
   */
  readonly pathParams: {[name: string]: any};
  /**
   * Milliseconds to wait for content in `read`. All of it has arrived before the script begins.
   */
  readTimeout: number;
  /**
   * The header `Referer`, empty without one.
   */
  readonly referer: string;
  /**
   * IP address of the client; behind a proxy that `trustedProxies` lists, the one that it names.
   */
  readonly remoteAddress: string;
  /**
   * The same as `remoteAddress`: names of clients are not looked up.
   */
  readonly remoteHost: string;
  /**
   * Port of the other end of the connection.
   */
  readonly remotePort: number;
  /**
   * Hands the body, byte for byte, to the `write` of an object.
   */
  readonly saveToStream: (stream: {write(bytes: Uint8Array): any}) => void;
  /**
   * The header `User-Agent`, empty without one.
   */
  readonly userAgent: string;
  /**
   * The body as text where its content type is XML, else empty.
   */
  readonly xml: string;
  /**
   * The body, byte for byte. Ours.
   */
  bytes(): ArrayBuffer;
  /**
   * Value of a cookie by its name, or by its place from 0; empty without one.
   */
  getCookie(indexOrName: number | string): string;
  /**
   * Name of the cookie at a place from 0; empty without one.
   */
  getCookieName(index: number): string;
  /**
   * A header by its name in any case; empty without one.
   */
  getHeader(name: string): string;
  /**
   * A parameter by its name, or by its place from 0; empty without one.
   *
   * @deprecated use `param` or `params`
   */
  getParameter(indexOrName: number | string): string;
  /**
   * Name of the parameter at a place from 0; empty without one.
   */
  getParameterName(index: number): string;
  /**
   * Whether the client came by HTTPS.
   *
   * `trustProxy` (the default) believes a proxy that `trustedProxies` lists, and no other; `false` asks for the
   * connection to this server only.
   */
  isHttps(trustProxy?: boolean): boolean;
  /**
   * A parameter of the query string by its name in any case; `defaultValue`, else `null`, without one.
   */
  param(name: string, defaultValue?: any): any;
  /**
   * Text of the next `size` bytes of the body, at most 1 MB; empty at its end.
   *
   * Throws `ReadTooLarge` above that. After it `content` is no longer there.
   */
  read(size: number): string;
}
declare const request: Request;
declare module "@nginstack/engine/lib/http/Request" { export = Request; }
declare module "@nginstack/engine/lib/http/Request.js" { export = Request; }
declare module "@nginstack/engine/context/request" { export = request; }
declare module "@nginstack/engine/context/request.js" { export = request; }



/**
 * The answer to the HTTP request that is being served.
 *
 * A script that writes, redirects or sends has made its answer; otherwise its value is the answer: an object or array
 * as JSON, a string as text, `undefined` as nothing (204). The global exists everywhere; where no request is served,
 * each of its members throws `NoRequest`.
 *
 * The body has at most as many bytes as the realm's `scriptOutput` says. HTML, SVG, XML and other types that a browser
 * would run are answered with `Content-Security-Policy: sandbox`, unless the route says `html: true`.
 */
declare class Response {
  private constructor();
  /**
   * The header `Cache-Control`. Answers to who is logged in, or with a cookie, are `no-store` all the same.
   */
  cacheControl: string;
  /**
   * The header `Content-Description`.
   */
  contentDescription: string;
  /**
   * The header `Content-Disposition`: `attachment; filename="orders.csv"`.
   */
  contentDisposition: string;
  /**
   * Empty, or `gzip`: the engine then compresses the body where the client takes that.
   *
   * In realms with `httpCompressionEnabled` it does so with texts of 1 KiB and more by itself.
   */
  contentEncoding: string;
  /**
   * Content type of the body. Where the script sets none: `text/plain` for what it writes.
   */
  contentType: string;
  /**
   * The header `Expires`, `null` without one.
   */
  expires: Date | null;
  /**
   * The new handle of the session, once, in a stateful realm without session cookies; else empty. Ours.
   *
   * It is there after a login, logout or change of password in this script, and when the session began with this
   * request. The client sends it as the header `x-session-id`. Where the script does not take it, the answer carries
   * it in that header.
   */
  readonly sessionHandle: string;
  /**
   * HTTP status, 200 until it is set; an empty answer without one is 204.
   */
  statusCode: number;
  /**
   * Empty, `none` or `chunked`, as it was set. It changes nothing: how a body is framed is the server's affair.
   */
  transferEncoding: string;
  /**
   * The headers that were set.
   */
  getAllHeaders(): {[name: string]: string};
  /**
   * Answer with 302, or 301, and `Location`; the script goes on.
   */
  redirect(uri: string, permanently?: boolean): void;
  /**
   * Send the answer now, as it is; the script goes on, and can change nothing of it any more.
   */
  send(): void;
  /**
   * Set a cookie.
   *
   * Without options it is for `/`, `HttpOnly`, `SameSite=Lax`, and `Secure` on HTTPS; it ends with the browser. Throws
   * `CookieRefused` for the cookies of the engine and for names or values that a cookie cannot hold.
   */
  setCookie(name: string, value: string, options?: {domain?: string, path?: string, expires?: Date, secure?: boolean, httpOnly?: boolean, sameSite?: "Lax" | "Strict" | "None"}): void;
  /**
   * Set a header, replacing what it had; an empty value removes it.
   *
   * Throws `HeaderRefused` for those that belong to the engine (framing, protection, CORS, authentication, cookies)
   * and for what a header cannot carry, line breaks among it.
   */
  setHeader(name: string, value: string): void;
  /**
   * End the script: what the answer holds by now is sent.
   *
   * It throws `ResponseStopped`, so that nothing after it is executed; do not catch it.
   */
  stop(): void;
  /**
   * Redirect, and end the script.
   */
  stopAndRedirect(uri: string, permanently?: boolean): void;
  /**
   * Append to the body. Text goes out in the `charset` of `contentType`, else as UTF-8.
   *
   * Throws `ScriptOutputTooLarge` above the realm's `scriptOutput`.
   */
  write(content: string | ArrayBuffer | Uint8Array): void;
  /**
   * The same, with CR LF after it.
   */
  writeln(content?: string | ArrayBuffer | Uint8Array): void;
}
declare const response: Response;
declare module "@nginstack/engine/lib/http/Response" { export = Response; }
declare module "@nginstack/engine/lib/http/Response.js" { export = Response; }
declare module "@nginstack/engine/context/response" { export = response; }
declare module "@nginstack/engine/context/response.js" { export = response; }

/**
 * Runs a script in an environment of its own, as a session of its own, which begins as nobody.
 *
 * Only primitive values (undefined, null, booleans, numbers, strings and BigInts) and DataSets go in and come out; anything
 * else throws `NotPrimitive`. A runner lives as long as the execution that made it, and what it runs has no more time than that one.
 * Runners start runners at most 8 deep, and one execution with all that it causes holds at most 16. The session ends with
 * the session that made it, and with its login; it keeps no fields.
 */
declare class ScriptRunner {
  /**
   * Public id of the session that it runs as.
   */
  readonly sessionId: string;
  /**
   * `session.trackingId` of that session.
   */
  trackingId: string;
  /**
   * The result of a global function of the script, which is run once before the first call.
   */
  applyFunction(name: string, args?: Primitive[]): Primitive;
  /**
   * As `applyFunction`, with the arguments one by one.
   */
  callFunction(name: string, ...args: Primitive[]): Primitive;
  /**
   * Remove all global variables, published ones too: the environment begins anew, and so does a lost one.
   */
  clear(): void;
  /**
   * Give the environment back now; it happens by itself when the execution is over. May be called again.
   */
  dispose(): void;
  /**
   * The value of an expression in the global scope of the environment; the script is not run for it.
   */
  evaluate(expression: string): Primitive;
  /**
   * Log its session in, by name or mail address; false for wrong ones, and then it stays as it was.
   *
   * Throws `AccountUnusable`, `TooManyTries`.
   */
  login(userId: string, password: string): boolean;
  /**
   * Log it in with an AuthToken. One for certain scripts has to name this script and all that have led here.
   *
   * Throws `AuthTokenRefused`, and then it stays as it was.
   */
  loginByAuthToken(authToken: string): void;
  /**
   * Give it the user of this session; `session` is the global one, no other is taken.
   *
   * It may do at most what this session may. In another realm it may do of that what its user may do there; throws
   * `NotAdmittedThere` where the user cannot be.
   */
  loginBySession(session: Session): void;
  /**
   * Give the environment a global variable.
   */
  publishGlobalProperty(name: string, value: Primitive): void;
  /**
   * A global variable of the environment, undefined when there is none.
   */
  readGlobalProperty(name: string): Primitive;
  /**
   * Run the script; its last value, once a promise is settled.
   *
   * Throws `NotPrimitive` for a value that is none, and what the script throws, as `ScriptFailed`.
   */
  run(): Primitive;
  /**
   * A runner for the script with that URI or key; the script is run by `run`.
   *
   * Options: `runtime` is `'ije'` (the default) or `'v8'`; without `realm` the session lives in the realm of the
   * caller, in an environment that nobody else has used. `realm` takes the environment and the runtime of that realm,
   * which has to name the caller's in `runnersFrom` unless it is the same: from its pool where it is stateless, and a
   * new session with an environment of its own where it is stateful. `sessionId` goes on with such a session, which
   * this session has made through a `ScriptRunner` under the same login. `waitTimeout` is how many milliseconds to
   * wait while another runner works with it; without one that throws `SessionBusy` at once.
   *
   * Throws `ScriptUnknown`, `RealmClosed`, `SessionUnknown`, `SessionBusy`, `TurnTimeout`,
   * `RunnersExhausted`.
   */
  constructor(fileId: string | number, options?: ScriptRunnerOptions);
}
declare module "@nginstack/engine/lib/runner/ScriptRunner" { export = ScriptRunner; }
declare module "@nginstack/engine/lib/runner/ScriptRunner.js" { export = ScriptRunner; }
declare module "@nginstack/engine/lib/script/ScriptRunner" { export = ScriptRunner; }
declare module "@nginstack/engine/lib/script/ScriptRunner.js" { export = ScriptRunner; }
declare module "@nginstack/engine/lib/session/ScriptRunner" { export = ScriptRunner; }
declare module "@nginstack/engine/lib/session/ScriptRunner.js" { export = ScriptRunner; }

/**
 * Accounts, groups, roles, scopes, passwords and tokens of the realm's directory.
 *
 * It acts as the session's user, with the user's rights and no others: nobody gives or takes over what he does not have.
 * A *user id* is a name or a mail address. Keys are of accounts and groups of the own directory; anything else is
 * `UserUnknown` or `GroupUnknown`.
 */
declare class Security {
  private constructor();
  /**
   * Whom a token acts for; logs nobody in. Throws `AuthTokenRefused` where it cannot be used.
   */
  authenticateAuthToken(accessToken: string): AuthTokenInfo;
  /**
   * The key of the account with that password, -1 for wrong ones; logs nobody in.
   *
   * Throws `AccountUnusable` for a locked, disabled or expired account, `TooManyTries`.
   */
  authenticateUser(userId: string, password: string): number;
  /**
   * Issue a token for a user in this realm; its text, shown this once. With `password` that user asks for it.
   */
  authorizeToken(authToken: AuthToken, userId: string, password?: string): string;
  /**
   * Change the own password: this session gets a new secret, all others of the user end.
   *
   * Throws `WrongPassword`, `WeakPassword`, `ExternalAuthorizer`.
   */
  changePassword(userKey: number, oldPassword: string, newPassword: string): void;
  /**
   * Make a group within `groups`; its key.
   */
  createGroup(name: string, groups?: (string | number)[]): number;
  /**
   * Make an account in `groups`, named or by their keys; its key. Without a password only a provider lets it in.
   */
  createUser(userName: string, password: string | null, groups?: (string | number)[]): number;
  /**
   * Delete a group or role with its memberships and grants.
   */
  deleteGroup(groupKey: number): void;
  /**
   * Delete an account: its sessions end, its tokens are dead.
   */
  deleteUser(userKey: number): void;
  /**
   * `secret` for the record with `key`; the engine alone can read it, no script.
   */
  encryptSecret(key: number, secret: string): string;
  /**
   * The key of the account, null when there is none.
   */
  findUser(userId: string): number | null;
  /**
   * Key of the policy by which the account's credentials are checked: here, or by an identity provider.
   */
  getAuthPolicy(userKey: number): number;
  /**
   * Key of the class of that policy.
   */
  getAuthPolicyClass(userKey: number): number;
  /**
   * What the account is for.
   */
  getUserAccountType(userKey: number): 'standard' | 'support';
  /**
   * The account's key, then those of its groups by priority, depth-first, each once, everyone last.
   */
  getUserAndGroupsKeys(userKey: number): number[];
  /**
   * All scopes of the account in this realm: its own, and those of its groups and roles.
   */
  getUserScopes(userKey: number): string[];
  /**
   * The key of the state.
   */
  getUserStatus(userKey: number): number;
  /**
   * Give a user, group or role, by name or key, a scope in this realm; nothing happens when it has it.
   */
  grantScope(assignee: string | number, scope: string): void;
  /**
   * Whether the account may act on every account.
   */
  isAdministrator(userKey: number): boolean;
  /**
   * Whether the account may deploy somewhere.
   */
  isDeveloper(userKey: number): boolean;
  /**
   * The object of an issued token, expired or not; throws `AuthTokenRefused` for anything else.
   */
  restoreAuthToken(accessToken: string): AuthToken;
  /**
   * Revoke a token by its text, and all that it asked for, for good.
   */
  revokeAuthToken(accessToken: string): void;
  /**
   * Revoke a token by its key, and all that it asked for: as this user, or as the one of `userId` and `password`.
   */
  revokeAuthTokenByKey(key: number, userId?: string, password?: string): void;
  /**
   * Take that grant away; nothing happens when there is none. Throws `GrantShipped` for one of the product.
   */
  revokeScope(assignee: string | number, scope: string): void;
  /**
   * Set a password: all sessions of the account end, its tokens are revoked. Throws `WeakPassword`.
   */
  setPassword(userKey: number, password: string): void;
  /**
   * Say what the account is for.
   */
  setUserAccountType(userKey: number, accountType: 'standard' | 'support'): void;
  /**
   * Activate, lock, disable or expire: by the key of the state, or `active`, `locked`, `disabled`, `expired`.
   */
  setUserStatus(userKey: number, status: number | string): void;
  /**
   * Give a token another `description` and `expires`: as this user, or as the one of `userId` and `password`.
   */
  updateAuthToken(authToken: AuthToken, userId?: string, password?: string): void;
  /**
   * Whether the account has the scope in this realm.
   */
  userHasScope(userKey: number, scope: string): boolean;
  /**
   * Whether the engine itself wrote the record of the account last.
   */
  userSignatureIsValid(userKey: number): boolean;
  /**
   * The global `security`.
   */
  static getInstance(): Security;
}
declare const security: Security;
declare module "@nginstack/engine/lib/security/Security" { export = Security; }
declare module "@nginstack/engine/lib/security/Security.js" { export = Security; }
declare module "@nginstack/engine/context/security" { export = security; }
declare module "@nginstack/engine/context/security.js" { export = security; }

/**
 * The session that executes this script: who acts, and for how long.
 *
 * A script has exactly one, the global `session`, and makes none itself. Members that tell something are read as they
 * are at the moment of the execution; acts are checked against the session as it is at the moment of the act, and throw
 * `SessionEnded` or `StaleSession` when it has ended or was given another identity meanwhile.
 */
declare class Session {
  private constructor();
  /**
   * Key of the application that the session belongs to, as the realm's `application` says; else null.
   */
  readonly application: DBKey | null;
  /**
   * Unique id of the client's device. Empty unless the realm has `clientTrackingEnabled` and the client keeps it.
   */
  readonly clientId: string;
  /**
   * What new keys look like: 0 for positive ones, or the key of a product for negative ones of that product.
   *
   * 0 by default, and again after each login and logout. Only who has the scope `database.product:<key>` may name a
   * product.
   */
  createKeyLicense: number;
  /**
   * Public id of the session. To know it opens nothing; empty where a request carries no session of its own.
   */
  readonly id: string;
  /**
   * Key of the identity provider that authenticated the session; null for every other way to log in.
   */
  readonly identityProviderKey: number | null;
  /**
   * URL of the script that this environment has executed last, empty for none.
   *
   * @deprecated There is nothing in its place.
   */
  readonly lastPath: string;
  /**
   * Name of the realm that the session belongs to. A session of one realm is never used by another.
   */
  readonly realm: string;
  /**
   * `"ije"` or `"v8"`: the JavaScript runtime, as the realm's `runtime` says; fixed for the session.
   */
  readonly runtime: string;
  /**
   * What the session may do, as words separated by one blank; empty for nobody.
   *
   * After a login with a password these are all scopes of the user in this realm, after one with a token those of the
   * token that the user has too.
   */
  readonly scope: string;
  /**
   * The script that is running: its URI, or its key where it was named by the key.
   */
  readonly scriptURI: string | number;
  /**
   * Whether `executeStartupScripts` was called in this environment.
   */
  readonly startupScriptsExecuted: boolean;
  /**
   * Who an external principal is, in its pipeline's words; empty for users and for nobody. Ours.
   */
  readonly subject: string;
  /**
   * Tag of everything that this session changes in the database, so that it can be looked up and undone together.
   *
   * At most 100 printable characters; use something unique, `createGUID(true)`. Empty by default. It stays with a
   * stateful session; in a stateless realm it holds for one execution. A change without one has the key of its execution
   * as its tag; a `Database` may have a tag of its own.
   */
  trackingId: string;
  /**
   * Key of the user; -1 for nobody, the user `anonymous`, and for an external principal.
   */
  readonly userKey: number;
  /**
   * Name of the user, `"anonymous"` without one.
   */
  readonly userName: string;
  /**
   * Authorize a token for this user and give its text, which is shown this once: who has it acts as the user.
   *
   * The token's scope is part of the session's. Throws `InsufficientScope`, `FreshLoginRequired`,
   * `AuthTokenExpiry`, `TooManyAuthTokens`.
   */
  authorizeToken(authToken: AuthToken): string;
  /**
   * Run all start-up scripts of the realm and of `shared`, in the ordinal order of their paths (`iUrl`).
   *
   * These are the records of `vfs:` of the type `application/x-startup`, and on disk `startup/*.startup.js`. Each
   * runs as a file does: what it declares with `var`, and its functions, stay. They run again at each call; ask
   * `startupScriptsExecuted` before. When one fails the rest does not run, and the error (`StartupError`) names it
   * and has its `cause`.
   */
  executeStartupScripts(): void;
  /**
   * Whether an HTTP request is being served: then `request` and `response` can be used.
   */
  hasRequest(): boolean;
  /**
   * Let this session create at most `limit` keys from now on, positive and negative ones; null removes the limit.
   *
   * A block of n keys counts n. Each call counts anew. What goes beyond it throws `KeyLimit`, and makes no key. Throws `BadArgument` for what is no whole number from 0.
   */
  limitKeyCreation(limit: number | null): void;
  /**
   * Log the session in, by name or mail address; false for wrong ones, and then everything stays as it was.
   *
   * The session gets a new secret: every handle and token of before is dead. A login as somebody else drops the fields,
   * and the next execution has a fresh environment. Of a request that carries no session of its own only this execution
   * is logged in. Throws `AccountUnusable` for a locked, disabled or expired account, `TooManyTries`,
   * `SessionLimit`, `ResponseAlreadySent`.
   */
  login(userName: string, password: string): boolean;
  /**
   * Log the session in with an AuthToken, or with an ID token of a registered identity provider.
   *
   * The session then has the token's scope, and ends when the token is revoked or expires. A token that names scripts is
   * taken only while the running script and every caller of it is one of them. Throws `AuthTokenRefused`, whose
   * `reason` is `unknown`, `expired`, `revoked`, `script-not-allowed`, `user-unusable` or
   * `provider-unknown`; the session keeps its user then.
   */
  loginByAuthToken(authToken: string): void;
  /**
   * Log the session in with an AuthToken; false where `loginByAuthToken` throws `AuthTokenRefused`.
   *
   * @deprecated Use loginByAuthToken.
   */
  loginByToken(token: string): boolean;
  /**
   * End the login: the session goes on as nobody, without scope and fields; its tokens are dead.
   *
   * Nothing happens when nobody is logged in. The script's own globals stay until somebody else logs in.
   */
  logout(): void;
  /**
   * A token with this user's identity that holds while this session lives as it is, in this run of the engine.
   *
   * `scope` is a list of words, or a text with blanks between them, each of them in `session.scope`. Throws
   * `NotStateful` in a stateless realm, `InsufficientScope`.
   */
  newSessionToken(scope: string | string[]): string;
  /**
   * Revoke a token, and what it has authorized itself, for good. Throws `AuthTokenUnknown`.
   */
  revokeAuthTokenByKey(key: number): void;
  /**
   * Change the password of the user: this session gets a new secret, all other sessions of the user end.
   *
   * Throws `WeakPassword`, `FreshLoginRequired`, `DelegatedHandle` for a session that a token logged in, and
   * `ExternalAuthorizer` for a user whose credentials an identity provider checks.
   */
  setPassword(newPassword: string): void;
  /**
   * Let the session end after so much time without use, counted anew from now; a month has 30 days, a year 365.
   *
   * No time at all ends the session when the script has ended. It can be longer than the realm's `sessionIdle`, up to
   * its `sessionLifetime`: more throws `IdleTooLong`. It has nothing to do with the timers of the language.
   *
   * @deprecated Set sessionIdle, or maxInactiveTime, in the realm.
   */
  setTimeout(minutes: number, hours?: number, days?: number, months?: number, years?: number): void;
  /**
   * Give an authorized token another `description` and `expires`; throws `AuthTokenFixed` for anything else.
   */
  updateAuthToken(authToken: AuthToken): void;
  readonly fields: SessionFields;
}
declare const session: Session;
declare module "@nginstack/engine/lib/session/Session" { export = Session; }
declare module "@nginstack/engine/lib/session/Session.js" { export = Session; }
declare module "@nginstack/engine/context/session" { export = session; }
declare module "@nginstack/engine/context/session.js" { export = session; }

/**
 * The data of the session, by name: what pipelines call GLOBAL. Ours.
 *
 * They live in the engine, not in the script: every execution, every process and every pipeline of the session sees them,
 * until the session ends. Each call is one atomic act and reads or writes only what it names, so that no write of another
 * request is lost; what a script reads, computes and puts back is better done with `increment`, `append` or
 * `putIf`.
 *
 * A value is what JSON holds. A `Date` is kept as its ISO text, a property that is `undefined` is left out. A whole
 * number that a number of JavaScript cannot hold exactly comes back as a BigInt.
 *
 * Throws `SessionEnded`, `StaleSession`, `FieldLimit` for too much, `BadOperand` for an operation that does not
 * fit the value, `TransientSession` where a request carries no session of its own.
 */
declare class SessionFields {
  private constructor();
  /**
   * Every field.
   */
  all(): Record<string, any>;
  /**
   * Add `item` at the end of a list; an absent field counts as an empty one.
   */
  append(name: string, item: any): number;
  /**
   * Remove fields; absent ones are no error.
   */
  delete(...names: string[]): number;
  /**
   * The value of a field as it is now; `other`, else `undefined`, where there is none.
   */
  get(name: string, other?: any): any;
  /**
   * The value with its version, for `putIf`; version 0 and `null` where there is none.
   */
  getWithVersion(name: string): { value: any, version: number };
  /**
   * Add `by`, 1 by default, and give the sum; an absent field counts as 0.
   */
  increment(name: string, by?: number): number;
  /**
   * Set fields, all or none; others stay as they are. Gives the version that they have now.
   */
  put(values: Record<string, any>): number;
  /**
   * Set a field only while it has `version` (0: while there is none), else throw `FieldConflict`.
   */
  putIf(name: string, value: any, version: number): number;
}

/**
 * Counts, shows and ends sessions: those of the script's own realm, because what runs in a realm acts in that realm only.
 *
 * What executes is known of this process alone.
 */
declare class SessionManager {
  private constructor();
  /**
   * Sessions that execute in this process now.
   */
  readonly inUseSessionsCount: number;
  /**
   * Most stateful sessions of all realms together, 0 for no ceiling.
   */
  readonly maxStatefulSessionsCount: number;
  /**
   * Most stateless sessions of all realms together, 0 for no ceiling.
   */
  readonly maxStatelessSessionsCount: number;
  /**
   * All sessions of the realm, of any kind and state.
   */
  readonly sessionsCount: number;
  /**
   * Sessions that the engine made for its own short work in this process: a script that another script runs.
   */
  readonly standaloneSessionsCount: number;
  /**
   * Stateful sessions: all of a stateful realm, none of another.
   */
  readonly statefulSessionsCount: number;
  /**
   * Stateless sessions: all of a stateless realm, none of another.
   */
  readonly statelessSessionsCount: number;
  /**
   * Ask what executes for the session in this process to break off; the session lives on. The caller itself goes on.
   *
   * Nothing happens for an idle or unknown one. A call of the operating system is not broken off.
   */
  abortSession(sid: string): void;
  /**
   * Remove what is past its limits, which the engine does by itself every few seconds.
   *
   * `timeout` in milliseconds is how long to wait, if at all; whether it had finished then.
   */
  cleanUp(wait?: boolean, timeout?: number): boolean;
  /**
   * End a session of the realm: all that opens it is dead when this returns. Nothing happens for an unknown id.
   */
  dropSession(sid: string): void;
  /**
   * As `dropSession`, in a stateful realm; elsewhere nothing happens.
   *
   * @deprecated Use dropSession.
   */
  dropStatefulSession(sid: string): void;
  /**
   * As `dropSession`, in a stateless realm; elsewhere nothing happens.
   *
   * @deprecated Use dropStatelessSessions.
   */
  dropStatelessSession(sid: string): void;
  /**
   * End every session of this stateless realm that is not in use; throws `RealmUnknown` for another realm.
   */
  dropStatelessSessions(realm: string): void;
  /**
   * Id of what executes for the session in this process; 0 when it is idle or unknown.
   */
  getSessionThreadId(sid: string): number;
  /**
   * One row for each session of the realm, 10,000 at most; times in milliseconds.
   */
  getStatistics(): SessionStatistics[];
}
declare module "@nginstack/engine/lib/session/SessionManager" { export = SessionManager; }
declare module "@nginstack/engine/lib/session/SessionManager.js" { export = SessionManager; }



/**
 * Files and directories in the engine database: `/acme/jobs/night.js` belongs to the realm `acme`, `/shared/…` to
 * all. A script sees those of its own realm and the shared ones, nothing of any other.
 *
 * Each has a key, which stays when it is renamed or moved. Every change makes a version; see `sojourn scripts versions`.
 * To write is to act as every user of the realm, and takes the scope `engine.deploy:<realm>`.
 */
declare class VirtualFileSystem {
  private constructor();
  /**
   * Make a directory in another one; its key. Raises `FileUnknown`, `PathTaken`, `BadPath`.
   */
  createDirectory(name: string, parent: number): number;
  /**
   * Make a file, with the directories above it; its key. `fileName` is a path, or one below `baseDirectory`.
   *
   * Without `contentType` its type follows from its name. Raises `PathTaken`, `BadPath`, `FileTooLarge`,
   * `InsufficientScope`.
   */
  createFile(fileName: string, content: string | ArrayBuffer, options?: { baseDirectory?: number, contentType?: string }): number;
  /**
   * Delete a directory with all that is in it. Raises `FileUnknown`.
   */
  deleteDirectory(key: number): void;
  /**
   * Delete a file; its versions are kept. Raises `FileUnknown`.
   */
  deleteFile(key: number): void;
  /**
   * The key of the directory at `path`, 0 when there is none.
   */
  directoryExists(path: string): number;
  /**
   * The key of the file at `path`, 0 when there is none.
   */
  fileExists(path: string, baseDirectory?: number): number;
  /**
   * The key of the directory at `path`, made with all above it where it is not. Raises `PathTaken`, `BadPath`.
   */
  forceDirectories(path: string): number;
  /**
   * The path that a file of that name has in a directory, whether it is there or not; raises `FileUnknown`.
   */
  formatFilePath(name: string, directory: number): string;
  /**
   * The path of a directory; raises `FileUnknown`.
   */
  getDirectoryPath(key: number): string;
  /**
   * What a file holds: its text, or its bytes where they are no UTF-8. Raises `FileUnknown`.
   */
  getFileContent(key: number): string | ArrayBuffer;
  /**
   * The path of a file; raises `FileUnknown`.
   */
  getFilePath(key: number): string;
  /**
   * Bytes of a file; raises `FileUnknown`.
   */
  getFileSize(key: number): number;
  /**
   * Put a directory with all that is in it into another one. Raises `FileUnknown`, `PathTaken`.
   */
  moveDirectory(key: number, newParent: number): void;
  /**
   * Put a file into another directory. Raises `FileUnknown`, `PathTaken`.
   */
  moveFile(key: number, destinationDir: number): void;
  /**
   * Give a directory another name; what is in it moves along. Raises `FileUnknown`, `PathTaken`, `BadPath`.
   */
  renameDirectory(key: number, newName: string): void;
  /**
   * Give a file another name in its directory. Raises `FileUnknown`, `PathTaken`, `BadPath`.
   */
  renameFile(key: number, newName: string): void;
  /**
   * Give a file another content, and another type where that is said.
   *
   * Raises `FileUnknown`, `FileTooLarge`, `FileChanged` when somebody else changed it in this moment,
   * `InsufficientScope`.
   */
  setFileContent(key: number, content: string | ArrayBuffer, contentType?: string): void;
  /**
   * The global `virtualFS`.
   */
  static getInstance(): VirtualFileSystem;
}
declare const virtualFS: VirtualFileSystem;
declare module "@nginstack/engine/lib/vfs/VirtualFileSystem" { export = VirtualFileSystem; }
declare module "@nginstack/engine/lib/vfs/VirtualFileSystem.js" { export = VirtualFileSystem; }
declare module "@nginstack/engine/context/virtualFS" { export = virtualFS; }
declare module "@nginstack/engine/context/virtualFS.js" { export = virtualFS; }
