// The values of a DataSet: how each type of field is kept, taken, given and compared. Loaded at its first use.
// What is kept is a primitive value, and exact: a decimal is its text, an integer beyond 2^53 a BigInt, a date its ISO text,
// bytes are base64, JSON is its text. So values compare and copy as they are, and go back to the database as they came.
(function (host) {
  'use strict';
  const p = host.primordials;
  const DBKey = host.made('DBKey');
  const keyOf = DBKey.prototype.valueOf;
  const { run, decimal, written, order, normal, exactAdder } = host.part('data_decimal');
  const MOST = 9223372036854775807n;
  const LEAST = -9223372036854775808n;

  // Other names under which a type may be asked for.
  const TYPES = {
    __proto__: null,
    string: 'string', memo: 'string', text: 'string',
    integer: 'integer', int32: 'integer', int64: 'integer', dbkey: 'integer',
    number: 'number', double: 'number', float: 'number',
    decimal: 'decimal', numeric: 'decimal', currency: 'decimal',
    boolean: 'boolean', date: 'date', time: 'time', datetime: 'datetime', timestamp: 'datetime',
    bytes: 'bytes', blob: 'bytes', json: 'json',
  };

  // An error of the data sets with a code, as those of the host have one.
  function failure(code, message) {
    const error = new p.Error(message);
    p.define(error, 'name', 'DataSetError', false);
    p.define(error, 'code', 'dataset.' + code, true);
    return error;
  }

  function unfit(type, value) {
    let shown = typeof value;
    if (shown === 'string') shown = p.stringify(p.slice(value, 0, 40));
    else if (shown === 'number' || shown === 'bigint' || shown === 'boolean') shown = '' + value;
    return failure('bad_value', shown + ' is no value for a field of type ' + type);
  }

  const shortened = (big) => (big >= -9007199254740991n && big <= 9007199254740991n ? p.Number(big) : big);
  const plain = (value) => (DBKey.isLike(value) ? p.apply(keyOf, value, []) : value);

  function whole(text) {
    const at = text[0] === '-' || text[0] === '+' ? 1 : 0;
    const ok = text.length > at && text.length < 24 && run(text, at) === text.length - at;
    return ok ? p.BigInt(text[0] === '+' ? p.slice(text, 1, text.length) : text) : undefined;
  }

  function integer(given) {
    const value = plain(given);
    if (p.isSafeInteger(value)) return value === 0 ? 0 : value;
    const big = typeof value === 'bigint' ? value : typeof value === 'string' ? whole(value) : undefined;
    if (big === undefined || big > MOST || big < LEAST) throw unfit('integer', value);
    return shortened(big);
  }

  function float(value) {
    const found = typeof value === 'string' && decimal(value) !== undefined || typeof value === 'bigint' ? p.Number(value) : value;
    if (typeof found !== 'number' || !p.isFinite(found)) throw unfit('number', value);
    return found;
  }

  function exact(given) {
    const value = plain(given);
    const text = typeof value === 'number' && p.isFinite(value) || typeof value === 'bigint' ? '' + value : value;
    const found = typeof text === 'string' ? decimal(text) : undefined;
    if (found === undefined) throw unfit('decimal', value);
    return written(found);
  }

  function words(value) {
    if (typeof value === 'string') return p.isWellFormed(value) ? value : p.toWellFormed(value);
    const found = plain(value);
    if (typeof found === 'number' || typeof found === 'bigint') return '' + found;
    throw unfit('string', value);
  }

  function truth(value) {
    if (value === true || value === 1) return true;
    if (value === false || value === 0) return false;
    throw unfit('boolean', value);
  }

  // A date or a text as YYYY-MM-DDTHH:MM:SS.ffffffZ, which sorts as time goes by.
  function instant(type, value) {
    const time = typeof value === 'string' ? p.dateTime(new p.Date(value)) : timeOf(type, value);
    if (!(time >= -62167219200000 && time <= 253402300799999)) throw unfit(type, value);
    return p.slice(p.dateText(new p.Date(time)), 0, 23) + '000Z';
  }

  function timeOf(type, value) {
    try {
      return p.dateTime(value);
    } catch {
      throw unfit(type, value);
    }
  }

  const shaped = (text, shape) => {
    if (text.length < shape.length) return false;
    for (let i = 0; i < shape.length; i++) if (shape[i] === '0' ? run(text[i], 0) === 0 : shape[i] !== text[i]) return false;
    return true;
  };

  // Microseconds that a text says beyond what a Date holds stay.
  function moment(value) {
    if (typeof value !== 'string') return instant('datetime', value);
    const fine = value.length === 27 && shaped(value, '0000-00-00T00:00:00.000000Z');
    const zoned = fine || shaped(value, '0000-00-00T00:00') ? value : value.length === 10 && shaped(value, '0000-00-00') ? value : '';
    if (zoned === '') throw unfit('datetime', value);
    const last = value[value.length - 1];
    const local = value.length > 10 && last !== 'Z' && !p.includes(p.slice(value, 16, value.length), '+') &&
      !p.includes(p.slice(value, 16, value.length), '-');
    const found = instant('datetime', fine ? p.slice(value, 0, 23) + 'Z' : local ? value + 'Z' : value);
    return fine ? value : found;
  }

  function day(value) {
    if (typeof value === 'string' && !(value.length === 10 && shaped(value, '0000-00-00'))) throw unfit('date', value);
    const found = p.slice(instant('date', value), 0, 10);
    if (typeof value === 'string' && found !== value) throw unfit('date', value);
    return found;
  }

  function hours(value) {
    if (typeof value !== 'string') return p.slice(instant('time', value), 11, 23);
    const text = value.length === 5 ? value + ':00' : value;
    const ok = shaped(text, '00:00:00') && p.slice(text, 0, 2) < '24' && text[3] < '6' && text[6] < '6';
    const fraction = text.length - 9;
    if (!ok || (text.length > 8 && (text[8] !== '.' || fraction < 1 || fraction > 6 || run(text, 9) !== fraction))) {
      throw unfit('time', value);
    }
    return text;
  }

  function bytes(value) {
    let view;
    try {
      view = p.isView(value) ? new p.Uint8Array(p.viewBuffer(value), p.viewOffset(value), p.viewLength(value))
        : p.bufferLength(value) >= 0 && new p.Uint8Array(value);
    } catch {
      throw unfit('bytes', value);
    }
    return p.toBase64(view);
  }

  function json(value) {
    const text = p.stringify(value);
    if (typeof text !== 'string') throw unfit('json', value);
    return text;
  }

  const keeps = {
    __proto__: null,
    string: words, integer, number: float, decimal: exact, boolean: truth, date: day, time: hours, datetime: moment, bytes, json,
  };

  const dateOf = (text) => new p.Date(text.length === 10 ? text + 'T00:00:00.000Z' : p.slice(text, 0, 23) + 'Z');

  const gives = {
    __proto__: null,
    decimal: (text) => p.Number(text),
    date: dateOf,
    datetime: dateOf,
    bytes: (text) => p.viewBuffer(p.fromBase64(text)),
    json: (text) => p.parse(text),
  };

  // A number where it is exact, else its text.
  function jsonDecimal(text) {
    const number = '' + p.Number(text);
    return decimal(number) !== undefined && orderOf('decimal', number, text) === 0 ? p.Number(text) : text;
  }

  const said = {
    __proto__: null,
    integer: (value) => (typeof value === 'bigint' ? '' + value : value),
    decimal: jsonDecimal,
    datetime: (text) => p.slice(text, 0, p.slice(text, 23, 26) === '000' ? 23 : 26) + 'Z',
    json: (text) => p.parse(text),
  };

  // Whether a comes before (-1), with (0) or after (1) b, both kept and of one type; what is null comes first.
  function orderOf(type, a, b) {
    if (a === b) return 0;
    if (a === null) return -1;
    if (b === null) return 1;
    if (type !== 'decimal') return a < b ? -1 : a > b ? 1 : 0;
    return order(a, b);
  }

  // Adds what fields of a type keep: { add(kept), sum() }, null being nothing.
  function adder(type) {
    if (type === 'decimal') return exactAdder();
    let sum = 0;
    return {
      __proto__: null,
      add(kept) {
        if (type === 'number' || (typeof sum === 'number' && typeof kept === 'number')) {
          const next = sum + kept;
          if (type === 'number' || p.isSafeInteger(next)) {
            sum = next;
            return;
          }
        }
        sum = shortened(p.BigInt(sum) + p.BigInt(kept));
      },
      sum: () => sum,
    };
  }

  // A text that two values have in common when they are the same.
  function grouping(type, kept) {
    if (kept === null) return 'n';
    return 'v' + (type === 'decimal' ? normal(kept) : kept);
  }

  return p.freeze({
    __proto__: null,
    failure,
    grouping,
    // The type of a field by any of its names, undefined for no such type.
    typeOf: (name) => (typeof name === 'string' ? TYPES[p.toLowerCase(name)] : undefined),
    // What is kept for a value of a script; throws dataset.bad_value.
    kept: (type, value) => (value === null || value === undefined ? null : keeps[type](value)),
    // What a script gets for what is kept.
    given: (type, value) => (value === null || gives[type] === undefined ? value : gives[type](value)),
    // The same as JSON has it.
    asJson: (type, value) => (value === null || said[type] === undefined ? value : said[type](value)),
    orderOf,
    adder,
    isDecimal: (text) => decimal(text) !== undefined,
    dateOf,
    // What came as text because JSON has no number for it, and goes so.
    arrived(type, value) {
      if (typeof value !== 'string' || (type !== 'integer' && type !== 'number')) return value;
      return type === 'integer' ? shortened(p.BigInt(value)) : p.Number(value);
    },
    sent: (value) => (typeof value === 'bigint' || typeof value === 'number' && !p.isFinite(value) ? '' + value : value),
  });
})
