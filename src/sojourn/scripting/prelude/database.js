// Database and Connection, and the globals of the default one. What they do is done by the host, for a connection by its
// number; 0 is the default one. Made at their first use; what each member means stands in database.d.ts.
(function (host) {
  'use strict';
  const { call, primordials: p } = host;
  const { DataSet, stateOf, isDataSet } = host.part('data_set');
  const changes = host.part('data_changes');
  const rows = host.part('data_rows');
  const DBKey = host.made('DBKey');
  const keyValue = DBKey.prototype.valueOf;
  const DEFAULT = {};
  const MAIN = 'main';

  let numberOf;
  let isConnection;

  const text = (value, what) => {
    if (typeof value !== 'string') throw new p.TypeError(what + ' is a text');
    return value;
  };

  // A key as the host takes it: a number, or a BigInt.
  const plain = (value) => (DBKey.isLike(value) ? p.apply(keyValue, value, []) : value);

  function each(items, make) {
    const found = [];
    for (let i = 0; i < items.length; i++) p.define(found, i, make(items[i]), true);
    return found;
  }

  function named(given) {
    const found = { __proto__: null };
    const names = p.keys(given);
    for (let i = 0; i < names.length; i++) found[names[i]] = plain(given[names[i]]);
    return found;
  }

  function parametersOf(given) {
    if (given === undefined || given === null) return [];
    if (typeof given !== 'object') throw new p.TypeError('the parameters of a query are an array, or an object');
    return p.isArray(given) ? each(given, plain) : named(given);
  }

  // The data sets of a query. The host gives page after page, all from one snapshot.
  function query(number, sql, parameters, options) {
    const several = p.isArray(sql);
    const statements = several ? each(sql, (one) => text(one, 'a statement')) : [text(sql, 'a statement')];
    const made = each(statements, () => new DataSet());
    let reply = call('Databases.query', [number, statements, parametersOf(parameters), options ?? null, several]);
    for (;;) {
      const { pages, more } = reply;
      for (let i = 0; i < pages.length; i++) add(stateOf(made[pages[i].place]), p.parse(pages[i].text), number);
      if (more === 0) break;
      reply = call('Databases.page', [more]);
    }
    for (let i = 0; i < made.length; i++) changes.end(stateOf(made[i]));
    return several ? made : made[0];
  }

  function add(state, page, number) {
    if (state.fields.length === 0) changes.begin(state, page, number);
    else rows.load(state, page);
  }

  function states(given) {
    const all = p.isArray(given) ? given : [given];
    return each(all, (one) => {
      if (!isDataSet(one)) throw new p.TypeError('applyUpdates takes a DataSet, or an array of them');
      return stateOf(one);
    });
  }

  function opened(first, second) {
    if (first === DEFAULT) return 0;
    if (isConnection(first)) return numberOf(first);
    // The older form names a host first; there is none but this one.
    if (second !== undefined && first !== undefined && first !== null && first !== '') {
      throw new p.TypeError('a Database is one of this project: there are no other hosts');
    }
    return call('Databases.open', [text(second ?? first ?? MAIN, 'the name of a database')]);
  }

  class Database {
    #number;

    static {
      numberOf = (self) => self.#number;
      isConnection = (value) => typeof value === 'object' && value !== null && #number in value;
    }

    constructor(connectionOrName, name) {
      this.#number = opened(connectionOrName, name);
    }

    get name() { return call('Databases.name', [this.#number]); }
    get userKey() { return call('Databases.userKey', [this.#number]); }
    get userName() { return call('Databases.userName', [this.#number]); }
    get scope() { return call('Databases.scope', [this.#number]); }

    get trackingId() { return call('Databases.trackingId', [this.#number]); }
    set trackingId(value) { call('Databases.setTrackingId', [this.#number, value]); }

    login(userName, password) { return call('Databases.login', [this.#number, userName, password]); }
    loginByAuthToken(authToken) { call('Databases.loginByAuthToken', [this.#number, authToken]); }
    logout() { call('Databases.logout', [this.#number]); }

    loginBySession(session) {
      if (session !== host.instance('session')) throw new p.TypeError('loginBySession takes the global session');
      return call('Databases.loginBySession', [this.#number]);
    }

    userHasScope(scope) { return call('Databases.userHasScope', [this.#number, scope]); }

    query(sql, parameters, options) { return query(this.#number, sql, parameters, options); }
    applyUpdates(dataSets, logChanges = true) { return changes.apply(states(dataSets), this.#number, logChanges); }
    executeDDL(statement) { return call('Databases.executeDDL', [this.#number, statement]); }

    createKey(keysQty = 1, useHighKeys = false) {
      return call('Databases.createKey', [this.#number, keysQty, useHighKeys === true]);
    }

    insertLog(type, options) {
      return call('Databases.insertLog', [this.#number, type, options === undefined ? {} : named(options)]);
    }

    updateLogs(which, values) { return call('Databases.updateLogs', [this.#number, which, values]); }

    getVersion() { return call('Databases.getVersion', [this.#number]); }
    incVersion() { return call('Databases.incVersion', [this.#number]); }
  }

  class Connection extends Database {
    get remainingKeys() { return call('Databases.remainingKeys', [numberOf(this)]); }
  }

  host.seal(Database);
  host.seal(Connection);
  const database = p.freeze(new Database(DEFAULT));
  const connection = p.freeze(new Connection(DEFAULT));

  // numberOf(connection): how the host knows it, isConnection, query(number, sql …): for other parts of the prelude alone.
  return p.freeze({ __proto__: null, Database, Connection, database, connection, numberOf, isConnection, query });
})
