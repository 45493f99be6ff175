// Searches in a DataSet, and sums of its rows. Loaded at its first use.
(function (host) {
  'use strict';
  const p = host.primordials;
  const values = host.part('data_values');
  const rows = host.part('data_rows');
  const view = host.part('data_view');
  const editor = host.part('data_edit');
  const { list, at: itemAt } = host.part('data_list');
  const { failure } = values;

  // Whether there is a row at a place of the view; then the cursor goes there.
  function found(state, at) {
    if (at < 0) return false;
    view.goTo(state, at);
    return true;
  }

  function locate(state, names, given, partial) {
    const fields = rows.fieldsOf(state, names);
    const many = p.isArray(given) ? given : [given];
    if (fields.length === 0 || many.length !== fields.length) {
      throw failure('bad_search', 'locate takes as many values as fields');
    }
    const wanted = list();
    for (let i = 0; i < fields.length; i++) wanted[i] = values.kept(fields[i].type, many[i]);
    for (let at = 0; at < state.view.length; at++) if (alike(itemAt(state.view, at), fields, wanted, partial)) return at;
    return -1;
  }

  function alike(row, fields, wanted, partial) {
    for (let i = 0; i < fields.length; i++) {
      const { type, index } = fields[i];
      const begins = partial && type === 'string' && row[index] !== null && wanted[i] !== null;
      if (begins ? !p.startsWith(row[index], wanted[i]) : values.orderOf(type, row[index], wanted[i]) !== 0) return false;
    }
    return true;
  }

  function findKey(state, key) {
    const field = rows.keyField(state);
    if (field === undefined) throw failure('no_key', 'the DataSet has no key field: set keyFieldName');
    const wanted = values.kept(field.type, key);
    for (let at = 0; at < state.view.length; at++) {
      if (values.orderOf(field.type, itemAt(state.view, at)[field.index], wanted) === 0) return at;
    }
    return -1;
  }

  function setRange(state, start, end) {
    const range = { __proto__: null, start: view.indexKey(state, start), end: view.indexKey(state, end) };
    state.range = range;
    view.rebuild(state);
    view.first(state);
  }

  // ---- Sums

  // Fill into, which is new, with the sums of fields for each group of rows that have the same values in other fields.
  function sum(state, into, groupNames, sumNames) {
    const groups = rows.fieldsOf(state, groupNames);
    const sums = rows.fieldsOf(state, sumNames);
    for (let i = 0; i < sums.length; i++) {
      const { name, type } = sums[i];
      if (type !== 'integer' && type !== 'number' && type !== 'decimal') throw failure('no_number', name + ' has no numbers');
    }
    for (let i = 0; i < groups.length; i++) rows.addField(into, groups[i].name, groups[i].type);
    for (let i = 0; i < sums.length; i++) rows.addField(into, sums[i].name, sums[i].type);
    editor.stop(into);
    const known = { __proto__: null };
    const all = list();
    if (groups.length === 0) all[0] = known[''] = groupOf(into, undefined, groups, sums);
    for (let i = 0; i < state.view.length; i++) {
      const row = itemAt(state.view, i);
      const name = groupName(row, groups);
      if (known[name] === undefined) all[all.length] = known[name] = groupOf(into, row, groups, sums);
      const { adders } = known[name];
      for (let s = 0; s < sums.length; s++) if (row[sums[s].index] !== null) adders[s].add(row[sums[s].index]);
    }
    for (let i = 0; i < all.length; i++) {
      for (let s = 0; s < sums.length; s++) all[i].made[into.fields[groups.length + s].index] = all[i].adders[s].sum();
    }
    view.rebuild(into);
    view.first(into);
  }

  function groupName(row, groups) {
    let name = '';
    for (let i = 0; i < groups.length; i++) {
      const part = values.grouping(groups[i].type, row[groups[i].index]);
      name += part.length + ':' + part;
    }
    return name;
  }

  // A row of the result for the group that a row belongs to.
  function groupOf(into, row, groups, sums) {
    const made = rows.newRow(into);
    const adders = list();
    for (let i = 0; i < groups.length; i++) made[into.fields[i].index] = row[groups[i].index];
    for (let i = 0; i < sums.length; i++) adders[i] = values.adder(sums[i].type);
    rows.adopt(into, made);
    return { __proto__: null, made, adders };
  }

  return p.freeze({ __proto__: null, found, locate, findKey, setRange, sum });
})
