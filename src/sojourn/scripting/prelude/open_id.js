// OpenIdProvider and OpenIdClient: the engine as the client of an identity provider that the operator has registered.
(function (host) {
  'use strict';
  const p = host.primordials;

  function ask(name, key, args) {
    const all = [key];
    for (let i = 0; i < args.length; i++) p.define(all, i + 1, args[i], true);
    return host.call('OpenId.' + name, all);
  }

  // What an application elsewhere says of its provider; here the operator has said it already.
  function named(options) {
    if (typeof options !== 'object' || options === null) throw new p.TypeError('OpenIdClient takes an object of options');
    const found = options.provider ?? options.issuer;
    if (found === undefined) throw new p.TypeError('OpenIdClient needs provider, or issuer and clientId');
    return found;
  }

  class OpenIdClient {
    #provider;

    constructor(options) {
      const known = host.call('OpenId.provider', [named(options)]);
      if (options.clientId !== undefined && options.clientId !== known.clientId) {
        throw new p.TypeError('clientId is another one than that of the registered provider');
      }
      this.#provider = known.key;
      p.freeze(this);
    }

    getAuthorizationUri(options) { return ask('authorizationUri', this.#provider, [options]); }

    exchangeCode(code, redirectUri, codeVerifier) {
      return ask('exchangeCode', this.#provider, [code, redirectUri, codeVerifier]);
    }

    exchangePassword(userName, password, scopes) {
      return ask('exchangePassword', this.#provider, [userName, password, scopes]);
    }

    exchangeRefreshToken(refreshToken, scopes) {
      return ask('exchangeRefreshToken', this.#provider, [refreshToken, scopes]);
    }

    exchangeClientCredentials(scopes) { return ask('exchangeClientCredentials', this.#provider, [scopes]); }

    introspect(token) { return ask('introspect', this.#provider, [token]); }

    revoke(token, tokenType) { ask('revoke', this.#provider, [token, tokenType]); }

    getUserInfo(accessToken, subject) { return ask('userInfo', this.#provider, [accessToken, subject]); }

    getSigningKey(kid) { return ask('signingKey', this.#provider, [kid]); }

    getCodeVerifier() { return host.call('OpenId.codeVerifier', []); }

    getCodeChallenge(verifier) { return host.call('OpenId.codeChallenge', [verifier]); }
  }

  const MADE = {};

  class OpenIdProvider {
    constructor(values) {
      if (values === undefined || values.made !== MADE) throw new p.TypeError('use OpenIdProvider.fromConfig');
      const names = p.keys(values);
      for (let i = 0; i < names.length; i++) if (names[i] !== 'made') p.fix(this, names[i], values[names[i]]);
      p.freeze(this);
    }

    static fromConfig(key) {
      const which = typeof key === 'object' && key !== null ? +key : key;
      return new OpenIdProvider({ __proto__: null, ...host.call('OpenId.provider', [which]), made: MADE });
    }

    newOpenIdClient() {
      return new OpenIdClient({ provider: this.key });
    }
  }

  host.defineClass(OpenIdClient, 'lib/oidc/OpenIdClient');
  host.defineClass(OpenIdProvider, 'lib/oidc/OpenIdProvider');
})
