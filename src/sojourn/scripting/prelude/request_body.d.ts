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
