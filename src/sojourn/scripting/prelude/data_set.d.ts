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
