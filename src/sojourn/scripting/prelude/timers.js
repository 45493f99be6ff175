// setTimeout, setInterval and their clears. A timer lives at most as long as its execution; the runtime asks when the
// next one is due, and waits.
(function (p, now) {
  'use strict';
  const MOST = 1000;
  let timers = { __proto__: null };
  let count = 0;
  let lastId = 0;

  function add(f, delay, args, repeat) {
    if (typeof f !== 'function') throw new p.TypeError('a timer takes a function');
    if (count >= MOST) throw new p.RangeError('there are more than ' + MOST + ' timers');
    const wait = p.Number(delay);
    const span = wait >= 1 ? (wait <= 2147483647 ? p.trunc(wait) : 1) : (repeat ? 1 : 0);
    lastId += 1;
    count += 1;
    timers[lastId] = { __proto__: null, id: lastId, f, args, at: now() + span, every: repeat ? span : -1 };
    return lastId;
  }

  function remove(id) {
    if (typeof id !== 'number' || timers[id] === undefined) return;
    delete timers[id];
    count -= 1;
  }

  const api = {
    setTimeout(f, delay, ...args) { return add(f, delay, args, false); },
    setInterval(f, delay, ...args) { return add(f, delay, args, true); },
    clearTimeout(id) { remove(id); },
    clearInterval(id) { remove(id); },
  };
  for (const name of p.keys(api)) p.define(p.global, name, p.freeze(api[name]), false);

  function first() {
    let found;
    for (const id in timers) if (found === undefined || timers[id].at < found.at) found = timers[id];
    return found;
  }

  return p.freeze({
    __proto__: null,
    // Milliseconds until the next timer is due, -1 when there is none.
    next() {
      const timer = first();
      if (timer === undefined) return -1;
      const left = timer.at - now();
      return left > 0 ? left : 0;
    },
    // Call what is due first.
    fire() {
      const timer = first();
      if (timer.every < 0) remove(timer.id);
      else timer.at = now() + timer.every;
      p.apply(timer.f, undefined, timer.args);
    },
    clear() {
      timers = { __proto__: null };
      count = 0;
    },
  });
})
