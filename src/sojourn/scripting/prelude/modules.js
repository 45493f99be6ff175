// require(): built-in modules from a table that is complete before the first script, everything else from the host.
(function (p, calls, evaluate) {
  'use strict';
  const PREFIX = '@nginstack/engine/';
  const builtIn = { __proto__: null };
  // Modules by URI, and URIs by "from\nname".
  const loaded = { __proto__: null };
  const resolved = { __proto__: null };
  // Modules under way; what is left here by an execution that was interrupted was never completed.
  let loading = { __proto__: null };
  let current = '';

  const plain = (name) => (p.endsWith(name, '.js') ? p.slice(name, 0, -3) : name);

  function required(name, from) {
    if (typeof name !== 'string') throw new p.TypeError('require takes the name of a module');
    if (p.startsWith(name, PREFIX)) {
      const known = builtIn[plain(p.slice(name, PREFIX.length, name.length))];
      if (known !== undefined) return known();
    }
    const key = from + '\n' + name;
    const uri = resolved[key];
    return uri !== undefined && loaded[uri] !== undefined ? loaded[uri].exports : fetched(name, from, key);
  }

  function fetched(name, from, key) {
    const source = calls.call('Modules.load', [name, from]);
    resolved[key] = source.uri;
    if (loaded[source.uri] !== undefined) return loaded[source.uri].exports;
    const module = { id: source.uri, uri: source.uri, exports: {}, loaded: false };
    loaded[source.uri] = module;
    loading[source.uri] = true;
    try {
      fill(module, source);
    } catch (error) {
      delete loaded[source.uri];
      throw error;
    }
    delete loading[source.uri];
    module.loaded = true;
    return module.exports;
  }

  function fill(module, source) {
    if (source.kind === 'json') {
      module.exports = p.parse(source.source);
      return;
    }
    const head = '(function (exports, require, module, __filename, __dirname) {';
    const body = evaluate(head + source.source + '\n})', source.uri);
    const directory = p.slice(source.uri, 0, lastSlash(source.uri));
    p.apply(body, module.exports, [module.exports, requireFrom(source.uri), module, source.uri, directory]);
  }

  function lastSlash(uri) {
    let at = 0;
    for (let i = 0; i < uri.length; i++) if (uri[i] === '/') at = i;
    return at;
  }

  const requireFrom = (uri) => p.freeze({ require: (name) => required(name, uri) }.require);

  // The global one: relative to the script that runs.
  p.define(p.global, 'require', p.freeze({ require: (name) => required(name, current) }.require), false);

  return p.freeze({
    __proto__: null,
    // What require('@nginstack/engine/' + name) gives: get(). Before the first script only.
    add(name, get) { builtIn[plain(name)] = get; },
    require: (name) => required(name, current),
    // A task begins; what it requires is relative to uri.
    begin(uri) {
      current = uri;
      for (const half in loading) delete loaded[half];
      loading = { __proto__: null };
    },
    // Run the text of another global script in between; what it requires is relative to uri.
    run(uri, code) {
      const before = current;
      current = uri;
      try {
        return evaluate(code, uri);
      } finally {
        current = before;
      }
    },
  });
})
