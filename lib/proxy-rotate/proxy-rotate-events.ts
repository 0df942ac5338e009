/** What `proxyRotate()` tells while it works. No event holds a credential. */
export interface ProxyRotateEvents {
  /**
   * An exit rests. `target` is the origin it rests for, `undefined` where it rests for all; `exit` is
   * `undefined` for the direct way.
   */
  rest: [
    event: {
      api: string;
      exit: string | undefined;
      target: string | undefined;
      /** As `ECONNREFUSED`, `status 407` or `status 429 of api.example.com`. */
      reason: string;
      restMs: number;
    },
  ];
  /** A trial has shown that a rest is over. */
  back: [event: { api: string; exit: string | undefined; target: string | undefined }];
  /** No exit was left for an attempt; `direct` tells that it went out without one. */
  exhausted: [event: { api: string; target: string; retryAfterMs: number; direct: boolean }];
}
