/** How an exit is: a forward proxy of an API. It holds no credential. */
export interface ExitStatus {
  readonly api: string;
  /** Name of the exit, as in an attempt's `egress`. */
  readonly name: string;
  /** Scheme, host and port of the proxy, without user and password; `undefined` for the direct way. */
  readonly proxy: string | undefined;
  /**
   * `ok` takes calls; `resting` after failures or a 429 of the target; `trial` while one call finds out whether it
   * is back.
   */
  readonly state: 'ok' | 'resting' | 'trial';
  /** Epoch milliseconds at which it is tried again; `undefined` unless it rests. */
  readonly restsUntil: number | undefined;
  /** Why it rests, as `ECONNREFUSED`, `status 407` or `status 429 of api.example.com`. */
  readonly reason: string | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** Attempts that were sent through it. */
  readonly attempts: number;
  /** Attempts that are under way. */
  readonly active: number;
}

/** How a gate is: what the target has told about its limit, for one credential and one exit. */
export interface GateStatus {
  readonly api: string;
  /** Which of the API's gates: a digest of the credential that it is for; empty where there is none. */
  readonly key: string;
  /** Name of the exit; `undefined` is direct. */
  readonly exit: string | undefined;
  readonly state: 'open' | 'closed';
  /** Calls that the target still allows; `undefined` where it has not told. */
  readonly remaining: number | undefined;
  readonly limit: number | undefined;
  /** Epoch milliseconds at which it opens, or at which the target's window begins anew. */
  readonly resetsAt: number | undefined;
  /** Calls that wait for it. */
  readonly queued: number;
}

/** Body of `/egress-status`. */
export interface EgressStatus {
  readonly exits: readonly ExitStatus[];
  readonly gates: readonly GateStatus[];
}
