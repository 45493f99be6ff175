/** The configuration of a realm: of the one that the script runs in, because of others a script learns nothing. */
declare class RealmConfig {
  private constructor();
  /** The configuration of the realm of that name; throws `RealmUnknown` for another one than the own. */
  static fromName(name: string): RealmConfig;
  /** The configuration of the realm with that key; throws as `fromName`. */
  static fromKey(key: number | DBKey): RealmConfig;
  readonly name: string;
  readonly key: number;
  readonly environmentType: 'stateless' | 'stateful';
  readonly runtime: 'ije' | 'v8';
  /** Whether every execution has a fresh global scope. */
  readonly cleanupEnvironment: boolean;
  /** Age limit of an environment in milliseconds, 0 for none. */
  readonly maxLifeTime: number;
  /** Idle limit of an environment in milliseconds. */
  readonly maxInactiveTime: number;
  readonly httpCompressionEnabled: boolean;
  readonly clientTrackingEnabled: boolean;
  readonly sessionTrackingEnabled: boolean;
  readonly loginAuditingEnabled: boolean;
  /** Key of the application, null for none. */
  readonly application: number | null;
  /** Idle limit of a session in milliseconds, 0 for none. Ours. */
  readonly sessionIdle: number;
  /** Longest life of a session in milliseconds. Ours. */
  readonly sessionLifetime: number;
}
declare module "@nginstack/engine/lib/http/RealmConfig" { export = RealmConfig; }
declare module "@nginstack/engine/lib/http/RealmConfig.js" { export = RealmConfig; }
