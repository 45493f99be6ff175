/** One session, as `engine.sessionManager.getStatistics()` shows it. Durations in milliseconds. */
interface SessionStatistics {
  readonly id: string;
  readonly realm: string;
  readonly environmentType: 'stateful' | 'stateless' | 'standalone';
  /** Name of the account, or subject of an external principal. */
  readonly user: string;
  readonly creation: Date;
  readonly lastAccess: Date;
  /** Idle limit, 0 for none. */
  readonly maxInactiveTime: number;
  readonly maxLifeTime: number;
  /** Whether it has passed its limits since it was read. */
  readonly expired: boolean;
  /** Whether it executes now. */
  readonly inUse: boolean;
}
