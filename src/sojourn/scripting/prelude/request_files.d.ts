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
