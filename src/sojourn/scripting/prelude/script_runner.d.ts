/** What goes into a `ScriptRunner` and comes out of it. */
type Primitive = undefined | null | boolean | number | string | bigint | DataSet;

/** How a `ScriptRunner` runs its script. */
interface ScriptRunnerOptions {
  /** `ije` by default; a realm's own where `realm` is given. */
  runtime?: 'ije' | 'v8';
  /** The realm in which it runs: the script's own by default, or one that names it in `runnersFrom`. */
  realm?: string;
  /** Go on with a stateful session that this session has made through a `ScriptRunner`. */
  sessionId?: string;
  /** Milliseconds to wait while that session is busy; without it a busy one is an error at once. */
  waitTimeout?: number;
}
