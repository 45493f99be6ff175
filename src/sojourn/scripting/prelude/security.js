// Security.getInstance(): the one there is.
(function (host) {
  'use strict';
  const { security } = host.primordials.global;
  host.finish('Security.getInstance', () => security);
})
