// Values as the text of packets; the other side is wire.py. JSON, and { "$": [what, …] } for what JSON cannot say.
(function (p) {
  'use strict';
  // As deep as objects may nest, which ends cycles too.
  const DEEPEST = 100;
  const LONGEST_BIGINT = 4000;
  // The last error of a value that was too large.
  let tooLarge;
  let carried;
  let unpack;

  // The text of a value of at most room characters; raises TypeError and RangeError.
  function write(value, room) {
    return text({ __proto__: null, room, most: room, keys: { __proto__: null } }, value, 0);
  }

  function text(state, value, depth) {
    switch (typeof value) {
      case 'string': return spend(state, quote(value));
      case 'number': return spend(state, number(value));
      case 'boolean': return spend(state, value ? 'true' : 'false');
      case 'undefined': return spend(state, '{"$":["undefined"]}');
      case 'bigint': return spend(state, bigint(value));
      case 'object': return value === null ? spend(state, 'null') : object(state, value, depth);
      default: throw new p.TypeError('a ' + typeof value + ' cannot be handed over' + where(state, depth));
    }
  }

  function spend(state, part) {
    state.room -= part.length;
    if (state.room < 0) {
      tooLarge = new p.RangeError('the value is larger than ' + state.most + ' bytes');
      throw tooLarge;
    }
    return part;
  }

  function quote(value) {
    return p.stringify(p.isWellFormed(value) ? value : p.toWellFormed(value));
  }

  function number(value) {
    const exact = p.isFinite(value) && (p.isSafeInteger(value) || !p.isInteger(value));
    if (exact && !(value === 0 && 1 / value < 0)) return '' + value;
    return '{"$":["number","' + (value === 0 ? '-0' : value) + '"]}';
  }

  function bigint(value) {
    const digits = '' + value;
    if (digits.length > LONGEST_BIGINT) throw new p.RangeError('the BigInt has too many digits to be handed over');
    return '{"$":["bigint","' + digits + '"]}';
  }

  function where(state, depth) {
    let path = '';
    for (let i = 1; i <= depth; i++) {
      const key = state.keys[i];
      path += typeof key === 'number' ? '[' + key + ']' : (path === '' ? '' : '.') + key;
    }
    return path === '' ? '' : ' at ' + (path.length > 200 ? p.slice(path, 0, 200) + '…' : path);
  }

  function object(state, value, depth) {
    if (depth >= DEEPEST) {
      throw new p.TypeError('the value is nested deeper than ' + DEEPEST + ' levels, or contains itself');
    }
    if (p.isArray(value)) return array(state, value, depth + 1);
    const prototype = p.getPrototypeOf(value);
    if (prototype !== p.ObjectPrototype && prototype !== null) {
      const special = instance(state, value, depth);
      if (special !== '') return special;
    } else if (p.hasOwn(value, 'toJSON') && typeof value.toJSON === 'function') {
      return replaced(state, value, value.toJSON, depth);
    }
    return properties(state, value, depth + 1);
  }

  // A Date, bytes, an Error, an object with a toJSON of its own; '' for any other.
  function instance(state, value, depth) {
    if (p.isPrototypeOf(p.DatePrototype, value)) {
      const time = dateTime(value);
      if (time !== undefined) return spend(state, '{"$":["date",' + (time === time ? time : 'null') + ']}');
    }
    const table = carried === undefined ? undefined : carried.pack(value);
    if (table !== undefined) return '{"$":["dataset",' + spend(state, p.stringify(table)) + ']}';
    const bytes = bytesOf(value);
    if (bytes !== undefined) {
      spend(state, '{"$":["bytes",""]}');
      if (p.viewLength(bytes) * 4 / 3 > state.room) spend(state, { length: state.room + 1 });
      return '{"$":["bytes","' + spend(state, p.toBase64(bytes)) + '"]}';
    }
    if (p.isError(value)) return error(state, value, depth + 1);
    const replace = value.toJSON;
    return typeof replace === 'function' ? replaced(state, value, replace, depth) : '';
  }

  function replaced(state, value, replace, depth) {
    const other = p.apply(replace, value, [depth === 0 ? '' : '' + state.keys[depth]]);
    if (typeof other !== 'object' || other === null) return text(state, other, depth);
    if (depth + 1 >= DEEPEST) return object(state, other, depth + 1);
    return p.isArray(other) ? array(state, other, depth + 1) : properties(state, other, depth + 1);
  }

  function dateTime(value) {
    try {
      return p.dateTime(value);
    } catch {
      return undefined;
    }
  }

  function bytesOf(value) {
    try {
      if (p.isView(value)) return viewOf(value);
      p.bufferLength(value);
      return new p.Uint8Array(value);
    } catch {
      return undefined;
    }
  }

  function viewOf(value) {
    try {
      return new p.Uint8Array(p.viewBuffer(value), p.viewOffset(value), p.viewLength(value));
    } catch {
      return new p.Uint8Array(p.dataBuffer(value), p.dataOffset(value), p.dataLength(value));
    }
  }

  function array(state, value, depth) {
    let out = '';
    const length = value.length;
    for (let i = 0; i < length; i++) {
      state.keys[depth] = i;
      out += (i === 0 ? '' : ',') + text(state, value[i], depth);
      state.room -= 1;
    }
    return '[' + out + ']';
  }

  function error(state, value, depth) {
    const parts = { __proto__: null };
    parts.name = value.name;
    parts.message = value.message;
    parts.stack = value.stack;
    const names = p.keys(value);
    for (let i = 0; i < names.length; i++) parts[names[i]] = value[names[i]];
    return properties(state, parts, depth);
  }

  function properties(state, value, depth) {
    const names = p.keys(value);
    let out = '';
    let marked = false;
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name === '$') marked = true;
      state.keys[depth] = name;
      out += (i === 0 ? '' : ',') + spend(state, quote(name)) + ':' + text(state, value[name], depth);
      state.room -= 2;
    }
    return marked ? '{"$":["object",{' + out + '}]}' : '{' + out + '}';
  }

  // The value of a text that the host made.
  function read(data) {
    const value = p.parse(data);
    return p.includes(data, '"$"') ? revived(value) : value;
  }

  function revived(value) {
    if (typeof value !== 'object' || value === null) return value;
    if (!p.isArray(value) && p.hasOwn(value, '$')) return special(value.$);
    return entries(value);
  }

  function entries(value) {
    const names = p.keys(value);
    for (let i = 0; i < names.length; i++) {
      const item = value[names[i]];
      if (typeof item === 'object' && item !== null) value[names[i]] = revived(item);
    }
    return value;
  }

  function special(parts) {
    switch (parts[0]) {
      case 'undefined': return undefined;
      case 'date': return new p.Date(parts[1] === null ? NaN : parts[1]);
      case 'bytes': return p.viewBuffer(p.fromBase64(parts[1]));
      case 'bigint': return p.BigInt(parts[1]);
      case 'number': return p.Number(parts[1]);
      case 'dataset': return unpack(parts[1]);
      default: return entries(parts[1]);
    }
  }

  return p.freeze({
    __proto__: null,
    write,
    read,
    // Whether an error says that a value was too large to be written.
    isTooLarge: (error) => error !== undefined && error === tooLarge,
    // What makes the text of a DataSet, { pack }, once there can be one; and what makes a DataSet of a text.
    carry(by) { carried = by; },
    onDataSet(f) { unpack = f; },
  });
})
