// The classes of scripts that the host declares, made of the texts of declared.py when they are first used, and the host
// object for the files of the prelude that define others. All of it may run after code of scripts: it uses primordials only.
(function (p, calls, errors, modules, outline, declared, codec) {
  'use strict';
  // The numbers by which the host knows the instances.
  const handles = new p.WeakMap();
  // What becomes of the result of a host function before a script gets it, by wire name.
  const finishers = { __proto__: null };
  // By name, once they are made; instances by their path: 'session', 'engine.sessionManager'.
  const classes = { __proto__: null };
  const instances = { __proto__: null };
  const classOf = { __proto__: null };
  // Files that are loaded at their first use: what they gave, and which one defines a class.
  const loaded = { __proto__: null };
  const writtenIn = { __proto__: null };

  function call(wire, args, handle) {
    const value = calls.call(wire, args, handle);
    const finish = finishers[wire];
    return finish === undefined ? value : finish(value, args);
  }

  function keep(self, handle) {
    p.weakSet(handles, self, handle);
  }

  function own(self, name) {
    const found = typeof self === 'object' && self !== null ? p.weakGet(handles, self) : undefined;
    if (found === undefined) throw new p.TypeError('this is no ' + name);
    return found;
  }

  function illegal(name) {
    throw new p.TypeError('scripts cannot make a ' + name);
  }

  function readOnly(name) {
    throw new p.TypeError(name + ' is read-only');
  }

  function textOf(name) {
    try {
      return declared(name);
    } catch {
      // The script has recursed too deep, or has no memory left; the next one tries again.
      throw new p.RangeError('Maximum call stack size exceeded');
    }
  }

  function made(name) {
    if (classes[name] === undefined && writtenIn[name] !== undefined) classes[name] = part(writtenIn[name])[name];
    if (classes[name] === undefined) {
      const make = textOf(name)(call, keep, own, illegal, readOnly);
      if (typeof make === 'function') {
        p.defineProperty(make.prototype, p.toStringTag, { __proto__: null, value: name });
        freezeMembers(make.prototype);
      }
      freezeMembers(make);
      classes[name] = make;
    }
    return classes[name];
  }

  function freezeMembers(holder) {
    const names = p.ownKeys(holder);
    for (let i = 0; i < names.length; i++) {
      const member = p.getOwnPropertyDescriptor(holder, names[i]);
      const { value, get, set } = p.setPrototypeOf(member, null) && member;
      if (typeof value === 'function') p.freeze(value);
      if (get !== undefined) p.freeze(get);
      if (set !== undefined) p.freeze(set);
    }
    p.freeze(holder);
  }

  function refuseAssignment(holder, className) {
    const names = p.ownKeys(holder);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const { get, set } = p.getOwnPropertyDescriptor(holder, name);
      if (get === undefined || set !== undefined) continue;
      p.defineProperty(holder, name, { __proto__: null, set: () => readOnly(className + '.' + name) });
    }
  }

  function instance(path) {
    if (instances[path] === undefined) {
      const single = p.create(made(classOf[path]).prototype);
      for (const other in classOf) {
        const dot = p.lastIndexOf(other, '.');
        if (dot > 0 && p.slice(other, 0, dot) === path) child(single, other, p.slice(other, dot + 1, other.length));
      }
      instances[path] = p.freeze(single);
    }
    return instances[path];
  }

  function child(parent, path, name) {
    const get = p.freeze(() => instance(path));
    const set = p.freeze(() => { readOnly(path); });
    p.defineProperty(parent, name, { __proto__: null, get, set, enumerable: true });
  }

  // A global variable that no assignment changes; a script may declare another variable of the name:
  // const session = require('@nginstack/engine/context/session').
  function place(name, get) {
    p.defineProperty(p.global, name, { __proto__: null, get, set: undefined, enumerable: false, configurable: true });
  }

  function publish(cls) {
    const { name, instance: path } = cls;
    if (path !== '') classOf[path] = name;
    place(name, () => made(name));
    for (const module of cls.modules) {
      modules.add(module, p.startsWith(module, 'context/') ? () => instance(path) : () => made(name));
    }
  }

  // What a file of the prelude gives that is loaded at its first use.
  function part(name) {
    if (loaded[name] === undefined) loaded[name] = textOf(name + '.js')(host);
    return loaded[name];
  }

  // A class that such a file defines, with its instances.
  function written({ name, file, modules: names, instances: paths }) {
    writtenIn[name] = file;
    place(name, () => made(name));
    for (const module of names) modules.add(module, () => made(name));
    for (const path of paths) {
      place(path, () => part(file)[path]);
      modules.add('context/' + path, () => part(file)[path]);
    }
  }

  for (const cls of outline) {
    if (cls.role === 'written') {
      written(cls);
      continue;
    }
    if (cls.role === 'class') publish(cls);
    for (const name of cls.functions) place(name, () => made(cls.name)[name]);
  }
  for (const path in classOf) if (p.lastIndexOf(path, '.') < 0) place(path, () => instance(path));

  codec.onDataSet((text) => part('data_set').unpack(text));

  const host = p.freeze({
    __proto__: null,
    // call(name, args) -> value of a host function: 'Session.login'.
    call: calls.call,
    primordials: p,
    // runScript(uri, code): its last value as a global script in the middle of another one.
    runScript: modules.run,
    // The class with this name, of the host or of the prelude; it is frozen.
    made,
    // Make what nearly every script of a route uses, for a scope that will be copied: the more there is, the longer it takes.
    prepare() {
      for (const path of ['session', 'session.fields', 'request', 'response']) if (path in classOf) instance(path);
    },
    // The one instance of a class, by its path: 'session', 'engine.sessionManager'.
    instance,
    // defineModule('lib/session/Session', exports): what require gives under that name.
    defineModule: (name, exports) => modules.add(name, () => exports),
    // require(name): a module, named as in the script that runs; code of scripts may run in it.
    require: modules.require,
    // defineClass(make, module): a class that is written in JavaScript, a global variable and a module.
    defineClass(make, module) {
      freezeMembers(make.prototype);
      freezeMembers(make);
      classes[make.name] = make;
      p.define(p.global, make.name, make, false);
      modules.add(module, () => make);
    },
    // defineGlobal(name, value): a global variable that scripts cannot change.
    defineGlobal: (name, value) => p.fix(p.global, name, value),
    // finish(name, f): a script gets f(value, args) for the value that the host function name gave for its arguments.
    finish(name, f) { finishers[name] = f; },
    // defineError(name, maker): errors of the host with this name are made by maker({ name, message, code, … }).
    defineError: errors.register,
    part,
    // Freeze a class that is written in JavaScript; what can only be read refuses assignment in sloppy code too.
    seal(make) {
      refuseAssignment(make.prototype, make.name);
      freezeMembers(make.prototype);
      freezeMembers(make);
    },
    // carry({ pack }): how data sets become text, see codec.js.
    carry: codec.carry,
  });
  return host;
})
