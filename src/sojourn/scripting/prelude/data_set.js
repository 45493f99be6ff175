// DataSet: rows with typed fields and a cursor, in the memory of the script. Made at its first use. What each member means
// stands in data_set.d.ts; the work is done by the other files data_*.js, on a state that only this file can reach.
(function (host) {
  'use strict';
  const p = host.primordials;
  const values = host.part('data_values');
  const rows = host.part('data_rows');
  const view = host.part('data_view');
  const editor = host.part('data_edit');
  const changes = host.part('data_changes');
  const { copied, at: itemAt, listed } = host.part('data_list');
  const { found, locate, findKey, setRange, sum } = host.part('data_search');
  const { read, asText, asNumber, asTruth, asDate, asKey, objectOf, each } = host.part('data_read');
  const { failure } = values;

  let stateOf;
  let isDataSet;

  function other(value) {
    if (!isDataSet(value)) throw new p.TypeError('a DataSet is expected');
    const state = stateOf(value);
    editor.leave(state);
    return state;
  }

  // ---- Appending

  function setAll(state, source) {
    if (p.isArray(source)) {
      if (source.length > state.fields.length) throw failure('bad_row', 'there are more values than fields');
      for (let i = 0; i < source.length; i++) set(state, state.fields[i], source[i]);
      return;
    }
    if (typeof source !== 'object' || source === null) throw new p.TypeError('append takes an array, an object or a DataSet');
    const names = p.keys(source);
    for (let i = 0; i < names.length; i++) set(state, rows.fieldOf(state, names[i]), source[names[i]]);
  }

  const set = (state, field, value) => editor.setField(state, field, rows.taken(field, value));

  class DataSet {
    #s = { __proto__: null };

    static {
      stateOf = (self) => self.#s;
      isDataSet = (value) => typeof value === 'object' && value !== null && #s in value;
    }

    constructor() {
      rows.clear(this.#s);
      view.begin(this.#s);
      editor.begin(this.#s);
    }

    // --- structure ---

    createField(fieldName, fieldType, fieldSize) {
      if (this.#s.mode !== editor.INACTIVE) throw failure('active', 'fields are made before create');
      rows.addField(this.#s, fieldName, fieldType, fieldSize);
    }

    create() {
      const s = this.#s;
      if (s.mode !== editor.INACTIVE) throw failure('active', 'the DataSet was created already');
      if (s.fields.length === 0) throw failure('no_field', 'a DataSet has fields: call createField first');
      editor.stop(s);
    }

    get tableName() { return this.#s.table; }

    set tableName(name) {
      if (typeof name !== 'string') throw new p.TypeError('tableName is a text');
      this.#s.table = name;
    }

    get keyFieldName() { return rows.keyField(this.#s)?.name ?? ''; }

    set keyFieldName(name) { this.#s.key = name === '' ? undefined : rows.fieldOf(this.#s, name).name; }

    getFieldNames() { return each(this.#s.fields, (field) => field.name); }

    getFieldType(fieldId) { return rows.fieldOf(this.#s, fieldId).type; }

    copyStructure(source, fieldNames) {
      const from = other(source);
      editor.structure(this.#s, from, fieldNames === undefined ? copied(from.fields) : rows.fieldsOf(from, fieldNames));
    }

    copy(source) { editor.copy(this.#s, other(source)); }

    // --- where the cursor stands ---

    get state() { return this.#s.mode; }
    get bof() { return this.#s.bof; }
    get eof() { return this.#s.eof; }
    get isEmpty() { return this.#s.view.length === 0; }
    get recordCount() { return this.#s.view.length; }

    first() { this.#move(view.first); }
    last() { this.#move(view.last); }
    next() { this.#move(view.next); }
    prior() { this.#move(view.prior); }

    #move(where) {
      editor.leave(this.#s);
      where(this.#s);
    }

    get bookmark() {
      const row = view.currentRow(this.#s);
      return row === undefined || this.#s.mode === editor.INSERT ? '' : '' + row[rows.NUMBER];
    }

    set bookmark(mark) { this.gotoBookmark(mark); }

    gotoBookmark(mark) {
      const s = this.#s;
      editor.leave(s);
      const row = typeof mark === 'string' && mark !== '' ? rows.rowWith(s, +mark) : undefined;
      if (row === undefined || !found(s, view.positionOf(s, row))) throw failure('no_row', 'the row of the bookmark is not there');
    }

    iterate(f, thisObj) {
      if (typeof f !== 'function') throw new p.TypeError('iterate takes a function');
      editor.iterate(this.#s, () => p.apply(f, thisObj, [this]));
    }

    // --- reading ---

    getField(fieldId) { return read(this.#s, fieldId, values.given); }
    val(fieldId) { return read(this.#s, fieldId, values.given); }
    str(fieldId) { return read(this.#s, fieldId, asText); }
    num(fieldId) { return read(this.#s, fieldId, asNumber); }
    bool(fieldId) { return read(this.#s, fieldId, asTruth); }
    date(fieldId) { return read(this.#s, fieldId, asDate); }
    dbkey(fieldId) { return read(this.#s, fieldId, asKey); }
    fieldIsNull(fieldId) { return read(this.#s, fieldId, (_, kept) => kept === null); }

    fieldWasModified(fieldId) {
      const s = this.#s;
      editor.active(s);
      const field = rows.fieldOf(s, fieldId);
      const row = editor.current(s);
      return row !== undefined && rows.wasModified(s.mode === editor.INSERT ? undefined : view.currentRow(s), row, field);
    }

    getRows(fieldName) {
      const s = this.#s;
      editor.active(s);
      if (fieldName === undefined) return each(listed(s.view), (row) => objectOf(s, row, values.given));
      const field = rows.fieldOf(s, fieldName);
      return each(listed(s.view), (row) => rows.valueOf(row, field));
    }

    sum(fieldsToGroup, fieldsToSum) {
      const result = new DataSet();
      editor.leave(this.#s);
      sum(this.#s, stateOf(result), fieldsToGroup, fieldsToSum);
      return result;
    }

    toJSON() {
      const s = this.#s;
      return each(listed(s.view), (row) => objectOf(s, row, values.asJson));
    }

    // --- writing ---

    append(source) {
      const s = this.#s;
      if (isDataSet(source)) {
        const from = other(source);
        editor.leave(s);
        editor.appendAll(s, from);
        return;
      }
      editor.append(s);
      if (source !== undefined) setAll(s, source);
    }

    edit() { editor.edit(this.#s); }
    post() { editor.post(this.#s); }
    cancel() { editor.cancel(this.#s); }
    del() { editor.del(this.#s); }

    setField(fieldId, value, ignoreInvalidFieldId = false) {
      const s = this.#s;
      editor.active(s);
      const field = ignoreInvalidFieldId ? rows.findField(s, fieldId) : rows.fieldOf(s, fieldId);
      if (field !== undefined) set(s, field, value);
    }

    copyRecord(source, excludedFieldNames = '') {
      const s = this.#s;
      const from = other(source);
      const row = editor.current(from);
      if (row === undefined) throw failure('no_row', 'there is no row to copy');
      editor.fill(s, from, copied(row), rows.fieldsOf(s, excludedFieldNames));
    }

    // --- order, filter, search ---

    setIndex(fieldNames, descendingFieldNames = '') {
      const s = this.#s;
      editor.leave(s);
      view.setIndex(s, rows.fieldsOf(s, fieldNames), rows.fieldsOf(s, descendingFieldNames));
    }

    get indexFieldNames() {
      const { order } = this.#s;
      let names = '';
      for (let i = 0; i < order.length; i++) names += (i === 0 ? '' : ';') + order[i].field.name;
      return names;
    }

    set indexFieldNames(names) { this.setIndex(names); }

    get filter() { return this.#s.filter; }

    set filter(text) {
      editor.leave(this.#s);
      view.setFilter(this.#s, text);
    }

    get filtered() { return this.#s.filtered; }

    set filtered(on) {
      editor.leave(this.#s);
      this.#s.filtered = on === true;
      view.rebuild(this.#s);
    }

    setRange(startValues, endValues) {
      editor.leave(this.#s);
      setRange(this.#s, startValues, endValues);
    }

    resetRange() {
      editor.leave(this.#s);
      this.#s.range = null;
      view.rebuild(this.#s);
    }

    locate(fieldNames, searchValues, partial = false) {
      editor.leave(this.#s);
      return found(this.#s, locate(this.#s, fieldNames, searchValues, partial === true));
    }

    find(searchValues) {
      const s = this.#s;
      editor.leave(s);
      const key = view.indexKey(s, searchValues);
      const at = view.firstNotBefore(s, key);
      return found(s, at < s.view.length && view.comparedTo(s, itemAt(s.view, at), key) === 0 ? at : -1);
    }

    findKey(key) {
      editor.leave(this.#s);
      return found(this.#s, findKey(this.#s, key));
    }

    // --- what waits for the database ---

    get modified() {
      const s = this.#s;
      return s.pending > 0 || s.touched;
    }

    applyUpdates(_waitDBCacheSync, logChanges = true) {
      return changes.apply([this.#s], this.#s.connection, logChanges);
    }

    cancelUpdates(key) {
      const s = this.#s;
      editor.active(s);
      editor.cancel(s);
      changes.takeBack(s, key);
    }

    rollBack() {
      this.cancelUpdates();
      view.first(this.#s);
    }
  }

  function unpack(text) {
    const made = new DataSet();
    changes.unpacked(stateOf(made), text);
    return made;
  }

  host.seal(DataSet);
  // The text that goes to the host for a DataSet, undefined for any other object.
  host.carry({ __proto__: null, pack: (value) => (isDataSet(value) ? changes.packed(stateOf(value)) : undefined) });

  return p.freeze({ __proto__: null, DataSet, stateOf, isDataSet, unpack });
})
