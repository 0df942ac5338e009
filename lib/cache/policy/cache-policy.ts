import type { Reaches } from '../../http/forwarded-headers.js';

/** The rules of one cache, with every default filled in. */
export interface CachePolicy {
  /** `standard` follows RFC 9111; `ttl` keeps what is configured for `ttlMs`, whatever the upstream says. */
  readonly mode: 'standard' | 'ttl';
  /** Milliseconds for which a response is fresh in `ttl` mode. */
  readonly ttlMs: number;
  /** Methods stored in `ttl` mode, in upper case; HEAD is served from GET and never stored by itself. */
  readonly methods: ReadonlySet<string>;
  /** Status codes stored in `ttl` mode; `undefined` is every final one below 400. */
  readonly statuses: ReadonlySet<number> | undefined;
  /** Ignores the upstream's `no-store` as well, in `ttl` mode. */
  readonly override: boolean;
  /** Responses that set a cookie are not stored, stored without it, or stored with it. */
  readonly setCookie: 'bypass' | 'strip' | 'store';
  readonly storeEventStreams: boolean;
  /** Response headers that are not stored, in lower case, besides those that belong to one request. */
  readonly omitHeaders: ReadonlySet<string>;
  /** Whether a header of a client, in lower case, reaches whoever makes the response: others select nothing. */
  readonly reaches: Reaches;
  /** Each request is sent on with its client's address: a response that varies on it is for that client alone. */
  readonly addsAddress?: boolean;
  /** Obeys a request's `max-age`, `no-cache` and similar; `no-store` and `only-if-cached` always count. */
  readonly requestFreshness: boolean;
  /** How long a response is served stale while it is renewed, where it does not say so itself. */
  readonly staleWhileRevalidateMs: number;
  /** How long a response is served stale when the upstream fails, where it does not say so itself. */
  readonly staleIfErrorMs: number;
  /** How long a stale response with a validator is kept for revalidation. */
  readonly keepForValidationMs: number;
}
