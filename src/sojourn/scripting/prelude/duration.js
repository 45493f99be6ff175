// Lengths of time in milliseconds, for what the API asks in milliseconds.
(function (host) {
  'use strict';
  const p = host.primordials;
  const Duration = { SECOND_MS: 1000, MINUTE_MS: 60_000, HOUR_MS: 3_600_000, DAY_MS: 86_400_000 };
  p.define(p.global, 'Duration', p.freeze(Duration), false);
  host.defineModule('lib/date/Duration', Duration);
})
