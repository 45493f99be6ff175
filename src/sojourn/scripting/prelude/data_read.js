// Reading the fields of a DataSet in the type that a script asks for. Loaded at its first use.
(function (host) {
  'use strict';
  const p = host.primordials;
  const values = host.part('data_values');
  const rows = host.part('data_rows');
  const editor = host.part('data_edit');
  const DBKey = host.made('DBKey');

  // What the current row keeps in a field, null without a row, as make(type, kept) gives it.
  function read(state, id, make) {
    editor.active(state);
    const field = rows.fieldOf(state, id);
    const row = editor.current(state);
    return row === undefined || row[field.index] === null ? make(field.type, null) : make(field.type, row[field.index]);
  }

  const unfit = (type, what) => values.failure('bad_value', 'a value of type ' + type + ' is no ' + what);

  function asText(type, kept) {
    if (kept === null) return '';
    return '' + (type === 'datetime' ? values.asJson(type, kept) : kept);
  }

  function asNumber(type, kept) {
    if (kept === null) return 0;
    if (type === 'date' || type === 'datetime') return p.dateTime(values.dateOf(kept));
    const readable = type === 'integer' || type === 'number' || type === 'boolean' || type === 'decimal';
    if (!readable && !(type === 'string' && values.isDecimal(kept))) throw unfit(type, 'number');
    return p.Number(kept);
  }

  function asTruth(type, kept) {
    if (kept === null) return false;
    if (type === 'boolean') return kept;
    if (type === 'integer' || type === 'number' || type === 'decimal') return p.Number(kept) !== 0;
    if (kept === 'true' || kept === 'false') return kept === 'true';
    throw unfit(type, 'boolean');
  }

  function asDate(type, kept) {
    if (kept === null) return null;
    if (type === 'date' || type === 'datetime') return values.dateOf(kept);
    if (type === 'string') return values.dateOf(values.kept('datetime', kept));
    throw unfit(type, 'date');
  }

  function asKey(type, kept) {
    if (kept === null) return null;
    if (type !== 'integer') throw unfit(type, 'key');
    return new DBKey(kept);
  }

  // The current row as an object, each field made by make.
  function objectOf(state, row, make) {
    const found = {};
    for (let i = 0; i < state.fields.length; i++) {
      const { name, type, index } = state.fields[i];
      if (name === '__proto__') p.define(found, name, make(type, row[index]), true);
      else found[name] = make(type, row[index]);
    }
    return found;
  }

  function each(items, make) {
    const found = [];
    for (let i = 0; i < items.length; i++) found[i] = make(items[i]);
    return found;
  }

  return p.freeze({ __proto__: null, read, asText, asNumber, asTruth, asDate, asKey, objectOf, each });
})
