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
