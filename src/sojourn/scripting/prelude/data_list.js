// Lists of a DataSet. A list is an array that no setter of a prototype can catch; a gapped list changes in its middle without
// moving all that follows: where it was changed last it has a gap, so that changes close to one another cost nearly nothing.
// Loaded at its first use.
(function (host) {
  'use strict';
  const p = host.primordials;
  const LEAST_GAP = 32;

  function list() {
    const made = [];
    p.setPrototypeOf(made, null);
    return made;
  }

  function copied(from) {
    const copy = list();
    for (let i = 0; i < from.length; i++) copy[i] = from[i];
    return copy;
  }

  // The gap are the places from start up to end.
  const gapped = (items) => ({ __proto__: null, items, start: items.length, end: items.length, length: items.length });

  const at = (from, place) => from.items[place < from.start ? place : place + from.end - from.start];

  function moveGap(within, place) {
    const { items } = within;
    let { start, end } = within;
    while (start > place) items[--end] = items[--start];
    while (start < place) items[start++] = items[end++];
    within.start = start;
    within.end = end;
  }

  function widen(within) {
    const { items, start } = within;
    const more = (items.length >>> 1) + LEAST_GAP;
    for (let i = 0; i < more; i++) items[items.length] = undefined;
    for (let i = items.length - 1; i >= start + more; i--) items[i] = items[i - more];
    within.end = start + more;
  }

  function insertAt(into, place, item) {
    into.length += 1;
    if (place === into.items.length && into.start === into.end) {
      into.items[place] = item;
      into.start = into.end = place + 1;
      return;
    }
    if (into.start === into.end) widen(into);
    moveGap(into, place);
    into.items[into.start++] = item;
  }

  function removeAt(from, place) {
    moveGap(from, place);
    from.items[from.end++] = undefined;
    from.length -= 1;
  }

  function listed(from) {
    const all = list();
    for (let i = 0; i < from.length; i++) all[i] = at(from, i);
    return all;
  }

  return p.freeze({ __proto__: null, list, copied, gapped, at, insertAt, removeAt, listed });
})
