// AuthToken: a login that is handed on. What a token may be is checked where it is authorized, by the host.
(function (host) {
  'use strict';
  const p = host.primordials;
  const { now } = Date;
  const LIFE = 30 * 24 * 60 * 60 * 1000;
  const NO_TOKEN = 'this is no AuthToken';

  function word(scope) {
    if (typeof scope === 'string') return scope;
    const key = typeof scope === 'object' && scope !== null ? +scope : scope;
    if (typeof key === 'number' && p.isSafeInteger(key)) return 'vfs:ikey?' + key;
    throw new p.TypeError('a scope is a text, the key of a script, or an array of these');
  }

  function words(scope) {
    if (!p.isArray(scope)) return word(scope);
    let joined = '';
    for (let i = 0; i < scope.length; i++) joined += (i === 0 ? '' : ' ') + word(scope[i]);
    return joined;
  }

  function text(value, name) {
    if (typeof value !== 'string') throw new p.TypeError(name + ' is a text');
    return value;
  }

  class AuthToken {
    #scope;
    #data;
    #description = '';
    #expires;
    // The instant at which it expires unless somebody says another one.
    #usual;
    #key = 0;
    #userKey = -1;

    constructor(scope, data = '') {
      this.#scope = words(scope);
      this.#data = text(data, 'data');
      this.#usual = now() + LIFE;
      this.#expires = new p.Date(this.#usual);
    }

    get scope() {
      return this.#scope;
    }

    set scope(value) {
      this.#scope = words(value);
    }

    get data() {
      return this.#data;
    }

    set data(value) {
      this.#data = text(value, 'data');
    }

    get description() {
      return this.#description;
    }

    set description(value) {
      this.#description = text(value, 'description');
    }

    get expires() {
      return this.#expires;
    }

    set expires(value) {
      const time = value === null ? null : typeof value === 'number' ? value : p.dateTime(value);
      if (time !== null && !p.isFinite(time)) throw new p.TypeError('expires is a valid date, or null');
      this.#expires = typeof time === 'number' && typeof value === 'number' ? new p.Date(time) : value;
      this.#usual = undefined;
    }

    get userKey() {
      return this.#userKey;
    }

    set userKey(_) {
      throw new p.TypeError('AuthToken.userKey is read-only');
    }

    get key() {
      return this.#key;
    }

    set key(_) {
      throw new p.TypeError('AuthToken.key is read-only');
    }

    // What the host gets of it.
    toJSON() {
      const expires = this.#expires;
      return {
        scope: this.#scope,
        data: this.#data,
        description: this.#description,
        expires,
        chosen: expires === null || p.dateTime(expires) !== this.#usual,
        key: this.#key,
        userKey: this.#userKey,
      };
    }

    // As the host knows it.
    static #adopt(token, known) {
      token.#scope = known.scope;
      token.#data = known.data;
      token.#description = known.description;
      token.#expires = known.expires;
      token.#usual = undefined;
      token.#key = known.key;
      token.#userKey = known.userKey;
      return token;
    }

    static {
      const authorized = (known, args) => {
        if (args.length > 0 && #key in args[0]) AuthToken.#adopt(args[0], known);
        return known.text;
      };
      host.finish('Session.authorizeToken', authorized);
      host.finish('Security.authorizeToken', authorized);
      host.finish('Security.restoreAuthToken', (known) => AuthToken.#adopt(new AuthToken(''), known));
    }
  }

  host.defineClass(AuthToken, 'lib/security/AuthToken');
})
