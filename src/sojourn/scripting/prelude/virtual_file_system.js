// VirtualFileSystem.getInstance(): the one there is.
(function (host) {
  'use strict';
  host.finish('VirtualFileSystem.getInstance', () => host.instance('virtualFS'));
})
