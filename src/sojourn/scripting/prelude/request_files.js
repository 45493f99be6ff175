// request.files: the files of a form; what they hold is fetched when it is asked for.
(function (host) {
  'use strict';
  const { call, primordials: p } = host;
  const MADE = {};

  class RequestFile {
    #index;

    constructor(made, index, told) {
      if (made !== MADE) throw new p.TypeError('scripts cannot make a RequestFile');
      this.#index = index;
      const names = p.keys(told);
      for (let i = 0; i < names.length; i++) p.define(this, names[i], told[names[i]], true);
      p.freeze(this);
    }

    asBytes() {
      return call('RequestFiles.bytes', [this.#index]);
    }

    asText() {
      return call('RequestFiles.text', [this.#index]);
    }
  }

  function wrapped(told) {
    const files = [];
    for (let i = 0; i < told.length; i++) p.define(files, i, new RequestFile(MADE, i, told[i]), true);
    return p.freeze(files);
  }

  host.finish('Request.files', wrapped);
  host.defineClass(RequestFile, 'lib/http/RequestFile');
})
