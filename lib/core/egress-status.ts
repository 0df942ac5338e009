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
  /** Attempts in progress, and WebSockets that are open. */
  readonly active: number;
  /** Attempts that the target responded to, whatever the status, without refusing the proxy by it. */
  readonly successes: number;
  /** Milliseconds to the headers of a response: a moving average of the last ones; `undefined` before the first. */
  readonly latencyMs: number | undefined;
  /** How often a target has banned it, by `banWhen`. */
  readonly bans: number;
  /** Bytes of all connections to it, TLS and the requests for tunnels included; `undefined` for a direct connection. */
  readonly bytesSent: number | undefined;
  readonly bytesReceived: number | undefined;
  /** What these bytes cost; `undefined` without `costPerGb`. */
  readonly cost: number | undefined;
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

/** A limit that the options of an API configure. */
export interface QuotaStatus {
  readonly api: string;
  /** `limit`, `burst`, or what one of the further `limits` counts, as `tokens per 86400 s`. */
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /** What is left of it; `undefined` where each key has its own, where Redis counts, and if `algorithm` is not `sliding`. */
  readonly remaining: number | undefined;
  /** Requests waiting for it. */
  readonly queued: number;
  /** Keys on whose behalf they wait. */
  readonly waitingKeys: number;
}

/** A list of egress proxies that is kept elsewhere. It holds no credential. */
export interface ProxyListStatus {
  readonly api: string;
  /** Path of the file, or origin of the URL. */
  readonly source: string;
  /** How many of its proxies are in use. */
  readonly proxies: number;
  /** Epoch milliseconds when it was taken over last; `undefined` if it has not been read yet. */
  readonly readAt: number | undefined;
  /** Why it cannot be read now, so that the one before stays in use; `undefined` if it can. */
  readonly failure: string | undefined;
  /** Lines that cannot be read, and are left out. */
  readonly wrongLines: number;
  /** The first of them, by number. */
  readonly problems: readonly { readonly line: number; readonly rule: string }[];
}

/** Body of `/egress-status`. */
export interface EgressStatus {
  readonly proxies: readonly EgressProxyStatus[];
  readonly limits: readonly LimitStatus[];
  /** Missing where no limit is configured. */
  readonly quotas?: readonly QuotaStatus[] | undefined;
  /** Lists of proxies in files and at URLs, where there are any. */
  readonly lists?: readonly ProxyListStatus[] | undefined;
}
