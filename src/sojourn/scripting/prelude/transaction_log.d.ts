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
