// HttpError: an error that says which status the answer has. Called with and without new, as its users are used to.
(function (host) {
  'use strict';
  const p = host.primordials;
  const { construct } = Reflect;
  const KINDS = {
    __proto__: null,
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    NotAcceptable: 406,
    ServiceUnavailable: 503,
  };

  function optional(value, name) {
    if (value !== undefined && value !== null && typeof value !== 'string') throw new p.TypeError(name + ' is a text');
    return value === undefined || value === null ? '' : value;
  }

  function status(code) {
    const given = code === undefined || code === null ? 500 : code;
    if (!p.isInteger(given) || given < 400 || given > 599) throw new p.TypeError('code is a status from 400 to 599');
    return given;
  }

  function make(target, error, solution, details, code) {
    const cause = p.isError(error) ? error : undefined;
    const made = construct(p.Error, [cause === undefined ? '' + error : '' + cause.message], target);
    p.define(made, 'solution', optional(solution, 'solution'), true);
    p.define(made, 'details', optional(details, 'details'), true);
    p.define(made, 'code', status(code), true);
    if (cause !== undefined) p.define(made, 'cause', cause, false);
    return made;
  }

  function named(f, name, prototype) {
    p.defineProperty(f, 'name', { __proto__: null, value: name });
    p.defineProperty(f, 'prototype', { __proto__: null, value: prototype, writable: false });
    p.define(prototype, 'name', name, false);
    p.define(prototype, 'constructor', f, false);
    p.freeze(prototype);
    return f;
  }

  function HttpError(error, solution, details, code) {
    return make(new.target === undefined ? HttpError : new.target, error, solution, details, code);
  }
  named(HttpError, 'HttpError', p.create(p.Error.prototype));

  function kind(name) {
    const Kind = function (error, solution, details) {
      return make(new.target === undefined ? Kind : new.target, error, solution, details, KINDS[name]);
    };
    return p.freeze(named(Kind, name, p.create(HttpError.prototype)));
  }
  for (const name in KINDS) p.fix(HttpError, name, kind(name));

  host.defineClass(HttpError, 'lib/http/HttpError');
})
