/** What `proxyRotate()` emits. No event holds a credential. */
export interface ProxyRotateEvents {
  /**
   * An egress proxy begins to cool down. `origin` is the target's origin that it is not used for, `undefined` where it
   * is used for none; `proxy` is `undefined` for the direct connection.
   */
  cooldown: [
    event: {
      api: string;
      proxy: string | undefined;
      origin: string | undefined;
      /** As `ECONNREFUSED`, `status 407` or `status 429 of api.example.com`. */
      reason: string;
      cooldownMs: number;
    },
  ];
  /** A probe has succeeded: it is used again. */
  recovered: [event: { api: string; proxy: string | undefined; origin: string | undefined }];
  /** No egress proxy was left for an attempt; `direct` says that it went out without one. */
  exhausted: [event: { api: string; origin: string; retryAfterMs: number; direct: boolean }];
  /** The list of proxies was read for the first time, or has changed. `source` is its path or the origin of its URL. */
  list: [
    event: {
      api: string;
      source: string;
      /** How many are in use now. */
      proxies: number;
      added: number;
      removed: number;
      /** Lines that cannot be read, and are left out. */
      wrongLines: number;
      /** The first of them, by number; they show nothing of the line. */
      problems: readonly { line: number; rule: string }[];
    },
  ];
  /** The list of proxies cannot be read, and the one before stays in use. Said once, until it can be read again. */
  listFailed: [event: { api: string; source: string; reason: string; proxies: number }];
}
