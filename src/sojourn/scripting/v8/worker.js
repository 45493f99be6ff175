// The worker process of the runtime v8: one environment, whose scripts run in a realm of node:vm. It is started by
// worker.py without any permission, with the socket to the server as standard input and output; after it has said that it
// is ready it can open nothing any more. The realm keeps scripts apart from this file; the boundary is the process.
import v8 from 'node:v8';
import vm from 'node:vm';

const { parse } = JSON;
const clock = performance;
const now = () => clock.now();
const { stdin: input, stdout: output, cpuUsage, memoryUsage, exit } = Deno;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Should a script ever get hold of this realm, what is dangerous here is gone. Without permissions and descriptors it would
// not do anything; this is the third line.
for (const name of ['Deno', 'Worker', 'WebSocket', 'WebSocketStream', 'EventSource', 'fetch', 'navigator', 'caches',
  'localStorage', 'sessionStorage', 'process', 'Buffer', 'global', 'WebAssembly']) {
  delete globalThis[name];
}

// ---- Packets: one read(2) takes one packet, so that an interrupt never leaves half of one behind. See wire.py.

const PART = 65000;
const BLANK = 32;
const NEWLINE = 10;
const received = new Uint8Array(65536);
const sent = new Uint8Array(65536);
let number = 0;

// The next message as text; the process ends when the server has hung up.
function receive() {
  let id = '';
  let parts = [];
  for (;;) {
    const length = input.readSync(received);
    if (!length) exit(0);
    const blank = received.indexOf(BLANK);
    const flags = received[0] - 48;
    const part = received.subarray(blank + 1, length - 1);
    if (flags === 3) return decoder.decode(part);
    const from = decoder.decode(received.subarray(1, blank));
    if (flags & 1) [id, parts] = [from, []];
    else if (from !== id) continue;
    parts.push(part.slice());
    if (flags & 2) return joined(parts);
  }
}

// A character may be cut in two at the end of a part.
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return decoder.decode(whole);
}

// Deno splits what is written at line ends, so only the last byte of a packet is one.
function send(text) {
  number += 1;
  if (text.length * 3 < PART) {
    sendPart(3, encoder.encodeInto(text, sent.subarray(32)).written);
    return;
  }
  const bytes = encoder.encode(text);
  for (let at = 0; at === 0 || at < bytes.length; at += PART) {
    const part = bytes.subarray(at, at + PART);
    sent.set(part, 32);
    sendPart((at === 0 ? 1 : 0) | (at + PART >= bytes.length ? 2 : 0), part.length);
  }
}

// The part stands in sent from its byte 32 on.
function sendPart(flags, length) {
  const head = `${flags}${number} `;
  const start = 32 - head.length;
  encoder.encodeInto(head, sent.subarray(start, 32));
  sent[32 + length] = NEWLINE;
  output.writeSync(sent.subarray(start, 33 + length));
}

// ---- Watchdog: what a script can make last runs inside watched().

// An interrupt that comes while the watched function is just done would hit whatever comes next, this file above all. What
// ends so shortly before its time, in milliseconds, therefore waits for it.
const MARGIN = 25;
const slot = new vm.Script('sojournWatched()', { filename: 'sojourn:watchdog' });
let watchedFunction;
let thrown;
let interruptAt = 0;
globalThis.sojournWatched = () => {
  try {
    watchedFunction();
  } catch (error) {
    thrown = { error };
  }
  if (now() > interruptAt - MARGIN) for (;;);
};

// Run f for at most so many milliseconds. Gives 'done', 'timeout', or 'thrown' with what was thrown in thrown.error.
function watched(f, milliseconds) {
  const timeout = Math.ceil(milliseconds) + MARGIN;
  watchedFunction = f;
  thrown = undefined;
  interruptAt = now() + timeout;
  try {
    slot.runInThisContext({ displayErrors: false, timeout });
  } catch (error) {
    if (error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'timeout';
    thrown = { error };
  }
  return thrown === undefined ? 'done' : 'thrown';
}

// ---- Realms

// Runs the promise jobs of a realm: they are done at the end of each script.
const jobs = new vm.Script('0', { filename: 'sojourn:jobs' });
const runJobs = (context) => jobs.runInContext(context, { displayErrors: false });

// Made in the realm, so that no error of this file's realm gets to a script: it would hand over its own globals.
const guard = new vm.Script(
  `(function (compile, run, place, declared, foreign) {
    'use strict';
    const { RangeError, SyntaxError, Object: { defineProperty, prototype: { isPrototypeOf } }, Reflect: { apply } } = globalThis;
    const isForeign = (error) => apply(isPrototypeOf, foreign, [error]);
    const overflow = () => new RangeError('Maximum call stack size exceeded');
    const placed = (message, code, file) => {
      const value = 'SyntaxError: ' + message + '\\n    at ' + file + place(code);
      return defineProperty(new SyntaxError(message), 'stack', { __proto__: null, value, writable: true, configurable: true });
    };
    const guarded = (f) => function (given) {
      try {
        return f(given);
      } catch (error) {
        throw isForeign(error) ? overflow() : error;
      }
    };
    const runGuarded = guarded(run);
    const evaluate = function (code, file) {
      let script;
      try {
        script = compile(code, file);
      } catch (error) {
        throw error.name === 'SyntaxError' ? placed(error.message, code, file) : overflow();
      }
      return runGuarded(script);
    };
    return { __proto__: null, evaluate, declared: guarded(declared) };
  })`,
  { filename: 'sojourn:guard' },
);

// Where a text that cannot be compiled is wrong, as ':line:column'. V8 says it in the heading of the stack only, and there
// for errors of eval() only; what cannot be compiled cannot run, and the realm is thrown away.
function place(code) {
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY);
  context.code = code;
  try {
    vm.runInContext('(0, eval)(code)', context, { displayErrors: true });
  } catch (error) {
    const found = /^[^\n]*:(\d+)\n[^\n]*\n([ \t]*)\^/.exec(String(error.stack));
    if (found !== null) return `:${found[1]}:${found[2].length + 1}`;
  }
  return '';
}

