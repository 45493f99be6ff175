// What of a DataSet goes to the host and comes from there: pages of rows, changes to apply, and whole data sets that cross
// the border of an environment. All of it is text, which the host writes and reads much faster than values. Loaded at its
// first use.
(function (host) {
  'use strict';
  const p = host.primordials;
  const rows = host.part('data_rows');
  const { list } = host.part('data_list');
  const view = host.part('data_view');
  const editor = host.part('data_edit');
  const values = host.part('data_values');
  // Characters of one piece of a text that is too long for one call.
  const PIECE = 500000;

  // ---- Changes

  function changesOf(state) {
    const inserted = list();
    const modified = list();
    const deleted = list();
    const key = rows.keyField(state);
    for (let i = 0; state.pending > 0 && i < state.rows.length; i++) {
      const row = state.rows[i];
      const status = rows.statusOf(row);
      if (status === 'inserted') inserted[inserted.length] = rows.written(row);
      else if (status === 'modified') modified[modified.length] = updated(state, row, key);
      else if (status === 'deleted') deleted[deleted.length] = removed(state, row, key);
    }
    return {
      __proto__: null, table: state.table, key: key === undefined ? '' : key.name, fields: described(state), epoch: state.epoch,
      inserted, modified, deleted,
    };
  }

  function keyOf(row, key) {
    if (key === undefined) throw values.failure('no_key', 'the DataSet has no key field: set keyFieldName');
    return values.sent(row[key.index]);
  }

  // Key, places of the changed fields and what they shall hold, places of those that are known and what they held.
  function updated(state, row, key) {
    const { original } = row[rows.INFO];
    const places = list();
    const after = list();
    const known = list();
    const before = list();
    for (let i = 0; i < state.fields.length; i++) {
      const field = state.fields[i];
      if (!rows.differs(field, row, original)) continue;
      places[places.length] = i;
      after[after.length] = values.sent(row[field.index]);
      if (rows.isBlind(state, row, field)) continue;
      known[known.length] = i;
      before[before.length] = values.sent(original[field.index]);
    }
    const all = list();
    all[0] = keyOf(original, key);
    all[1] = places;
    all[2] = after;
    all[3] = known;
    all[4] = before;
    return all;
  }

  // Key, places of the fields that are known and what they held.
  function removed(state, row, key) {
    const held = row[rows.INFO].original ?? row;
    const all = list();
    const known = list();
    const before = list();
    for (let i = 0; i < state.fields.length; i++) {
      if (rows.isBlind(state, row, state.fields[i])) continue;
      known[known.length] = i;
      before[before.length] = values.sent(held[state.fields[i].index]);
    }
    all[0] = keyOf(held, key);
    all[1] = known;
    all[2] = before;
    return all;
  }

  function described(state) {
    const fields = list();
    for (let i = 0; i < state.fields.length; i++) {
      const { name, type } = state.fields[i];
      fields[i] = { __proto__: null, name, type };
    }
    return fields;
  }

  // Apply what waits in data sets, all or nothing, through the database with that number. Gives the version.
  function apply(states, connection, logChanges) {
    const all = list();
    for (let i = 0; i < states.length; i++) {
      editor.leave(states[i]);
      const found = changesOf(states[i]);
      if (states[i].pending > 0) all[all.length] = found;
    }
    if (all.length === 0) return 0;
    const version = host.call('Databases.applyUpdates', [connection, inPieces(p.stringify(all)), logChanges !== false]);
    for (let i = 0; i < states.length; i++) {
      rows.accept(states[i], version);
      view.rebuild(states[i]);
    }
    return version;
  }

  // Hand a text over before the call that uses it, unless it is short; gives what is left for that call.
  function inPieces(text) {
    let at = 0;
    while (text.length - at > PIECE) {
      let end = at + PIECE;
      // A character may be two units of a string.
      if (!p.isWellFormed(p.slice(text, at, end))) end -= 1;
      host.call('Databases.prepare', [p.slice(text, at, end), at === 0]);
      at = end;
    }
    if (at > 0) {
      host.call('Databases.prepare', [p.slice(text, at, text.length), false]);
      return null;
    }
    return text;
  }

  function takeBack(state, key) {
    if (key === undefined) rows.restoreAll(state);
    else {
      const field = rows.keyField(state);
      if (field === undefined) throw values.failure('no_key', 'the DataSet has no key field: set keyFieldName');
      const wanted = values.kept(field.type, key);
      for (let i = state.rows.length - 1; i >= 0; i--) {
        const row = state.rows[i];
        if (values.orderOf(field.type, row[field.index], wanted) === 0) rows.restore(state, row);
      }
    }
    view.rebuild(state);
  }

  // ---- Pages of a result

  // Make a data set of the first page of a result; the state is a fresh one. More pages are added by rows.load.
  function begin(state, page, connection) {
    for (let i = 0; i < page.names.length; i++) rows.addField(state, page.names[i], page.types[i]);
    state.table = page.table;
    state.key = page.key === '' ? undefined : page.key;
    state.epoch = page.epoch;
    state.connection = connection;
    rows.load(state, page);
    editor.stop(state);
  }

  function end(state) {
    view.rebuild(state);
    view.first(state);
  }

  // ---- Whole data sets

  function packed(state) {
    editor.leave(state);
    const all = list();
    const changed = list();
    for (let i = 0; i < state.rows.length; i++) {
      const row = state.rows[i];
      if (rows.statusOf(row) === 'void') continue;
      if (row[rows.INFO] !== null) changed[changed.length] = change(all.length, row);
      all[all.length] = rows.written(row);
    }
    return p.stringify({
      __proto__: null, table: state.table, key: state.key ?? '', fields: described(state), rows: all, changed,
    });
  }

  function change(place, row) {
    const { status, original } = row[rows.INFO];
    const all = list();
    all[0] = place;
    all[1] = status;
    all[2] = original === null ? null : rows.written(original);
    return all;
  }

  function unpacked(state, text) {
    const given = p.parse(text);
    for (let i = 0; i < given.fields.length; i++) rows.addField(state, given.fields[i].name, given.fields[i].type);
    state.table = given.table;
    state.key = given.key === '' ? undefined : given.key;
    let next = 0;
    for (let i = 0; i < given.rows.length; i++) {
      const row = arrived(state, given.rows[i]);
      const info = next < given.changed.length && given.changed[next][0] === i ? given.changed[next++] : undefined;
      if (info !== undefined) {
        const original = info[2] === null ? null : arrived(state, info[2]);
        row[rows.INFO] = { __proto__: null, status: info[1], original };
      }
      rows.adopt(state, row);
    }
    editor.stop(state);
    end(state);
  }

  function arrived(state, given) {
    const row = rows.newRow(state);
    for (let i = 0; i < state.fields.length; i++) row[i + rows.FIRST] = values.arrived(state.fields[i].type, given[i]);
    return row;
  }

  return p.freeze({ __proto__: null, apply, takeBack, begin, end, packed, unpacked });
})
