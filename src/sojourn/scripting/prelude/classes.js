// The classes of scripts that the host declares, and the host object for the files of the prelude that define others.
(function (p, calls, errors, modules, spec) {
  'use strict';
  // The numbers by which the host knows the instances.
  const handles = new p.WeakMap();
  const classes = { __proto__: null };

  function handleOf(self, name) {
    const found = typeof self === 'object' && self !== null ? p.weakGet(handles, self) : undefined;
    if (found === undefined) throw new p.TypeError('this is no ' + name);
    return found;
  }

  function named(f, name) {
    p.defineProperty(f, 'name', { __proto__: null, value: name });
    return p.freeze(f);
  }

  // args with the handle of self before them; alone[i] are the classes with one instance, which need none.
  function withHandle(self, name, args) {
    const all = [handleOf(self, name)];
    for (let i = 0; i < args.length; i++) p.define(all, i + 1, args[i], true);
    return all;
  }

  function functionOf(cls, kind, name) {
    const wire = cls.name + '.' + name;
    if (kind === 'static' || cls.instance !== '') return named({ f(...args) { return calls.call(wire, args); } }.f, name);
    return named({ f(...args) { return calls.call(wire, withHandle(this, cls.name, args)); } }.f, name);
  }

  function getterOf(cls, name) {
    const wire = cls.name + '.' + name;
    if (cls.instance !== '') return named({ f() { return calls.call(wire, []); } }.f, 'get ' + name);
    return named({ f() { return calls.call(wire, [handleOf(this, cls.name)]); } }.f, 'get ' + name);
  }

  function setterOf(cls, name, writable) {
    const wire = cls.name + '.' + name + '=';
    if (!writable) {
      return named({ f() { throw new p.TypeError(cls.name + '.' + name + ' is read-only'); } }.f, 'set ' + name);
    }
    if (cls.instance !== '') return named({ f(value) { calls.call(wire, [value]); } }.f, 'set ' + name);
    return named({ f(value) { calls.call(wire, [handleOf(this, cls.name), value]); } }.f, 'set ' + name);
  }

  function constructorOf(cls, makes) {
    const wire = cls.name + '.';
    const f = function (...args) {
      if (new.target === undefined) throw new p.TypeError(cls.name + ' is made with new');
      if (!makes) throw new p.TypeError('scripts cannot make a ' + cls.name);
      p.weakSet(handles, this, calls.call(wire, args));
    };
    p.defineProperty(f, 'name', { __proto__: null, value: cls.name });
    return f;
  }

  function accessors(cls, prototype) {
    const writable = { __proto__: null };
    for (const [kind, name] of cls.members) if (kind === 'set') writable[name] = true;
    for (const [kind, name] of cls.members) {
      if (kind !== 'get') continue;
      const get = getterOf(cls, name);
      const set = setterOf(cls, name, writable[name] === true);
      p.defineProperty(prototype, name, { __proto__: null, get, set, enumerable: true });
    }
  }

  function build(cls) {
    const make = constructorOf(cls, cls.members.some(([kind]) => kind === 'new'));
    accessors(cls, make.prototype);
    for (const [kind, name] of cls.members) {
      if (kind === 'method') p.define(make.prototype, name, functionOf(cls, kind, name), false);
      if (kind === 'static') p.fix(make, name, functionOf(cls, kind, name));
    }
    p.defineProperty(make.prototype, Symbol.toStringTag, { __proto__: null, value: cls.name });
    p.freeze(make.prototype);
    classes[cls.name] = p.freeze(make);
    publish(cls, make);
  }

  function publish(cls, make) {
    const instance = cls.instance === '' ? undefined : p.freeze(p.create(make.prototype));
    if (cls.exported) p.fix(p.global, cls.name, make);
    if (instance !== undefined) p.fix(p.global, cls.instance, instance);
    for (const name of cls.modules) modules.add(name, name.startsWith('context/') ? instance : make);
  }

  for (const cls of spec) build(cls);

  return p.freeze({
    __proto__: null,
    // call(name, args) -> value of a host function: 'Session.login'.
    call: calls.call,
    primordials: p,
    // The classes of the host by name.
    classes: p.freeze(classes),
    // defineModule('lib/session/Session', exports): what require gives under that name.
    defineModule: modules.add,
    // defineGlobal(name, value): a global variable that scripts cannot change.
    defineGlobal: (name, value) => p.fix(p.global, name, value),
    // defineError(name, maker): errors of the host with this name are made by maker({ name, message, code, … }).
    defineError: errors.register,
  });
})