let prelude;
const compiled = Object.create(null);

// A global scope with the whole prelude: { context, scope }, scope as bridge.js describes it.
function realm() {
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: true, wasm: false },
    microtaskMode: 'afterEvaluate',
  });
  // V8 puts it into every realm, where it could compile nothing.
  delete context.WebAssembly;
  const options = { displayErrors: false };
  const compile = (code, filename) => new vm.Script(code, { filename });
  const run = (script) => script.runInContext(context, options);
  const list = (scripts) => scripts.map((script) => script.runInContext(context));
  // What most scopes never use is compiled when one does.
  const declared = (name) => (compiled[name] ??= prelude.compile(prelude.declared[name])).runInContext(context, options);
  const guarded = guard.runInContext(context)(compile, run, place, declared, Error.prototype);
  const own = { declared: guarded.declared, hidesFrames: true };
  const natives = { __proto__: null, send: call, evaluate: guarded.evaluate, now, ...own };
  // What the bridge gets is to have no prototype of this realm where user code could come by it.
  const scope = prelude.bridge.runInContext(context)(natives, list(prelude.core), list(prelude.parts), prelude.outline);
  runJobs(context);
  return { context, scope };
}

function load(message) {
  const script = ({ file, code }) => new vm.Script(code, { filename: file });
  prelude = {
    bridge: script(message.bridge),
    core: message.core.map(script),
    parts: message.parts.map(script),
    declared: message.declared,
    compile: script,
    outline: message.outline,
  };
}

// ---- One task

// CPU milliseconds of the process that the task may use up to, and whether it was told to end.
let ceiling = 0;
let over = false;

const used = () => {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
};

// A host call: the packet of the call in, the packet of the answer out. An interrupted call leaves an answer behind that
// nobody waits for: the number of the call tells it from ours.
function call(packet) {
  if (over || used() > ceiling) {
    over = true;
    throw new Error('time is over');
  }
  send(packet);
  const head = `{"q":${packet.slice(17, packet.indexOf(',', 17))},`;
  for (;;) {
    const text = receive();
    if (text.startsWith(head)) return text;
    if (text.startsWith('{"op":"abort"')) {
      over = true;
      throw new Error('aborted');
    }
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

function limitHit(message) {
  return JSON.stringify({ op: 'done', e: { name: 'ScriptTimeout', message, kind: 'timeout' } });
}

// The packet of the outcome of a task.
function outcome(current, text) {
  const { cpu, wall } = parse(text);
  const end = now() + wall;
  const { context, scope } = current;
  over = false;
  ceiling = used() + cpu;
  let next;
  let state = watched(() => {
    scope.start(text);
    runJobs(context);
  }, wall);
  while (state !== 'timeout' && !over && now() < end) {
    if (state === 'thrown') return failure(scope);
    if (typeof next === 'string') return next;
    if (next > 0) Atomics.wait(cell, 0, 0, Math.min(next, end - now()));
    over = used() > ceiling;
    state = watched(() => {
      next = scope.poll();
      if (typeof next !== 'string') runJobs(context);
    }, Math.max(0, end - now()));
  }
  watched(() => scope.failed(undefined), DESCRIPTION);
  return limitHit(over ? `the script used more than ${cpu} ms of CPU` : `the script took longer than ${wall} ms`);
}

// How long a script may take to say why it failed, in milliseconds: a description runs its getters.
const DESCRIPTION = 100;

function failure(scope) {
  const { error } = thrown;
  let text;
  const state = watched(() => { text = scope.failed(error); }, DESCRIPTION);
  return state === 'done' ? text : limitHit('the script took too long to say why it failed');
}

// ---- Memory

// The collector, from a realm of which nothing else is used; realms made later do not have it.
v8.setFlagsFromString('--expose-gc');
const { gc: collect } = vm.createContext(vm.constants.DONT_CONTEXTIFY);
v8.setFlagsFromString('--no-expose-gc');

// Give back what can be given back: at the start some 2 MB of what Deno needed only then.
const tidy = () => collect({ type: 'major', flavor: 'last-resort' });

const inUse = () => {
  const { heapUsed, external } = memoryUsage();
  return heapUsed + external;
};

// What a scope that was thrown away may leave behind, in bytes, until the collector is told.
const LITTER = 16 * 1024 * 1024;
let atStart = 0;

// ---- From now on the server decides.

let current;
let spare;
for (;;) {
  const text = receive();
  const { op } = parse(text);
  if (op === 'start') {
    load(parse(text));
    current = realm();
    tidy();
    atStart = inUse();
    send('{"op":"ready"}');
  } else if (op === 'run') {
    send(outcome(current, text));
  } else if (op === 'reset') {
    current = spare ?? realm();
    spare = undefined;
    if (inUse() - atStart > LITTER) tidy();
    send('{"op":"ready"}');
    // The next scope is made while nobody waits for it.
    spare = realm();
  }
}
