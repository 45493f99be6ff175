// What of a DataSet is seen, in which order, and where in it the cursor stands. Loaded at its first use.
// state.view has the rows that are not deleted, pass the filter and lie in the range, in the order of the index and then of
// their numbers.
(function (host) {
  'use strict';
  const p = host.primordials;
  const values = host.part('data_values');
  const rows = host.part('data_rows');
  const compile = host.part('data_filter');
  const { failure } = values;
  const { list, gapped, at: rowAt, insertAt, removeAt } = host.part('data_list');
  const { NUMBER } = rows;

  function begin(state) {
    state.view = gapped(list());
    state.order = list();
    state.range = null;
    state.filter = '';
    state.passes = null;
    state.filtered = false;
    state.at = 0;
    state.bof = true;
    state.eof = true;
  }

  // ---- Order

  function compared(state, a, b) {
    const { order } = state;
    for (let i = 0; i < order.length; i++) {
      const { field, down } = order[i];
      const found = values.orderOf(field.type, a[field.index], b[field.index]);
      if (found !== 0) return down ? -found : found;
    }
    return a[NUMBER] - b[NUMBER];
  }

  // A row against the first values of the index.
  function comparedTo(state, row, key) {
    for (let i = 0; i < key.length; i++) {
      const { field, down } = state.order[i];
      const found = values.orderOf(field.type, row[field.index], key[i]);
      if (found !== 0) return down ? -found : found;
    }
    return 0;
  }

  function sorted(state, from) {
    let source = from;
    let target = list();
    for (let width = 1; width < from.length; width *= 2) {
      for (let start = 0; start < from.length; start += 2 * width) merge(state, source, target, start, width);
      const other = source;
      source = target;
      target = other;
    }
    return source;
  }

  function merge(state, source, target, start, width) {
    const middle = start + width < source.length ? start + width : source.length;
    const end = start + 2 * width < source.length ? start + 2 * width : source.length;
    let left = start;
    let right = middle;
    for (let i = start; i < end; i++) {
      const fromLeft = left < middle && (right >= end || compared(state, source[left], source[right]) <= 0);
      target[i] = fromLeft ? source[left++] : source[right++];
    }
  }

  function setIndex(state, fields, downs) {
    const order = list();
    for (let i = 0; i < fields.length; i++) order[i] = { __proto__: null, field: fields[i], down: false };
    for (let d = 0; d < downs.length; d++) {
      let known = false;
      for (let i = 0; i < order.length; i++) if (order[i].field === downs[d]) known = order[i].down = true;
      if (!known) order[order.length] = { __proto__: null, field: downs[d], down: true };
    }
    state.order = order;
    state.range = null;
    rebuild(state);
  }

  // The values of a search as the index keeps them; one value, or an array for the first fields of the index.
  function indexKey(state, given) {
    if (state.order.length === 0) throw failure('no_index', 'there is no index: call setIndex first');
    const many = p.isArray(given) ? given : [given];
    if (many.length === 0 || many.length > state.order.length) {
      throw failure('bad_search', 'the index has ' + state.order.length + ' fields, the search ' + many.length);
    }
    const key = list();
    for (let i = 0; i < many.length; i++) key[i] = values.kept(state.order[i].field.type, many[i]);
    return key;
  }

  // The first row of the view that is not before a key.
  function firstNotBefore(state, key) {
    let low = 0;
    let high = state.view.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparedTo(state, rowAt(state.view, middle), key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // ---- What is seen

  function isSeen(state, row) {
    if (rows.isGone(row)) return false;
    if (state.filtered && state.passes !== null && state.passes((index) => row[index]) !== true) return false;
    const { range } = state;
    return range === null || (comparedTo(state, row, range.start) >= 0 && comparedTo(state, row, range.end) <= 0);
  }

  function isBlank(text) {
    for (let i = 0; i < text.length; i++) if (text[i] !== ' ') return false;
    return true;
  }

  function setFilter(state, text) {
    if (typeof text !== 'string') throw new p.TypeError('a filter is a text');
    state.passes = isBlank(text) ? null : compile(text, (name) => rows.fieldOf(state, name));
    state.filter = text;
    if (state.filtered) rebuild(state);
  }

  // The row that the cursor stands on, undefined for none.
  const currentRow = (state) => (state.at < state.view.length ? rowAt(state.view, state.at) : undefined);

  // Everything anew; the cursor stays on its row where that is still seen, and goes to the first one otherwise.
  function rebuild(state) {
    const row = currentRow(state);
    const seen = list();
    for (let i = 0; i < state.rows.length; i++) {
      if (isSeen(state, state.rows[i])) seen[seen.length] = state.rows[i];
    }
    state.view = gapped(state.order.length === 0 ? seen : sorted(state, seen));
    const at = row === undefined ? -1 : positionOf(state, row);
    if (at < 0) first(state);
    else goTo(state, at);
  }

  // Where in the view a row stands, or would stand.
  function placeOf(state, row) {
    let low = 0;
    let high = state.view.length;
    // A row is appended more often than not.
    if (high === 0 || compared(state, rowAt(state.view, high - 1), row) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compared(state, rowAt(state.view, middle), row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Where in the view a row is, -1 when it is not seen.
  function positionOf(state, row) {
    const at = placeOf(state, row);
    return at < state.view.length && rowAt(state.view, at) === row ? at : -1;
  }

  // Take a row that is seen out before its values change. Gives the place that it had.
  function takeOut(state, row) {
    const at = positionOf(state, row);
    removeAt(state.view, at);
    return at;
  }

  // Put a new or changed row where it belongs, and the cursor on it; on the row at its place when it is not seen.
  function putIn(state, row) {
    const at = placeOf(state, row);
    if (isSeen(state, row)) insertAt(state.view, at, row);
    settle(state, at);
  }

  // ---- Cursor

  function first(state) {
    state.at = 0;
    state.bof = true;
    state.eof = state.view.length === 0;
  }

  function last(state) {
    state.at = state.view.length === 0 ? 0 : state.view.length - 1;
    state.bof = state.view.length === 0;
    state.eof = true;
  }

  function next(state) {
    if (state.at + 1 < state.view.length) {
      state.at += 1;
      state.bof = false;
      state.eof = false;
    } else {
      state.bof = state.view.length === 0;
      state.eof = true;
    }
  }

  function prior(state) {
    if (state.at > 0) {
      state.at -= 1;
      state.bof = false;
      state.eof = false;
    } else {
      state.bof = true;
      state.eof = state.view.length === 0;
    }
  }

  function goTo(state, at) {
    state.at = at;
    state.bof = false;
    state.eof = false;
  }

  // On the row at a place, on the last one when there are fewer.
  function settle(state, at) {
    if (state.view.length === 0) first(state);
    else goTo(state, at < state.view.length ? at : state.view.length - 1);
  }

  return p.freeze({
    __proto__: null,
    begin, currentRow, rowAt, setIndex, indexKey, firstNotBefore, comparedTo, setFilter, rebuild, positionOf, takeOut, putIn,
    first, last, next, prior, goTo, settle,
  });
})
