// engine.env: texts by name, of the realm at first; a change is seen by the session's own scripts only.
(function (host) {
  'use strict';
  const p = host.primordials;

  function read(name) {
    return typeof name === 'string' ? host.call('EngineEnv.read', [name]) : null;
  }

  function write(name, value) {
    if (typeof name !== 'string') throw new p.TypeError('names in engine.env are texts');
    host.call('EngineEnv.write', [name, value]);
    return true;
  }

  // Whatever is a value is kept as a text, as an environment does it.
  const textOf = (value) => (typeof value === 'string' ? value : '' + value);

  function descriptor(value) {
    if (value === null) return undefined;
    return { __proto__: null, value, writable: true, enumerable: true, configurable: true };
  }

  const env = new Proxy(p.create(null), p.freeze({
    __proto__: null,
    get(_, name) {
      const value = read(name);
      return value === null ? undefined : value;
    },
    set: (_, name, value) => write(name, textOf(value)),
    has: (_, name) => read(name) !== null,
    deleteProperty: (_, name) => write(name, null),
    ownKeys: () => host.call('EngineEnv.names', []),
    getOwnPropertyDescriptor: (_, name) => descriptor(read(name)),
    defineProperty(_, name, given) {
      if (!p.hasOwn(given, 'value')) throw new p.TypeError('engine.env holds texts');
      return write(name, textOf(given.value));
    },
    getPrototypeOf: () => null,
    setPrototypeOf: () => false,
    preventExtensions: () => false,
  }));

  host.finish('Engine.env', () => env);
})
