// The fields and rows of a DataSet, and what waits to be applied to the database. Loaded at its first use.
// A row is an array: its number, which only grows, then null or { status, original } for a changed one, then what its fields
// keep. state.rows has all rows in the order of their numbers, deleted ones too; void is one that was new and is gone.
// state.blind says by number of which fields of a row it is not known what the database has: it has filled in a default.
(function (host) {
  'use strict';
  const p = host.primordials;
  const values = host.part('data_values');
  const { list, copied } = host.part('data_list');
  const { failure } = values;
  const NUMBER = 0;
  const INFO = 1;
  const FIRST = 2;
  const MOST_FIELDS = 1000;
  // Rows that are nothing any more stay until there are so many.
  const MOST_VOID = 1000;

  // No fields and no rows. connection is the number of the database that it belongs to, epoch that of the session when its
  // rows were read, null for rows that no query has given.
  function clear(state) {
    state.fields = list();
    state.byName = { __proto__: null };
    state.byFolded = { __proto__: null };
    state.table = '';
    state.key = undefined;
    state.rows = list();
    state.last = 0;
    state.pending = 0;
    state.voids = 0;
    state.blind = { __proto__: null };
    state.epoch = null;
    state.connection = 0;
  }

  // ---- Fields

  function addField(state, name, typeName, size) {
    const type = values.typeOf(typeName);
    if (typeof name !== 'string' || name === '') throw new p.TypeError('a field has a name');
    if (type === undefined) throw failure('bad_type', 'there is no type of fields ' + p.stringify(typeName));
    if (size !== undefined && !(p.isSafeInteger(size) && size >= 0)) throw new p.TypeError('the size of a field is a whole number');
    if (state.byName[name] !== undefined) throw failure('field_exists', 'there are two fields ' + name);
    if (state.fields.length >= MOST_FIELDS) throw failure('too_many_fields', 'a DataSet has at most ' + MOST_FIELDS + ' fields');
    const field = { __proto__: null, name, type, size: size ?? 0, index: state.fields.length + FIRST };
    const folded = p.toLowerCase(name);
    state.fields[state.fields.length] = field;
    state.byName[name] = field;
    state.byFolded[folded] = state.byFolded[folded] === undefined ? field : null;
  }

  // The field with a name, whose upper and lower case count only where two differ in nothing else, or at a place from 0 on.
  function fieldOf(state, id) {
    const found = findField(state, id);
    if (found === undefined) throw failure('no_field', 'there is no field ' + (typeof id === 'string' ? id : p.String(id)));
    return found;
  }

  function findField(state, id) {
    if (typeof id === 'string') return state.byName[id] ?? state.byFolded[p.toLowerCase(id)] ?? undefined;
    return p.isSafeInteger(id) && id >= 0 && id < state.fields.length ? state.fields[id] : undefined;
  }

  // The fields of a text like 'name;city' or 'name, city'.
  function fieldsOf(state, names) {
    if (typeof names !== 'string') throw new p.TypeError('names of fields are a text, separated by semicolons or commas');
    const found = list();
    let word = '';
    for (let i = 0; i <= names.length; i++) {
      const letter = names[i];
      if (letter === ';' || letter === ',' || letter === undefined) {
        if (word !== '') found[found.length] = fieldOf(state, word);
        word = '';
      } else if (letter !== ' ' || word !== '') word += letter;
    }
    return found;
  }

  // The field that tells the rows apart: what the database said, else iKey.
  function keyField(state) {
    return state.key === undefined ? findField(state, 'iKey') : fieldOf(state, state.key);
  }

  // ---- Rows

  const valueOf = (row, field) => values.given(field.type, row[field.index]);
  const statusOf = (row) => (row[INFO] === null ? '' : row[INFO].status);

  function newRow(state) {
    const row = list();
    row[NUMBER] = 0;
    row[INFO] = null;
    for (let i = 0; i < state.fields.length; i++) row[FIRST + i] = null;
    return row;
  }

  function taken(field, value) {
    const kept = values.kept(field.type, value);
    if (field.size > 0 && field.type === 'string' && kept !== null && kept.length > field.size) {
      throw failure('too_long', 'field ' + field.name + ' takes at most ' + field.size + ' characters');
    }
    return kept;
  }

  // Where in state.rows the row with a number is, or would be.
  function place(state, number) {
    let low = 0;
    let high = state.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (state.rows[middle][NUMBER] < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function isGone(row) {
    const info = row[INFO];
    return info !== null && (info.status === 'deleted' || info.status === 'void');
  }

  // The row with a number that is there.
  function rowWith(state, number) {
    const row = state.rows[place(state, number)];
    return row !== undefined && row[NUMBER] === number && !isGone(row) ? row : undefined;
  }

  // ---- Changes

  // Add a row that the database does not have yet.
  function insert(state, row) {
    state.last += 1;
    row[NUMBER] = state.last;
    row[INFO] = { __proto__: null, status: 'inserted', original: null };
    state.rows[state.rows.length] = row;
    state.pending += 1;
  }

  // Add a copied row of another data set.
  function adopt(state, row, from) {
    const info = row[INFO];
    const blind = from === undefined ? undefined : from.blind[row[NUMBER]];
    if (blind !== undefined) state.blind[state.last + 1] = { __proto__: null, ...blind };
    state.last += 1;
    row[NUMBER] = state.last;
    if (info !== null) {
      const original = info.original === null ? null : copied(info.original);
      row[INFO] = { __proto__: null, status: info.status, original };
      state.pending += 1;
    }
    state.rows[state.rows.length] = row;
  }

  // Give a row the values of another array. What is as it was before is no change.
  function modify(state, row, next) {
    const info = row[INFO];
    const original = info === null ? copied(row) : info.original;
    for (let i = FIRST; i < row.length; i++) row[i] = next[i];
    if (info !== null && info.status === 'inserted') return;
    const same = original !== null && equal(state, row, original);
    if (same) row[INFO] = null;
    else if (info === null) row[INFO] = { __proto__: null, status: 'modified', original };
    state.pending += (same ? 0 : 1) - (info === null ? 0 : 1);
  }

  function equal(state, a, b) {
    for (let i = 0; i < state.fields.length; i++) if (differs(state.fields[i], a, b)) return false;
    return true;
  }

  const differs = (field, a, b) => values.orderOf(field.type, a[field.index], b[field.index]) !== 0;

  function remove(state, row) {
    const info = row[INFO];
    if (info !== null && info.status === 'inserted') {
      drop(state, row);
      return;
    }
    if (info === null) state.pending += 1;
    row[INFO] = { __proto__: null, status: 'deleted', original: info === null ? null : info.original };
  }

  // A new row is gone: nothing of it goes to the database.
  function drop(state, row) {
    row[INFO].status = 'void';
    state.pending -= 1;
    state.voids += 1;
    if (state.voids > MOST_VOID && state.voids > state.rows.length / 2) keepRows(state, (one) => statusOf(one) !== 'void');
  }

  // Whether a field of a row, whose values are in next while it is edited, is another than in the database.
  function wasModified(row, next, field) {
    const info = row === undefined ? null : row[INFO];
    if (row === undefined || (info !== null && info.status === 'inserted')) return next[field.index] !== null;
    const original = info === null || info.original === null ? row : info.original;
    return differs(field, next, original);
  }

  // Take back what waits for a row. It is there afterwards as the database has it, unless it is new.
  function restore(state, row) {
    const status = statusOf(row);
    if (status === 'inserted') drop(state, row);
    else if (status === 'modified' || status === 'deleted') {
      const { original } = row[INFO];
      if (original !== null) for (let i = FIRST; i < row.length; i++) row[i] = original[i];
      row[INFO] = null;
      state.pending -= 1;
    }
  }

  function restoreAll(state) {
    keepRows(state, (row) => {
      const status = statusOf(row);
      if (status === 'inserted' || status === 'void') return false;
      restore(state, row);
      return true;
    });
    state.pending = 0;
  }

  const isBlind = (state, row, field) => state.blind[row[NUMBER]]?.[field.index] === true;

  // After a row was written: a new one has defaults where it had no values, and what was changed is known again.
  function look(state, row) {
    const { status, original } = row[INFO];
    const blind = state.blind[row[NUMBER]] ?? { __proto__: null };
    for (let i = 0; i < state.fields.length; i++) {
      const field = state.fields[i];
      if (status === 'inserted' ? row[field.index] === null : isBlind(state, row, field)) {
        blind[field.index] = status === 'inserted' || !differs(field, row, original);
        state.blind[row[NUMBER]] = blind;
      }
    }
  }

  // What waited is in the database now, under a version number.
  function accept(state, version) {
    const field = findField(state, 'iVersion');
    keepRows(state, (row) => {
      const status = statusOf(row);
      if (status === 'deleted' || status === 'void') return false;
      if (status !== '' && field !== undefined && field.type === 'integer') row[field.index] = version;
      if (status !== '') look(state, row);
      row[INFO] = null;
      return true;
    });
    state.pending = 0;
  }

  function keepRows(state, stays) {
    let kept = 0;
    for (let i = 0; i < state.rows.length; i++) {
      const row = state.rows[i];
      if (stays(row)) state.rows[kept++] = row;
    }
    state.rows.length = kept;
    state.voids = 0;
  }

  // ---- From and to the host

  // A page of rows as the host writes them; texts are the places of columns of which some came as text, types those of all
  // columns: a database may find out late that a column holds more than it seemed to.
  function load(state, page) {
    const { rows, texts, types } = page;
    for (let i = 0; i < types.length; i++) if (types[i] !== state.fields[i].type) widen(state, state.fields[i], types[i]);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      state.last += 1;
      row[NUMBER] = state.last;
      for (let t = 0; t < texts.length; t++) {
        const at = texts[t] + FIRST;
        row[at] = values.arrived(state.fields[texts[t]].type, row[at]);
      }
      state.rows[state.rows.length] = row;
    }
  }

  function widen(state, field, type) {
    const { index } = field;
    field.type = type;
    for (let i = 0; i < state.rows.length; i++) {
      const row = state.rows[i];
      if (row[index] !== null) row[index] = type === 'number' ? p.Number(row[index]) : '' + row[index];
    }
  }

  // A row as JSON for the host, which reads what it holds beyond JSON by the types of the fields.
  function written(row) {
    const out = list();
    for (let i = FIRST; i < row.length; i++) out[i - FIRST] = values.sent(row[i]);
    return out;
  }

  return p.freeze({
    __proto__: null,
    NUMBER, INFO, FIRST,
    clear, addField, fieldOf, findField, fieldsOf, keyField,
    valueOf, statusOf, isGone, newRow, taken, rowWith,
    insert, adopt, modify, remove, wasModified, restore, restoreAll, accept, isBlind, differs, load, written,
  });
})
