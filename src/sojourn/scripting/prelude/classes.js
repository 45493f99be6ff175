// The classes of scripts that the host declares, and the host object for the files of the prelude that define others.
(function (p, calls, errors, modules, spec) {
  'use strict';
  // The numbers by which the host knows the instances.
  const handles = new p.WeakMap();
  const classes = { __proto__: null };
  // What hangs on a name: the one instance of a class by 'session' or 'engine.sessionManager'.
  const instances = { __proto__: null };
  // What becomes of the result of a host function before a script gets it, by wire name.
  const finishers = { __proto__: null };
  const NONE = p.freeze([]);

  function handleOf(self, name) {
    const found = typeof self === 'object' && self !== null ? p.weakGet(handles, self) : undefined;
    if (found === undefined) throw new p.TypeError('this is no ' + name);
    return found;
  }

  function named(f, name) {
    p.defineProperty(f, 'name', { __proto__: null, value: name });
    return p.freeze(f);
  }

  function withHandle(self, name, args) {
    const all = [handleOf(self, name)];
    for (let i = 0; i < args.length; i++) p.define(all, i + 1, args[i], true);
    return all;
  }

  // The result of a member; args are those of the script, sent those of the host.
  function called(wire, sent, args) {
    const value = calls.call(wire, sent);
    const finish = finishers[wire];
    return finish === undefined ? value : finish(value, args);
  }

  function functionOf(cls, kind, name) {
    const wire = cls.name + '.' + name;
    if (kind === 'static' || cls.instance !== '') return named({ f(...args) { return called(wire, args, args); } }.f, name);
    return named({ f(...args) { return called(wire, withHandle(this, cls.name, args), args); } }.f, name);
  }

  function getterOf(cls, name) {
    const wire = cls.name + '.' + name;
    if (cls.instance !== '') return named({ f() { return called(wire, NONE, NONE); } }.f, 'get ' + name);
    return named({ f() { return called(wire, [handleOf(this, cls.name)], NONE); } }.f, 'get ' + name);
  }

  // Assignment to what can only be read is an error in sloppy code too.
  function refusing(owner, name) {
    return named({ f() { throw new p.TypeError(owner + '.' + name + ' is read-only'); } }.f, 'set ' + name);
  }

  function setterOf(cls, name, writable) {
    const wire = cls.name + '.' + name + '=';
    if (!writable) return refusing(cls.name, name);
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
      p.defineProperty(prototype, name, { __proto__: null, get, set, enumerable: true, configurable: true });
    }
  }

  function build(cls) {
    const make = constructorOf(cls, cls.members.some(([kind]) => kind === 'new'));
    accessors(cls, make.prototype);
    for (const [kind, name] of cls.members) {
      if (kind === 'method') p.define(make.prototype, name, functionOf(cls, kind, name), false);
      if (kind === 'static') p.define(make, name, functionOf(cls, kind, name), true);
    }
    p.defineProperty(make.prototype, Symbol.toStringTag, { __proto__: null, value: cls.name });
    classes[cls.name] = make;
    publish(cls, make);
  }

  function publish(cls, make) {
    if (cls.instance !== '') instances[cls.instance] = p.create(make.prototype);
    p.define(p.global, cls.name, make, false);
    for (const name of cls.modules) modules.add(name, name.startsWith('context/') ? instances[cls.instance] : make);
  }

  function functions(cls) {
    for (const [kind, name] of cls.members) if (kind === 'static') hang(name, functionOf(cls, kind, name));
  }

  // Give the global object, or the instance before the dot, a property that no assignment changes. Of a global variable
  // scripts may declare another one: const session = require('@nginstack/engine/context/session').
  function hang(path, value) {
    const dot = path.lastIndexOf('.');
    if (dot < 0) {
      p.defineProperty(p.global, path, { __proto__: null, value, enumerable: true, configurable: true });
      return;
    }
    const owner = path.slice(0, dot);
    const name = path.slice(dot + 1);
    if (instances[owner] === undefined) throw new p.TypeError('there is nothing that ' + path + ' could hang on');
    const get = named({ f() { return value; } }.f, 'get ' + name);
    p.defineProperty(instances[owner], name, { __proto__: null, get, set: refusing(owner, name), enumerable: true });
  }

  for (const cls of spec) {
    if (cls.role === 'class') build(cls);
    if (cls.role === 'functions') functions(cls);
  }
  for (const path of p.keys(instances).sort()) hang(path, instances[path]);

  const host = p.freeze({
    __proto__: null,
    // call(name, args) -> value of a host function: 'Session.login'.
    call: calls.call,
    primordials: p,
    // runScript(uri, code): its last value as a global script in the middle of another one.
    runScript: modules.run,
    // The classes of the host by name; until all files of the prelude have run their prototypes can be added to.
    classes,
    // defineModule('lib/session/Session', exports): what require gives under that name.
    defineModule: modules.add,
    // defineGlobal(path, value): a global variable, or a property of a global object of the host ('engine.env'), that
    // scripts cannot change; a class is frozen with its prototype.
    defineGlobal(path, value) {
      hang(path, value);
      if (typeof value === 'function') finished(value);
      else if (typeof value === 'object' && value !== null) p.freeze(value);
    },
    // defineClass(make, module): a class that is written in JavaScript, as a global variable and a module.
    defineClass(make, module) {
      p.define(p.global, make.name, make, false);
      finished(make);
      modules.add(module, make);
    },
    // finish(name, f): a script gets f(value, args) for the value that the host function name gave for its arguments.
    finish(name, f) { finishers[name] = f; },
    // defineError(name, maker): errors of the host with this name are made by maker({ name, message, code, … }).
    defineError: errors.register,
  });

  function finished(make) {
    p.freeze(make);
    if (make.prototype !== undefined) p.freeze(make.prototype);
  }

  return p.freeze({
    __proto__: null,
    host,
    // Nothing of the host changes after this.
    close() {
      for (const name of p.keys(classes)) finished(classes[name]);
      for (const path of p.keys(instances)) p.freeze(instances[path]);
      p.freeze(classes);
    },
  });
})
