/** State of one egress proxy of an API. It holds no credential. */
export interface EgressProxyStatus {
  readonly api: string;
  /** Name of the proxy, as in an attempt's `egress`; `direct` is a direct connection. */
  readonly name: string;
  /** Scheme, host and port, without user and password; `undefined` for a direct connection. */
  readonly address: string | undefined;
  /**
   * `ok` takes requests; `cooling-down` after failures or a 429 of the target; `probing` while one request finds out
   * whether it has recovered.
   */
  readonly state: 'ok' | 'cooling-down' | 'probing';
  /** Epoch milliseconds at which it is probed; `undefined` unless it is cooling down. */
  readonly coolsDownUntil: number | undefined;
  /** Why it is cooling down, as `ECONNREFUSED`, `status 407` or `status 429 of api.example.com`. */
  readonly reason: string | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** Attempts that were sent through it. */
  readonly attempts: number;
  /** Attempts that are under way. */
  readonly active: number;
}

/** A rate limit that a target has advertised, for one credential and one egress proxy. */
export interface LimitStatus {
  readonly api: string;
  /** Name of the limit, as the API calls it; `default` where the API gives none. */
  readonly name: string;
  /** Digest of the credential that it applies to; empty without one. */
  readonly credential: string;
  /** Name of the egress proxy; `undefined` is a direct connection. */
  readonly proxy: string | undefined;
  readonly state: 'available' | 'exhausted';
  /** Requests that the target still allows; `undefined` while unknown. */
  readonly remaining: number | undefined;
  readonly limit: number | undefined;
  /** Epoch milliseconds at which the target's window begins anew. */
  readonly resetsAt: number | undefined;
  /** Requests that wait for it. */
  readonly queued: number;
}

/** Body of `/egress-status`. */
export interface EgressStatus {
  readonly proxies: readonly EgressProxyStatus[];
  readonly limits: readonly LimitStatus[];
}
