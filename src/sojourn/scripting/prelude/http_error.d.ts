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
