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
