import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import type { Callback } from '../core/callback.js';
import {
  durationMs,
  functionOption,
  headerName,
  optionsObject,
  resolveOptions,
  sizeBytes,
} from '../core/options.js';
import { type FailureWhen, failureWhenSchema } from '../http/failure-when.js';
import type { CacheSite } from './cache-context.js';
import type { CachePolicy } from './policy/cache-policy.js';
import type { CacheStore } from './store/store.js';

/** A complete response that may be stored. */
export interface StoreCandidate {
  readonly status: number;
  /** As they are stored: name, value, name, value. */
  readonly rawHeaders: readonly string[];
  /** As it was sent, compressed perhaps; `undefined` beyond 64 KiB. */
  readonly body: Buffer | undefined;
}

/** Options of `cache()`. */
export interface CacheOptions {
  /**
   * `'ttl'` stores responses for `ttlMs`, whatever the API says about freshness; only its `no-store` counts.
   * `'standard'` is a shared cache by RFC 9111: the API's own freshness, validators and `Vary` decide.
   * @default 'ttl'
   */
  mode?: 'ttl' | 'standard' | undefined;
  /**
   * How long a response is fresh in `ttl` mode.
   * @default 60000
   */
  ttlMs?: number | undefined;
  /**
   * Methods whose responses `ttl` mode stores; `GET` includes HEAD. Add `POST` for an API that reads by POST: the
   * request's body is then part of the key. `standard` mode stores GET and HEAD.
   * @default ['GET']
   */
  methods?: readonly string[] | undefined;
  /**
   * Request headers that are part of the key, besides credentials, which always are: none, all end-to-end headers but
   * those that each request has of its own (`traceparent`, `X-Request-Id` and the like), or those in `headers`. What a
   * response names in `Vary` counts in any case.
   * @default 'none'
   */
  headerStrategy?: 'none' | 'all' | 'listed' | undefined;
  /**
   * The request headers of `headerStrategy: 'listed'`, in any letter case.
   * @default []
   */
  headers?: readonly string[] | undefined;
  /**
   * Statuses that `ttl` mode stores. 206, 304, 412, 416 and 429 are never stored.
   * @default every one from 200 to 399
   */
  statuses?: readonly number[] | undefined;
  /**
   * `true` stores responses marked `no-store` too, in `ttl` mode, and those marked `private` for everyone.
   * @default false
   */
  override?: boolean | undefined;
  /**
   * What becomes of responses with `Set-Cookie`. `'bypass'` does not store them. `'strip'` stores them without their
   * cookies, which only the client that made the request gets. `'store'` stores the cookies too: only for APIs whose
   * cookies are the same for every user.
   * @default 'bypass'
   */
  setCookie?: 'bypass' | 'strip' | 'store' | undefined;
  /**
   * Stores event streams (`text/event-stream`) too: only for streams that end, and that are the same for everyone.
   * @default false
   */
  storeEventStreams?: boolean | undefined;
  /**
   * Response headers that are stored for nobody, besides `X-Request-Id`, `RateLimit-*`, `X-RateLimit-*`,
   * `Retry-After`, `Server-Timing` and the like, which belong to one request.
   * @default []
   */
  omitHeaders?: readonly string[] | undefined;
  /**
   * Leaves credentials out of the key: every user may get what was stored for another. Only for responses that do not
   * depend on the user. In `standard` mode responses to `Authorization` stay separate (RFC 9111 §3.5).
   * @default false
   */
  sharedAcrossCredentials?: boolean | undefined;
  /**
   * Request headers that carry credentials, besides `Authorization`, `Cookie` and those with a word like `key`,
   * `token`, `auth` or `session` in their names. Those that do not reach the target never count.
   * @default []
   */
  credentialHeaders?: readonly string[] | undefined;
  /**
   * Request headers that carry no credential, although their names look like it.
   * @default []
   */
  credentialExceptions?: readonly string[] | undefined;
  /**
   * Queries with the same parameters in another order are the same request; equal names keep their order.
   * @default false
   */
  sortQuery?: boolean | undefined;
  /**
   * How long a stale response is sent at once while one call renews it in the background. In `standard` mode the API's
   * `stale-while-revalidate` takes precedence.
   * @default 0
   */
  staleWhileRevalidateMs?: number | undefined;
  /**
   * How long a stale response replaces a failure: a lost connection, a status of 500 or above, 429, an open circuit
   * or an exhausted limit. In `standard` mode the API's `stale-if-error` takes precedence, and `must-revalidate`
   * forbids it.
   * @default 86400000
   */
  staleIfErrorMs?: number | undefined;
  /**
   * How much longer a stale response with a validator is kept, to be revalidated.
   * @default 3600000
   */
  keepForValidationMs?: number | undefined;
  /**
   * Does not store responses that are failures by their JSON, whatever their status, and keeps what is stored then:
   * `{ json: '/errors' }` where there is something at this JSON Pointer, `{ json: '/ok', equals: false }` where it is
   * that. Behind the cache `forward()` then shows it a response before it is passed on, and a stored one that is stale is
   * served in its place. Bodies beyond 64 KiB are not looked at.
   */
  failureWhen?: FailureWhen | undefined;
  /**
   * Memory of the default store, with keys, headers and bodies. Once it is full, a new response is stored only if it is
   * requested more often than what would have to go.
   * @default 67108864
   */
  maxBytes?: number | undefined;
  /**
   * Largest body that is stored; larger ones stream through.
   * @default 1048576
   */
  maxEntryBytes?: number | undefined;
  /**
   * Equal calls that find nothing stored wait for one of them.
   * @default true
   */
  coalesce?: boolean | undefined;
  /**
   * How long a call waits for an equal one. After that one of those that wait makes a request of its own, which the
   * others wait for.
   * @default 10000
   */
  coalesceTimeoutMs?: number | undefined;
  /**
   * Responses whose clients have all left are read to their end and stored, where no more than 64 KiB of them are to
   * come.
   * @default true
   */
  finishAbandoned?: boolean | undefined;
  /**
   * Name of this cache in the `Cache-Status` header (RFC 9211) of every response; `false` sends none.
   * @default 'resilient-proxy-out'
   */
  cacheStatus?: string | false | undefined;
  /**
   * Adds to the key, a tenant's name for instance; `undefined` adds nothing. It is hashed before it is stored. What the
   * function throws fails the call, and so does anything that is neither a string nor `undefined`.
   */
  key?: Callback<(req: IncomingMessage) => string | undefined> | undefined;
  /**
   * Decides whether a complete response is stored, which the other options allow. A body beyond 64 KiB is `undefined`.
   * What the function throws counts as `false`, and so does a promise.
   */
  storeIf?: Callback<(response: StoreCandidate, req: IncomingMessage) => boolean> | undefined;
  /** Tags for `purge({ tag })`, besides those of the response's `Surrogate-Key` and `Cache-Tag`. */
  tags?: Callback<(req: IncomingMessage, res: ServerResponse) => readonly string[]> | undefined;
  /**
   * Where responses are stored. A store may serve several caches, and is closed by whoever made it.
   * @default 'memory'
   */
  store?: 'memory' | CacheStore | undefined;
  /**
   * Separates the keys of this cache from those of others in the same store: usually the API's name.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * What all keys begin with: applications that share a Redis and name an API the same are apart where it differs, as
   * they are where their targets or rewrites do.
   * @default 'rpo'
   */
  prefix?: string | undefined;
}

