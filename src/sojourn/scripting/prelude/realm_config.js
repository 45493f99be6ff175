// RealmConfig: the configuration of the realm that the script runs in.
(function (host) {
  'use strict';
  const p = host.primordials;
  const MADE = {};

  class RealmConfig {
    constructor(values) {
      if (values === undefined || values.made !== MADE) throw new p.TypeError('use RealmConfig.fromName or fromKey');
      const names = p.keys(values);
      for (let i = 0; i < names.length; i++) if (names[i] !== 'made') p.fix(this, names[i], values[names[i]]);
      p.freeze(this);
    }

    static fromName(name) {
      return new RealmConfig({ __proto__: null, ...host.call('Realms.fromName', [name]), made: MADE });
    }

    static fromKey(key) {
      const number = typeof key === 'object' && key !== null ? +key : key;
      return new RealmConfig({ __proto__: null, ...host.call('Realms.fromKey', [number]), made: MADE });
    }
  }

  host.defineClass(RealmConfig, 'lib/http/RealmConfig');
})
