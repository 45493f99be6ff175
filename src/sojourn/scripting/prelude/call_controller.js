// What a route with a controller runs: a method of what the module exports, with the arguments that the action names.
(function (host) {
  'use strict';
  const p = host.primordials;
  const { construct } = Reflect;
  const OBJECTS = p.freeze({ __proto__: null, request: true, response: true, session: true });

  function argumentsOf(names, values) {
    const args = [];
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      p.define(args, i, OBJECTS[name] === true ? host.instance(name) : values[name], true);
    }
    return args;
  }

  // A class is made anew for each request; an object is used as it is.
  function controllerOf(exported, uri) {
    if (typeof exported === 'function') return construct(exported, []);
    if (typeof exported !== 'object' || exported === null) throw new p.TypeError(uri + ' exports no controller');
    return exported;
  }

  function callController(uri, action, names, values) {
    const exported = host.require(uri);
    const args = argumentsOf(names, values);
    if (action === '') {
      if (typeof exported !== 'function') throw new p.TypeError(uri + ' exports no function, and the route names no action');
      return p.apply(exported, undefined, args);
    }
    const controller = controllerOf(exported, uri);
    const method = controller[action];
    if (typeof method !== 'function') throw new p.TypeError(uri + ': the controller has no method ' + action);
    return p.apply(method, controller, args);
  }

  host.defineModule('lib/router/callController', p.freeze(callController));
})