/** Ten years: beyond it a number is a slip of the pen. */
const MAX_WINDOW_MS = 10 * 365 * 24 * 60 * 60 * 1000;

// None of these is ever given to a timer, whose limit is lower.
const windowMs = z.number().min(0).max(MAX_WINDOW_MS);
const method = z.string().regex(/^[A-Z]+$/, 'must be a method in capitals, as POST');
const statusCode = z.number().int().min(200).max(599);

/** The options that a configuration file can hold for one API. */
export const cacheFileShape = {
  mode: z.enum(['ttl', 'standard']).default('ttl'),
  ttlMs: z.number().min(1).max(MAX_WINDOW_MS).default(60_000),
  methods: z.array(method).min(1).default(['GET']),
  headerStrategy: z.enum(['none', 'all', 'listed']).default('none'),
  headers: z.array(headerName).default([]),
  statuses: z.array(statusCode).optional(),
  override: z.boolean().default(false),
  setCookie: z.enum(['bypass', 'strip', 'store']).default('bypass'),
  storeEventStreams: z.boolean().default(false),
  omitHeaders: z.array(headerName).default([]),
  sharedAcrossCredentials: z.boolean().default(false),
  credentialHeaders: z.array(headerName).default([]),
  credentialExceptions: z.array(headerName).default([]),
  sortQuery: z.boolean().default(false),
  staleWhileRevalidateMs: windowMs.default(0),
  staleIfErrorMs: windowMs.default(86_400_000),
  keepForValidationMs: windowMs.default(3_600_000),
  failureWhen: failureWhenSchema.optional(),
  maxBytes: sizeBytes.min(1024).default(64 * 1024 * 1024),
  maxEntryBytes: sizeBytes.default(1024 * 1024),
  coalesce: z.boolean().default(true),
  coalesceTimeoutMs: durationMs.default(10_000),
  finishAbandoned: z.boolean().default(true),
  cacheStatus: z
    .string()
    .regex(/^[\x20-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters')
    .or(z.literal(false))
    .default('resilient-proxy-out'),
  prefix: z.string().min(1).max(256).default('rpo'),
};

const STORE_METHODS = ['get', 'set', 'delete', 'purge', 'counts', 'close'];

function isStore(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return STORE_METHODS.every((name) => typeof Reflect.get(value, name) === 'function');
}

/** What `cache()` may be given. */
export const cacheSchema = optionsObject({
  ...cacheFileShape,
  key: functionOption<NonNullable<CacheOptions['key']>>().optional(),
  storeIf: functionOption<NonNullable<CacheOptions['storeIf']>>().optional(),
  tags: functionOption<NonNullable<CacheOptions['tags']>>().optional(),
  store: z
    .custom<'memory' | CacheStore>(
      (value) => value === 'memory' || isStore(value),
      "must be 'memory' or a CacheStore",
    )
    .default('memory'),
  name: z.string().min(1).max(200).default('default'),
});

/** {@link CacheOptions} with every default filled in. */
export type ResolvedCache = Readonly<z.output<typeof cacheSchema>>;

/**
 * Options with every default filled in, frozen.
 * @throws InvalidOptionError
 */
export function resolveCache(options: CacheOptions): ResolvedCache {
  return resolveOptions(cacheSchema, options, 'cache');
}

/** What of the options the rules of storing and look-up depend on. */
export function cachePolicy(
  options: ResolvedCache,
  { reaches, addsAddress }: Pick<CacheSite, 'reaches' | 'addsAddress'>,
): CachePolicy {
  return Object.freeze({
    mode: options.mode,
    ttlMs: options.ttlMs,
    methods: new Set(options.methods.filter((name) => name !== 'HEAD')),
    statuses: options.statuses && new Set(options.statuses),
    override: options.override,
    setCookie: options.setCookie,
    storeEventStreams: options.storeEventStreams,
    omitHeaders: new Set(options.omitHeaders.map((name) => name.toLowerCase())),
    reaches,
    addsAddress,
    // Who sets a time means it: a client's reload costs no call then.
    requestFreshness: options.mode === 'standard',
    staleWhileRevalidateMs: options.staleWhileRevalidateMs,
    staleIfErrorMs: options.staleIfErrorMs,
    keepForValidationMs: options.keepForValidationMs,
  });
}
