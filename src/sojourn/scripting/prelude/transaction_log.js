// TransactionLog and DBTracker: what was changed, and taking it back. What they do is done by the host, for a connection by
// its number; what each member means stands in transaction_log.d.ts.
(function (host) {
  'use strict';
  const { call, primordials: p } = host;
  const { numberOf, isConnection, query } = host.part('database');
  const { DataSet, isDataSet } = host.part('data_set');
  const DBKey = host.made('DBKey');
  const keyValue = DBKey.prototype.valueOf;
  const getRows = DataSet.prototype.getRows;
  const NUMBER = 'iNumber';

  function numberOfDatabase(given) {
    if (given === undefined || given === null) return 0;
    if (!isConnection(given)) throw new p.TypeError('the database is a Database');
    return numberOf(given);
  }

  function plain(value) {
    if (!p.isArray(value)) return DBKey.isLike(value) ? p.apply(keyValue, value, []) : value;
    const found = [];
    for (let i = 0; i < value.length; i++) p.define(found, i, plain(value[i]), true);
    return found;
  }

  // Options as the host takes them; the rows of a log by their numbers.
  function meant(options) {
    if (typeof options !== 'object' || options === null) throw new p.TypeError('the options are an object');
    const found = { __proto__: null };
    const names = p.keys(options);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name === 'logs') found.numbers = numbersOf(options.logs);
      else if (name !== 'sourceDatabase') found[name] = plain(options[name]);
    }
    return found;
  }

  function numbersOf(logs) {
    if (!isDataSet(logs)) throw new p.TypeError('logs is a DataSet with rows of the log');
    return p.apply(getRows, logs, [NUMBER]);
  }

  // The numbers come from the host; they stand in the text because there may be thousands.
  function selected(numbers) {
    let list = '0';
    for (let i = 0; i < numbers.length; i++) list += ',' + numbers[i];
    return 'SELECT * FROM "iLog" WHERE "iNumber" IN (' + list + ') ORDER BY "iNumber"';
  }

  class TransactionLog {
    query(options) {
      const number = numberOfDatabase(options?.sourceDatabase);
      return query(number, selected(call('Changes.find', [number, meant(options)])));
    }

    undoLog(options) { return call('Changes.undo', [numberOfDatabase(options?.sourceDatabase), meant(options), false]); }
    redoLog(options) { return call('Changes.undo', [numberOfDatabase(options?.sourceDatabase), meant(options), true]); }
  }

  class DBTracker {
    #database;
    #state;

    constructor(options) {
      this.#database = numberOfDatabase(options?.database);
      this.#state = call('Changes.openTracker', [this.#database, options?.id ?? '', options?.poolId ?? null]);
    }

    get id() { return this.#state.id; }
    get poolId() { return this.#state.poolId; }
    get active() { return this.#state.active; }

    get autoUndo() { return this.#state.autoUndo; }
    set autoUndo(value) { this.#keep({ autoUndo: value === true }); }

    get maxActiveTime() { return this.#state.maxActiveTime; }
    set maxActiveTime(value) { this.#keep({ maxActiveTime: value }); }

    start() { this.#state = call('Changes.startTracker', [this.#database, this.#state]); }
    finish() { this.#state = call('Changes.finishTracker', [this.#database, this.#state]); }
    undoChanges() { return call('Changes.undoTracker', [this.#database, this.#state]); }

    #keep(change) {
      this.#state = call('Changes.keepTracker', [this.#database, { ...this.#state, ...change }]);
    }

    static finishAbandoned(database) { return call('Changes.finishAbandoned', [numberOfDatabase(database)]); }
  }

  host.seal(TransactionLog);
  host.seal(DBTracker);

  return p.freeze({ __proto__: null, TransactionLog, DBTracker });
})
