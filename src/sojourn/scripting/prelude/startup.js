// session.executeStartupScripts(): the host says which scripts, each of them runs as a global script here.
(function (host) {
  'use strict';
  const { call, primordials: p, runScript } = host;

  function text(thrown) {
    try {
      return p.String(p.isError(thrown) ? thrown.message : thrown);
    } catch {
      return 'an error that cannot be described';
    }
  }

  function failure(uri, thrown) {
    const error = new p.Error(uri + ': ' + text(thrown));
    p.define(error, 'name', 'StartupError', false);
    p.define(error, 'cause', thrown, false);
    return error;
  }

  // The host keeps the chain of scripts: what logs in meanwhile is the start-up script and who called it.
  function run(uri) {
    const code = call('Startup.enter', [uri]);
    try {
      runScript(uri, code);
    } catch (thrown) {
      throw failure(uri, thrown);
    } finally {
      call('Startup.leave', []);
    }
  }

  host.finish('Session.executeStartupScripts', (uris) => {
    for (let i = 0; i < uris.length; i++) run(uris[i]);
  });
})
