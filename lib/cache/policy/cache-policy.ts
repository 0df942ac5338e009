/** What an operator decided about one cache, with every default filled in. */
export interface CachePolicy {
  /** `standard` follows RFC 9111; `ttl` keeps for `ttlMs` what was configured, whatever the upstream says. */
  readonly mode: 'standard' | 'ttl';
  /** Milliseconds an answer is fresh in `ttl` mode. */
  readonly ttlMs: number;
  /** Methods kept in `ttl` mode, in upper case; HEAD is answered from GET and never kept by itself. */
  readonly methods: ReadonlySet<string>;
  /** Status codes kept in `ttl` mode; `undefined` is every final one below 400. */
  readonly statuses: ReadonlySet<number> | undefined;
  /** Sets the upstream's `no-store` aside as well, in `ttl` mode. */
  readonly override: boolean;
  /** Keeps answers that set a cookie, cookie included. */
  readonly storeSetCookie: boolean;
  /** Obeys `max-age`, `no-cache` and the like of a request; `no-store` and `only-if-cached` always count. */
  readonly requestFreshness: boolean;
  /** Stale while one call revalidates, where the answer does not say how long. */
  readonly staleWhileRevalidateMs: number;
  /** Stale when the upstream fails, where the answer does not say how long. */
  readonly staleIfErrorMs: number;
  /** How long a stale answer with a validator is kept to be revalidated. */
  readonly keepForValidationMs: number;
}
