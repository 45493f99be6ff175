// One task after the other. The runtime calls start(packet), then in turns: all promise jobs, poll(). What they throw goes
// to failed().
(function (p, bridge, evaluate) {
  'use strict';
  const { codec, seed, timers, errors, calls, rejections, modules } = bridge;
  const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$0123456789';
  // The last value: still awaited, there, or thrown.
  let waiting = false;
  let threw = false;
  let value;
  // Whether the last value is larger than it may be.
  let tooLarge = false;

  const perform = {
    __proto__: null,
    script: (task) => lastValue(evaluate(task.code, task.file), task.block),
    function: (task) => p.apply(globalFunction(task.name), undefined, task.args),
    module: (task) => exported(task),
    read: (task) => p.global[task.name],
    write: (task) => {
      if (!p.set(p.global, task.name, task.value)) throw new p.TypeError(task.name + ' is read-only');
    },
  };

  function lastValue(found, block) {
    return block && typeof found === 'function' ? undefined : found;
  }

  function globalFunction(name) {
    const found = name in p.global || !isName(name) ? p.global[name] : evaluate('typeof ' + name + ' === "undefined" ? undefined : ' + name, 'sojourn:name');
    if (typeof found !== 'function') throw new p.TypeError(name + ' is not a function');
    return found;
  }

  function isName(name) {
    for (let i = 0; i < name.length; i++) if (!p.includes(LETTERS, name[i])) return false;
    return name !== '' && !(name[0] >= '0' && name[0] <= '9');
  }

  function exported(task) {
    const module = modules.require(task.name);
    const found = task.export === '' ? module : module[task.export];
    if (typeof found !== 'function') {
      throw new p.TypeError((task.export === '' ? task.name : task.name + ': ' + task.export) + ' is not a function');
    }
    return p.apply(found, module, task.args);
  }

  // await takes the promise as the language knows it, without a method that a script may have changed.
  async function settle(promise) {
    try {
      value = await promise;
    } catch (error) {
      threw = true;
      value = error;
    }
    waiting = false;
  }

  function written() {
    try {
      return codec.write(value, calls.room());
    } catch (error) {
      tooLarge = codec.isTooLarge(error);
      throw error;
    }
  }

  function finish() {
    const text = '{"op":"done","v":' + written() + '}';
    value = undefined;
    timers.clear();
    return text;
  }

  return p.freeze({
    __proto__: null,
    prepare: bridge.prepare,
    tell: rejections.tell,
    tellMore: rejections.tellMore,
    start(packet) {
      const order = codec.read(packet);
      const task = order.task;
      seed(order.seed);
      calls.setRoom(order.message);
      calls.setFacts(order.facts);
      modules.begin(task.type === 'script' ? task.file : '');
      timers.clear();
      threw = false;
      tooLarge = false;
      waiting = false;
      value = perform[task.type](task);
      if (typeof value === 'object' && value !== null && p.isPrototypeOf(p.PromisePrototype, value)) {
        waiting = true;
        settle(value);
      }
    },
    // The packet of the outcome, or how many milliseconds the runtime shall wait before it calls again.
    poll() {
      if (threw) throw value;
      const next = timers.next();
      if (next === 0) {
        timers.fire();
        return 0;
      }
      if (next > 0) return next;
      if (waiting) throw new p.Error('the promise that the script ended with is never settled');
      return finish();
    },
    // The packet of the outcome for what start() or poll() threw.
    failed(thrown) {
      timers.clear();
      value = undefined;
      threw = false;
      const described = errors.described(thrown);
      return '{"op":"done","e":' + (tooLarge ? p.slice(described, 0, -1) + ',"kind":"output"}' : described) + '}';
    },
  });
})
