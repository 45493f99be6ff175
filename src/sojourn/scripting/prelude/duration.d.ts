/** Lengths of time in milliseconds: `new Date(Date.now() + 10 * Duration.DAY_MS)`. */
declare const Duration: {
  readonly SECOND_MS: 1000;
  readonly MINUTE_MS: 60000;
  readonly HOUR_MS: 3600000;
  readonly DAY_MS: 86400000;
};
declare module "@nginstack/engine/lib/date/Duration" { export = Duration; }
declare module "@nginstack/engine/lib/date/Duration.js" { export = Duration; }
