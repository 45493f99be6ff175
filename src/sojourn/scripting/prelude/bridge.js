// The first code of a global scope, on both runtimes. It is called once, before any code of a user, with
//   natives  send(packet) -> reply: the only way to the host, text in and text out, blocking;
//            evaluate(code, file) -> value: runs a text as a global script;
//            now() -> milliseconds of a clock that never goes back;
//            declared(name) -> the function of declared.py that makes a class of the host, or that of a file of the prelude
//            that is loaded at its first use, 'data_set.js';
//            hidesFrames: whether stacks would show what runs the scripts
//   core     the functions of the parts of the bridge, in the order of CORE in prelude/__init__.py
//   parts    the functions of the other files of the prelude
//   outline  the classes that the host declares, as JSON; see declared.py
// and returns what the runtime works with: { start, poll, failed }, see tasks.js; tell() and
// tellMore(), see rejections.js; prepare(), see classes.js.
// Nothing here and in the parts may look up what a script can change: only primordials, own properties, and objects
// without a prototype are used once start() was called. What scripts can reach is frozen.
(function (natives, core, parts, outline) {
  'use strict';
  const p = core[0](natives.hidesFrames === true);
  const codec = core[1](p);
  const seed = core[2](p);
  const timers = core[3](p, natives.now);
  const errors = core[4](p, codec);
  const calls = core[5](p, codec, errors, natives.send);
  const rejections = core[6](p, calls, errors);
  const modules = core[7](p, calls, natives.evaluate);
  const host = core[8](p, calls, errors, modules, p.parse(outline), natives.declared, codec);
  for (let i = 0; i < parts.length; i++) parts[i](host);
  const { prepare } = host;
  const tools = { __proto__: null, codec, seed, timers, errors, calls, rejections, modules, prepare };
  return core[9](p, tools, natives.evaluate);
})
