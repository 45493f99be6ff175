// Editing the current row of a DataSet: states, the row under edit, and what moves rows between data sets. Loaded at its
// first use.
(function (host) {
  'use strict';
  const p = host.primordials;
  const values = host.part('data_values');
  const rows = host.part('data_rows');
  const view = host.part('data_view');
  const { list, copied, listed } = host.part('data_list');
  const { failure } = values;
  const INACTIVE = 0;
  const BROWSE = 1;
  const EDIT = 2;
  const INSERT = 3;

  function begin(state) {
    state.mode = INACTIVE;
    // The row under edit; next has its values, of which some were set by the script when touched is true.
    state.editing = undefined;
    state.next = undefined;
    state.touched = false;
  }

  function active(state) {
    if (state.mode === INACTIVE) throw failure('inactive', 'the DataSet has no fields yet: call create first');
  }

  const isEditing = (state) => state.mode === EDIT || state.mode === INSERT;

  // The row that fields are read from; undefined when there is none.
  const current = (state) => (isEditing(state) ? state.next : view.currentRow(state));

  function stop(state) {
    state.mode = BROWSE;
    state.editing = undefined;
    state.next = undefined;
    state.touched = false;
  }

  function edit(state) {
    active(state);
    if (isEditing(state)) return;
    const row = view.currentRow(state);
    if (row === undefined) {
      append(state);
      return;
    }
    state.mode = EDIT;
    state.editing = row;
    state.next = copied(row);
  }

  function append(state) {
    leave(state);
    state.mode = INSERT;
    state.next = rows.newRow(state);
  }

  function post(state) {
    active(state);
    if (!isEditing(state)) throw failure('not_editing', 'no row is being edited');
    const { editing, next, mode } = state;
    stop(state);
    if (mode === INSERT) {
      rows.insert(state, next);
      view.putIn(state, next);
      return;
    }
    view.takeOut(state, editing);
    rows.modify(state, editing, next);
    view.putIn(state, editing);
  }

  function cancel(state) {
    if (isEditing(state)) stop(state);
  }

  // Before the cursor moves: what was changed is posted, what was not is given up.
  function leave(state) {
    active(state);
    if (!isEditing(state)) return;
    if (state.touched) post(state);
    else cancel(state);
  }

  function del(state) {
    active(state);
    if (state.mode === INSERT) {
      cancel(state);
      return;
    }
    const row = view.currentRow(state);
    if (row === undefined) throw failure('no_row', 'there is no row to delete');
    stop(state);
    const at = view.takeOut(state, row);
    rows.remove(state, row);
    view.settle(state, at);
  }

  function setField(state, field, kept) {
    if (!isEditing(state)) throw failure('not_editing', 'call edit or append before a field is set');
    const stored = state.mode === EDIT && rows.statusOf(state.editing) !== 'inserted';
    if (stored && field === rows.keyField(state) && values.orderOf(field.type, state.next[field.index], kept) !== 0) {
      throw failure('key_changed', 'the key of a row that the database has is not changed: delete it and append another one');
    }
    state.next[field.index] = kept;
    state.touched = true;
  }

  // What a field of another data set keeps, as this field keeps it.
  function moved(from, to, kept) {
    if (kept === null) return null;
    if (from.type === to.type) return to.size > 0 ? rows.taken(to, kept) : kept;
    return rows.taken(to, from.type === 'decimal' ? kept : values.given(from.type, kept));
  }

  // Set the fields of the row under edit that have the same name in a row of another data set.
  function fill(state, other, row, excluded) {
    for (let i = 0; i < other.fields.length; i++) {
      const from = other.fields[i];
      const to = rows.findField(state, from.name);
      if (to !== undefined && !has(excluded, to)) setField(state, to, moved(from, to, row[from.index]));
    }
  }

  function has(fields, field) {
    for (let i = 0; i < fields.length; i++) if (fields[i] === field) return true;
    return false;
  }

  // Append the rows that are seen of another data set.
  function appendAll(state, other) {
    const seen = listed(other.view);
    for (let i = 0; i < seen.length; i++) {
      append(state);
      fill(state, other, seen[i], list());
      post(state);
    }
  }

  // New fields like those of another data set, and no rows.
  function structure(state, other, fields) {
    const { connection, epoch, table } = other;
    const key = rows.keyField(other);
    rows.clear(state);
    view.begin(state);
    for (let i = 0; i < fields.length; i++) rows.addField(state, fields[i].name, fields[i].type, fields[i].size);
    state.table = table;
    state.key = key !== undefined && has(fields, key) ? key.name : undefined;
    state.connection = connection;
    state.epoch = epoch;
    stop(state);
  }

  // All that is seen of another data set, with what waits to be applied for it.
  function copy(state, other) {
    const seen = listed(other.view);
    const fields = copied(other.fields);
    structure(state, other, fields);
    for (let i = 0; i < seen.length; i++) rows.adopt(state, copied(seen[i]), other);
    view.rebuild(state);
  }

  // Call f for each row that is seen now, as long as it is seen and f does not give false; then go back.
  function iterate(state, f) {
    leave(state);
    const seen = listed(state.view);
    const before = view.currentRow(state);
    for (let i = 0; i < seen.length; i++) {
      const at = view.positionOf(state, seen[i]);
      if (at < 0) continue;
      view.goTo(state, at);
      const goesOn = f();
      leave(state);
      if (goesOn === false) break;
    }
    const back = before === undefined ? -1 : view.positionOf(state, before);
    if (back < 0) view.first(state);
    else view.goTo(state, back);
  }

  return p.freeze({
    __proto__: null,
    INACTIVE, BROWSE, EDIT, INSERT,
    begin, active, isEditing, current, stop, edit, append, post, cancel, leave, del, setField, fill, appendAll, structure, copy,
    iterate,
  });
})
