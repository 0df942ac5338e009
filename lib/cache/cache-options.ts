import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import {
  durationMs,
  functionOption,
  headerName,
  optionsObject,
  resolveOptions,
  sizeBytes,
} from '../core/options.js';
import type { CachePolicy } from './policy/cache-policy.js';
import type { CacheStore } from './store/store.js';

/** Options of `cache()`. */
export interface CacheOptions {
  /**
   * `'ttl'` keeps answers for `ttlMs`, whatever the upstream says about freshness; only its `no-store` counts.
   * `'standard'` is a shared cache by RFC 9111: the upstream's own freshness, validation and `Vary` decide.
   * @default 'ttl'
   */
  mode?: 'ttl' | 'standard';
  /**
   * How long an answer is fresh in `ttl` mode.
   * @default 60000
   */
  ttlMs?: number;
  /**
   * Methods whose answers `ttl` mode keeps; HEAD goes with GET. POST is for APIs that read by POST: the body is
   * then part of the key. In `standard` mode GET and HEAD are looked up.
   * @default ['GET']
   */
  methods?: string[];
  /**
   * Request fields that make a difference besides credentials: none, all that go end to end, or those in `headers`.
   * What an answer names in its `Vary` always counts.
   * @default 'none'
   */
  headerStrategy?: 'none' | 'all' | 'listed';
  /**
   * The fields of `headerStrategy: 'listed'`, in any letter case.
   * @default []
   */
  headers?: string[];
  /**
   * Status codes that `ttl` mode keeps; 206, 304, 412, 416 and 429 are never kept.
   * @default every one from 200 to 399
   */
  statuses?: number[];
  /**
   * Sets the upstream's `no-store` aside as well, in `ttl` mode.
   * @default false
   */
  override?: boolean;
  /**
   * Keeps answers with `Set-Cookie`, cookie included: for upstreams whose cookies are the same for everybody.
   * @default false
   */
  storeSetCookie?: boolean;
  /**
   * Leaves credentials out of the key: everybody may get what was stored for one. In `standard` mode RFC 9111 §3.5
   * still keeps answers to `Authorization` apart.
   * @default false
   */
  sharedAcrossCredentials?: boolean;
  /**
   * Fields with credentials, besides Authorization, Cookie, X-API-Key, API-Key and X-Auth-Token.
   * @default []
   */
  credentialHeaders?: string[];
  /**
   * How long past its freshness an answer is sent at once while one call in the background renews it. In `standard`
   * mode the upstream's `stale-while-revalidate` comes first.
   * @default 0
   */
  staleWhileRevalidateMs?: number;
  /**
   * How long past its freshness an answer stands in for an upstream that fails: connection lost, a status of 500 or
   * above, 429, an open circuit, a closed rate gate. In `standard` mode the upstream's `stale-if-error` comes first,
   * and one that forbids stale answers is obeyed.
   * @default 86400000
   */
  staleIfErrorMs?: number;
  /**
   * How long a stale answer with a validator is kept beyond that, to be revalidated.
   * @default 3600000
   */
  keepForValidationMs?: number;
  /**
   * Memory of the default store: keys, heads, bodies and what it needs to find them. A `store` has its own bound.
   * @default 67108864
   */
  maxBytes?: number;
  /**
   * Largest body that is kept; larger ones stream through.
   * @default 1048576
   */
  maxEntryBytes?: number;
  /**
   * Equal calls that find nothing stored wait for one of them.
   * @default true
   */
  coalesce?: boolean;
  /**
   * How long a call waits for another's answer before it asks for itself.
   * @default 10000
   */
  coalesceTimeoutMs?: number;
  /**
   * Name of this cache in the `Cache-Status` field (RFC 9211) of every answer; `false` sends none.
   * @default 'resilient-proxy-out'
   */
  cacheStatus?: string | false;
  /** Adds to the key, such as a tenant's name; `undefined` adds nothing. It is hashed before it is stored. */
  key?(req: IncomingMessage): string | undefined;
  /** Tags for `purge({ tag })`, beside those of `Surrogate-Key` and `Cache-Tag`. */
  tags?(req: IncomingMessage, res: ServerResponse): readonly string[];
  /**
   * Where answers are kept. A store that is passed in may serve several caches, and is closed by whoever made it.
   * @default 'memory'
   */
  store?: 'memory' | CacheStore;
  /**
   * Sets the keys of this cache apart from those of others in a shared store: usually the API's name.
   * @default 'default'
   */
  name?: string;
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
  storeSetCookie: z.boolean().default(false),
  sharedAcrossCredentials: z.boolean().default(false),
  credentialHeaders: z.array(headerName).default([]),
  staleWhileRevalidateMs: windowMs.default(0),
  staleIfErrorMs: windowMs.default(86_400_000),
  keepForValidationMs: windowMs.default(3_600_000),
  maxBytes: sizeBytes.min(1024).default(64 * 1024 * 1024),
  maxEntryBytes: sizeBytes.default(1024 * 1024),
  coalesce: z.boolean().default(true),
  coalesceTimeoutMs: durationMs.default(10_000),
  cacheStatus: z
    .string()
    .regex(/^[\x20-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters')
    .or(z.literal(false))
    .default('resilient-proxy-out'),
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
export function cachePolicy(options: ResolvedCache): CachePolicy {
  return Object.freeze({
    mode: options.mode,
    ttlMs: options.ttlMs,
    methods: new Set(options.methods.filter((name) => name !== 'HEAD')),
    statuses: options.statuses && new Set(options.statuses),
    override: options.override,
    storeSetCookie: options.storeSetCookie,
    // Who sets a time means it: a client's reload costs no call then.
    requestFreshness: options.mode === 'standard',
    staleWhileRevalidateMs: options.staleWhileRevalidateMs,
    staleIfErrorMs: options.staleIfErrorMs,
    keepForValidationMs: options.keepForValidationMs,
  });
}
