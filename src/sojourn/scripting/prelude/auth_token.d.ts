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
