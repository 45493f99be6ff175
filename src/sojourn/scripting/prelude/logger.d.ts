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
