// Nothing but the flow: no editor, no admin API, no log, context in memory (the default).
'use strict';

module.exports = {
  uiHost: '127.0.0.1',
  uiPort: Number(process.env.PORT),
  userDir: process.env.USER_DIR,
  flowFile: process.env.FLOW_FILE,
  httpAdminRoot: false,
  disableEditor: true,
  credentialSecret: false,
  diagnostics: { enabled: false, ui: false },
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
};
