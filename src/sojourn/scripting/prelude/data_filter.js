// The conditions of DataSet.filter: a small part of what SQL says after WHERE. Loaded at its first use.
//   condition = field (= <> != < <= > >=) value | field [NOT] LIKE text | field [NOT] IN (value, …)
//             | field [NOT] BETWEEN value AND value | field IS [NOT] NULL | field
//             | NOT condition | condition AND condition | condition OR condition | (condition)
// A comparison with null is neither true nor false, as in SQL; only what is true passes.
(function (host) {
  'use strict';
  const p = host.primordials;
  const values = host.part('data_values');
  const { list: emptyList } = host.part('data_list');
  const BLANK = ' \t\r\n';
  const DIGITS = '0123456789';
  const WORDS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$0123456789.';
  const DEEPEST = 100;

  const refused = (message, at) => values.failure('bad_filter', 'filter: ' + message + ' at character ' + (at + 1));

  // ---- Words: { kind, text, at }; kind is word, name, text, number, sign or end.

  function token(source, start) {
    let at = start;
    while (at < source.length && p.includes(BLANK, source[at])) at++;
    if (at === source.length) return made('end', '', at, at);
    const first = source[at];
    if (first === "'") return quoted(source, at, "'", 'text');
    if (first === '"') return quoted(source, at, '"', 'name');
    if (first === '[') return quoted(source, at, ']', 'name');
    if (p.includes(DIGITS, first) || (first === '-' && at + 1 < source.length && p.includes(DIGITS, source[at + 1]))) {
      return figure(source, at);
    }
    if (p.includes(WORDS, first) || first > '\x7f') {
      let end = at + 1;
      while (end < source.length && (p.includes(WORDS, source[end]) || source[end] > '\x7f')) end++;
      return made('word', p.slice(source, at, end), at, end);
    }
    const two = p.slice(source, at, at + 2);
    const size = two === '<=' || two === '>=' || two === '<>' || two === '!=' ? 2 : 1;
    return made('sign', p.slice(source, at, at + size), at, at + size);
  }

  function made(kind, text, at, end) {
    return { __proto__: null, kind, text, at, end };
  }

  function quoted(source, at, close, kind) {
    let text = '';
    for (let i = at + 1; i < source.length; i++) {
      if (source[i] === close && source[i + 1] === close) i++;
      else if (source[i] === close) return made(kind, text, at, i + 1);
      text += source[i];
    }
    throw refused('a quote is not closed', at);
  }

  function figure(source, at) {
    let end = at + 1;
    while (end < source.length && (p.includes(DIGITS, source[end]) || p.includes('.eE', source[end]) ||
      (p.includes('+-', source[end]) && p.includes('eE', source[end - 1])))) end++;
    const text = p.slice(source, at, end);
    if (!values.isDecimal(text)) throw refused(text + ' is no number', at);
    return made('number', text, at, end);
  }

  // ---- Conditions: functions of a getter of fields; they give true, false or null for neither.

  function compile(source, fieldOf) {
    const state = { __proto__: null, source, fieldOf, next: token(source, 0), depth: 0 };
    const found = either(state);
    if (state.next.kind !== 'end') throw refused('nothing more is expected', state.next.at);
    return found;
  }

  function take(state) {
    const found = state.next;
    state.next = token(state.source, found.end);
    return found;
  }

  const isWord = (state, word) => state.next.kind === 'word' && p.toLowerCase(state.next.text) === word;
  const isSign = (state, sign) => state.next.kind === 'sign' && state.next.text === sign;

  function takeIf(state, is, what) {
    if (!is(state, what)) return false;
    take(state);
    return true;
  }

  function expect(state, is, what) {
    if (!takeIf(state, is, what)) throw refused(what + ' is expected', state.next.at);
  }

  function either(state) {
    let found = both(state);
    while (takeIf(state, isWord, 'or')) {
      const left = found;
      const right = both(state);
      found = (get) => {
        const a = left(get);
        if (a === true) return true;
        const b = right(get);
        return b === true ? true : a === null || b === null ? null : false;
      };
    }
    return found;
  }

  function both(state) {
    let found = single(state);
    while (takeIf(state, isWord, 'and')) {
      const left = found;
      const right = single(state);
      found = (get) => {
        const a = left(get);
        if (a === false) return false;
        const b = right(get);
        return b === false ? false : a === null || b === null ? null : true;
      };
    }
    return found;
  }

  function single(state) {
    state.depth++;
    if (state.depth > DEEPEST) throw refused('the condition is nested deeper than ' + DEEPEST + ' levels', state.next.at);
    let found;
    if (takeIf(state, isWord, 'not')) found = not(single(state));
    else if (takeIf(state, isSign, '(')) {
      found = either(state);
      expect(state, isSign, ')');
    } else found = comparison(state);
    state.depth--;
    return found;
  }

  const not = (condition) => (get) => {
    const found = condition(get);
    return found === null ? null : !found;
  };

  function comparison(state) {
    const named = take(state);
    if (named.kind !== 'word' && named.kind !== 'name') throw refused('the name of a field is expected', named.at);
    const field = state.fieldOf(named.text);
    if (takeIf(state, isWord, 'is')) {
      const negative = takeIf(state, isWord, 'not');
      expect(state, isWord, 'null');
      return (get) => (get(field.index) === null) !== negative;
    }
    const negative = takeIf(state, isWord, 'not');
    const found = special(state, field);
    if (found !== undefined) return negative ? not(found) : found;
    if (negative) throw refused('LIKE, IN or BETWEEN is expected', state.next.at);
    if (state.next.kind === 'sign' && state.next.text !== ')') return signed(state, field, take(state));
    if (field.type !== 'boolean') throw refused('a comparison is expected', state.next.at);
    return (get) => get(field.index);
  }

  function special(state, field) {
    if (takeIf(state, isWord, 'like')) return like(field, text(state));
    if (takeIf(state, isWord, 'between')) {
      const low = value(state, field);
      expect(state, isWord, 'and');
      const high = value(state, field);
      return (get) => {
        const found = get(field.index);
        if (found === null || low === null || high === null) return null;
        return values.orderOf(field.type, found, low) >= 0 && values.orderOf(field.type, found, high) <= 0;
      };
    }
    return takeIf(state, isWord, 'in') ? among(state, field) : undefined;
  }

  function among(state, field) {
    const list = emptyList();
    expect(state, isSign, '(');
    do list[list.length] = value(state, field);
    while (takeIf(state, isSign, ','));
    expect(state, isSign, ')');
    return (get) => {
      const found = get(field.index);
      if (found === null) return null;
      let unknown = false;
      for (let i = 0; i < list.length; i++) {
        if (list[i] === null) unknown = true;
        else if (values.orderOf(field.type, found, list[i]) === 0) return true;
      }
      return unknown ? null : false;
    };
  }

  const signs = {
    __proto__: null,
    '=': (order) => order === 0,
    '<>': (order) => order !== 0,
    '!=': (order) => order !== 0,
    '<': (order) => order < 0,
    '<=': (order) => order <= 0,
    '>': (order) => order > 0,
    '>=': (order) => order >= 0,
  };

  function signed(state, field, sign) {
    const holds = signs[sign.text];
    if (holds === undefined) throw refused('a comparison is expected', sign.at);
    const other = value(state, field);
    return (get) => {
      const found = get(field.index);
      return found === null || other === null ? null : holds(values.orderOf(field.type, found, other));
    };
  }

  function text(state) {
    const found = take(state);
    if (found.kind !== 'text') throw refused('a text in quotes is expected', found.at);
    return found.text;
  }

  // A value as the field keeps it.
  function value(state, field) {
    const found = take(state);
    if (found.kind === 'word') {
      const word = p.toLowerCase(found.text);
      if (word === 'null') return null;
      if (word === 'true' || word === 'false') return values.kept(field.type, word === 'true');
    }
    if (found.kind !== 'text' && found.kind !== 'number') throw refused('a value is expected', found.at);
    if (field.type === 'boolean' && found.kind === 'number') return values.kept(field.type, +found.text);
    return values.kept(field.type, found.text);
  }

  // % stands for any characters, _ for one; no character hides their meaning. Upper and lower case differ.
  function like(field, pattern) {
    return (get) => {
      const found = get(field.index);
      return found === null ? null : matches('' + found, pattern);
    };
  }

  function matches(text, pattern) {
    let at = 0;
    let i = 0;
    let star = -1;
    let mark = 0;
    while (at < text.length) {
      if (pattern[i] === '%') {
        star = i++;
        mark = at;
      } else if (i < pattern.length && (pattern[i] === '_' || pattern[i] === text[at])) {
        i++;
        at++;
      } else if (star >= 0) {
        i = star + 1;
        at = ++mark;
      } else return false;
    }
    while (pattern[i] === '%') i++;
    return i === pattern.length;
  }

  // compile(text, fieldOf) -> condition(get) for fieldOf(name) -> { index, type }, which throws for what is no field, and
  // get(index) -> what the row keeps there. Throws dataset.bad_filter and dataset.bad_value.
  return compile;
})
