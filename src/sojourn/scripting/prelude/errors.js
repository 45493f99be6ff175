// Errors in both directions: what the host raised becomes a JavaScript error, what a script threw becomes a description.
(function (p, codec) {
  'use strict';
  const LONGEST = 20000;
  const makers = { __proto__: null };

  // The error for { name, message, code, … } of the host.
  function made(from) {
    const message = '' + from.message;
    const error = makers[from.name] === undefined ? new p.Error(message) : makers[from.name](from);
    const names = p.keys(from);
    for (let i = 0; i < names.length; i++) {
      if (names[i] !== 'message') p.define(error, names[i], from[names[i]], names[i] !== 'name');
    }
    return error;
  }

  // Errors called name are made by maker({ name, message, code, … }) from now on.
  function register(name, maker) {
    makers[name] = maker;
  }

  // The text of what was thrown, for the packet of the outcome. User code may run in here; it can only spoil its own text.
  function described(thrown) {
    try {
      return p.isError(thrown) ? ofError(thrown) : fields('Thrown', printed(thrown), '', '');
    } catch {
      return fields('Error', 'an error that cannot be described', '', '');
    }
  }

  function ofError(thrown) {
    return fields(printed(thrown.name), printed(thrown.message), stackOf(thrown), details(thrown));
  }

  function fields(name, message, stack, more) {
    const e = { __proto__: null, name: cut(name), message: cut(message), stack: cut(stack) };
    const text = codec.write(e, 8 * LONGEST);
    return more === '' ? text : p.slice(text, 0, -1) + ',"thrown":' + more + '}';
  }

  function printed(value) {
    try {
      return typeof value === 'string' ? value : typeof value === 'object' && value !== null ? asText(value) : p.String(value);
    } catch {
      return 'a value that cannot be described';
    }
  }

  function asText(value) {
    try {
      return codec.write(value, LONGEST);
    } catch {
      return p.String(value);
    }
  }

  const cut = (text) => (text.length > LONGEST ? p.slice(text, 0, LONGEST) : text);

  const FRAME = '    at ';
  // Lines of the bridge, and on v8 of what runs it.
  const isOurs = (line) => p.includes(line, 'sojourn:') || p.includes(line, '(ext:') || p.includes(line, 'file:///');
  // How ije writes the call by which the bridge starts a script, and any other function of the engine.
  const NATIVE = '(native)';

  // The lines of the stack that are calls of scripts; v8 begins a stack with name and message.
  function stackOf(thrown) {
    const stack = thrown.stack;
    if (typeof stack !== 'string') return '';
    let out = '';
    // Calls of the engine's own functions count where a script has made them.
    let native = '';
    for (let from = 0; from < stack.length;) {
      const end = p.indexOf(stack, '\n', from);
      const line = p.slice(stack, from, end < 0 ? stack.length : end + 1);
      if (p.startsWith(line, FRAME)) {
        if (p.includes(line, NATIVE)) native += line;
        else {
          if (!isOurs(line)) out += native + line;
          native = '';
        }
      }
      from = end < 0 ? stack.length : end + 1;
    }
    return out;
  }

  function details(thrown) {
    const names = p.keys(thrown);
    const own = { __proto__: null };
    let some = false;
    for (let i = 0; i < names.length; i++) {
      if (names[i] === 'stack' || names[i] === 'message' || names[i] === 'name') continue;
      own[names[i]] = thrown[names[i]];
      some = true;
    }
    if (!some) return '';
    try {
      return codec.write(own, 4 * LONGEST);
    } catch {
      return '';
    }
  }

  return p.freeze({ __proto__: null, made, register, described });
})
