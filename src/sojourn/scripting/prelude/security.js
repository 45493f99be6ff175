// Security.getInstance(): the one there is.
(function (host) {
  'use strict';
  host.finish('Security.getInstance', () => host.instance('security'));
})
