// logger, Logger and console: what scripts log. The host writes it with realm, script and execution key.
(function (host) {
  'use strict';
  const p = host.primordials;
  const MOST = 8192;

  // A value as people read it. Code of the script may run in here; it can only spoil its own text.
  function shown(value) {
    switch (typeof value) {
      case 'string': return value;
      case 'function': return '[Function]';
      case 'bigint': return value + 'n';
      case 'object': return value === null ? 'null' : described(value);
      default: return p.String(value);
    }
  }

  function described(value) {
    try {
      if (p.isError(value)) return ofError(value);
      const text = p.stringify(value);
      return typeof text === 'string' ? text : '[object]';
    } catch {
      return '[object]';
    }
  }

  function ofError(error) {
    const head = error.name + ': ' + error.message;
    const { stack } = error;
    if (typeof stack !== 'string' || stack === '') return head;
    return p.startsWith(stack, head) ? stack : head + '\n' + stack;
  }

  function numberOf(value) {
    return typeof value === 'symbol' ? NaN : p.Number(value);
  }

  // One %-directive; undefined for what is none.
  function directive(letter, value) {
    switch (letter) {
      case 's': return shown(value);
      case 'd': return '' + numberOf(value);
      case 'i': return '' + p.trunc(numberOf(value));
      case 'f': return '' + numberOf(value);
      case 'j': case 'o': case 'O': return described(value);
      default: return undefined;
    }
  }

  // args as one text: the first one, where it is a text, with its %-directives filled in, the others after it.
  function formatted(args) {
    let out = '';
    let next = 0;
    if (args.length > 1 && typeof args[0] === 'string' && p.includes(args[0], '%')) {
      next = 1;
      const format = args[0];
      for (let i = 0; i < format.length; i++) {
        const letter = format[i + 1];
        const filled = format[i] === '%' && next < args.length ? directive(letter, args[next]) : undefined;
        if (filled !== undefined) {
          out += filled;
          next += 1;
          i += 1;
        } else if (format[i] === '%' && letter === '%') {
          out += '%';
          i += 1;
        } else {
          out += format[i];
        }
      }
    }
    for (; next < args.length; next++) out += (out === '' && next === 0 ? '' : ' ') + shown(args[next]);
    return out.length > MOST ? p.slice(out, 0, MOST) : out;
  }

  function write(level, category, args) {
    host.call('Log.write', [level, category, formatted(args)]);
  }

  class Logger {
    #category = '';

    static getLogger(category) {
      const made = new Logger();
      made.#category = shown(category);
      return p.freeze(made);
    }

    debug(...args) { write('debug', this.#category, args); }

    info(...args) { write('info', this.#category, args); }

    warn(...args) { write('warning', this.#category, args); }

    error(...args) { write('error', this.#category, args); }

    fatal(...args) { write('critical', this.#category, args); }
  }

  host.defineClass(Logger, 'lib/log/Logger');
  p.define(p.global, 'logger', p.freeze(new Logger()), false);

  const console = {
    debug(...args) { write('debug', '', args); },
    log(...args) { write('info', '', args); },
    info(...args) { write('info', '', args); },
    dir(value) { write('info', '', [value]); },
    warn(...args) { write('warning', '', args); },
    error(...args) { write('error', '', args); },
    trace(...args) { write('debug', '', [formatted(args) + '\n' + new p.Error('trace').stack]); },
    assert(condition, ...args) {
      if (!condition) write('error', '', ['Assertion failed: ' + formatted(args)]);
    },
  };
  p.define(p.global, 'console', p.freeze(console), false);
})
