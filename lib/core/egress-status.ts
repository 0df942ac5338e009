/** State of one egress proxy of an API. It holds no credential. */
export interface EgressProxyStatus {
  readonly api: string;
  /** Name of the proxy, as in an attempt's `egress`; `direct` is a direct connection. */
  readonly name: string;
  /** Scheme, host and port, without user and password; `undefined` for a direct connection. */
  readonly address: string | undefined;
  /**
   * `ok`: takes requests. `cooling-down`: after failures, or a 429 of the target. `probing`: one request tests
   * whether it has recovered.
   */
  readonly state: 'ok' | 'cooling-down' | 'probing';
  /** Epoch milliseconds when it is probed; `undefined` unless it is cooling down. */
  readonly coolsDownUntil: number | undefined;
  /** Why it is cooling down, for example `ECONNREFUSED`, `status 407` or `status 429 of api.example.com`. */
  readonly reason: string | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** Attempts sent through it. */
  readonly attempts: number;
  /** Attempts in progress. */
  readonly active: number;
}

/** A rate limit that a target has advertised, for one credential and one egress proxy. */
export interface LimitStatus {
  readonly api: string;
  /** Name of the limit as the API gives it; `default` if the API names none. */
  readonly name: string;
  /** Digest of the credential it applies to; empty if there is none. */
  readonly credential: string;
  /** Name of the egress proxy; `undefined` for a direct connection. */
  readonly proxy: string | undefined;
  readonly state: 'available' | 'exhausted';
  /** Requests that the target still allows; `undefined` while unknown. */
  readonly remaining: number | undefined;
  readonly limit: number | undefined;
  /** Epoch milliseconds when the target's window starts over. */
  readonly resetsAt: number | undefined;
  /** Requests waiting for it. */
  readonly queued: number;
}

/** Body of `/egress-status`. */
export interface EgressStatus {
  readonly proxies: readonly EgressProxyStatus[];
  readonly limits: readonly LimitStatus[];
}
