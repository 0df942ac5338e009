import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import type { Callback } from '../core/callback.js';
import { invalidOption } from '../core/errors.js';
import {
  count,
  durationMs,
  functionOption,
  headerName,
  optionsObject,
  resolveOptions,
} from '../core/options.js';
import { type RedisConnection, redisConnection } from '../redis/client.js';

/** Options of `rateLimit()`. With none of them it follows the limits that the API advertises in its responses. */
export interface RateLimitOptions {
  /**
   * Name of the API in errors, headers, events and Redis keys.
   * @default 'default'
   */
  name?: string | undefined;
  /**
   * Most requests to the API within `windowMs`, retries included. A call beyond it is 429 ERR_RATE_LIMITED with
   * `Retry-After`, or waits (`onLimit`).
   * @default none
   */
  limit?: number | undefined;
  /**
   * Length of the window of `limit`.
   * @default 60000
   */
  windowMs?: number | undefined;
  /**
   * How requests are counted. `sliding`: no window of this length, wherever it begins, has more than the limit.
   * `fixed`: a window begins with its first request, so that the end of one and the begin of the next may have twice the
   * limit together. `spaced`: one after another, evenly: `limit: 10` in 1000 ms is one each 100 ms.
   * @default 'sliding'
   */
  algorithm?: 'sliding' | 'fixed' | 'spaced' | undefined;
  /**
   * Further limits, all of which hold: a few requests a second, and many tokens a day.
   * @default []
   */
  limits?:
    | readonly {
        /** Most requests, or most tokens, within `windowMs`. */
        limit: number;
        /** Length of its window. */
        windowMs: number;
        /** `'tokens'` counts the `cost` of each request. */
        unit?: 'requests' | 'tokens' | undefined;
      }[]
    | undefined;
  /**
   * What a request takes of `limit`, and of those `limits` that count tokens: a number, or a function. One that costs more
   * than a limit takes all of it. What the function throws fails the call, and so does a promise. A JSON Pointer, such as `/usage/total_tokens`,
   * finds it in the response: JSON of up to 1 MiB, or the last event of a stream that has it. It is then charged after the
   * response, to those `limits` that count tokens: calls go while there are tokens left. A response that breaks off costs
   * as much as others did. The pointer needs `forward()`.
   * @default 1
   */
  cost?: number | string | Callback<(req: IncomingMessage) => number> | undefined;
  /**
   * A second quota that is used when `limit` is exhausted, usually over a longer window.
   * @default none
   */
  burst?:
    | {
        /** Most requests beyond `limit` within `windowMs`. */
        limit: number;
        /** Length of its window. */
        windowMs: number;
      }
    | undefined;
  /**
   * Gives each call a quota of its own, by tenant for instance; `undefined` is the quota of the API. What the function
   * throws fails the call, and so does a promise.
   */
  key?: Callback<(req: IncomingMessage) => string | undefined> | undefined;
  /**
   * Whether a call beyond the limit gets 429 with `Retry-After`, or waits. Retries always wait.
   * @default 'reject'
   */
  onLimit?: 'reject' | 'queue' | undefined;
  /**
   * Longest wait of a call. One that would have to wait longer, or beyond `retry.totalTimeoutMs`, is refused at once. A
   * retry that would have to is not made, and the last response or failure is passed on.
   * @default 10000
   */
  maxWaitMs?: number | undefined;
  /**
   * Most calls that wait at the same time; the next is 503 ERR_QUEUE_FULL. Keys share the places, and take turns.
   * @default 1000
   */
  maxQueue?: number | undefined;
  /**
   * Follows the limits that responses advertise, by `Retry-After` of a 429, 403, 503 or 529 and by rate-limit headers, for each
   * credential and egress proxy. `false` is an InvalidOptionError without a `limit`.
   * @default true
   */
  learn?: boolean | undefined;
  /**
   * What a limit to which the API gives no name is for. `auto` finds it out: a 429 of one path closes that path, until a
   * second path is refused as well; methods of a path that advertise limits of different sizes are kept apart. `api` is
   * the whole API, `path` each path by itself (`/users/1` and `/users/2` are one). A function gives the name of the limit of a call; `undefined` is `auto`, and a promise fails the call. Limits that the API names, as GitHub's
   * `X-RateLimit-Resource`, are kept apart by their names in any case.
   * @default 'auto'
   */
  scope?: 'auto' | 'api' | 'path' | Callback<(req: IncomingMessage) => string | undefined> | undefined;
  /**
   * Names of the headers in which the API tells of its limit, if it has its own. The forms of the IETF's drafts,
   * `X-RateLimit-*` and those of many vendors are known.
   * @default none
   */
  limitHeaders?:
    | {
        /** Header with the requests that are left. */
        remaining: string;
        /** Header with the requests in a window. */
        limit?: string | undefined;
        /** Header with the end of the window: a number from now, an instant or a date. */
        reset?: string | undefined;
        /** Unit of the number in `reset`: seconds, or milliseconds. */
        resetUnit?: 's' | 'ms' | undefined;
      }
    | undefined;
  /**
   * Longest pause taken from such headers.
   * @default 3600000
   */
  maxPauseMs?: number | undefined;
  /**
   * Request headers that identify the API's users, each of whom has a limit of its own there, besides `Authorization`,
   * `Cookie` and those with a word like `key`, `token`, `auth` or `session` in their names. Those that do not reach the
   * target never count.
   * @default []
   */
  credentialHeaders?: readonly string[] | undefined;
  /**
   * Whether all clients share the limits, as where the API knows one key alone: a client's own credentials then get no
   * limit of their own, but for those in `credentialHeaders`. Otherwise keys in the query (`appid`, `api_key`) count too.
   * @default true where the API's `headers` inject a credential, else false
   */
  sharedLimit?: boolean | undefined;
  /**
   * Request headers that identify no user, although their names look like it.
   * @default []
   */
  credentialExceptions?: readonly string[] | undefined;
  /**
   * Most quotas and most advertised limits kept in memory; beyond it the one that was unused for longest is forgotten.
   * @default 10000
   */
  maxKeys?: number | undefined;
  /**
   * Shares quotas and advertised limits between processes: an ioredis client, its options, or a `redis:` or `rediss:`
   * URL. While Redis is unreachable or slow, limits apply per process.
   */
  redis?: RedisConnection | undefined;
  /**
   * Prefix of all keys in Redis.
   * @default 'rpo'
   */
  prefix?: string | undefined;
  /**
   * How long a call waits for Redis.
   * @default 50
   */
  commandTimeoutMs?: number | undefined;
}

const COST_RULE = 'must be a whole number from 1, or a JSON Pointer such as /usage/total_tokens';
const costPointer = z.string().regex(/^(?:\/(?:[^~/]|~[01])*)+$/, COST_RULE);

/** The options that a configuration file can hold for one API, whose name is the limit's. */
export const rateLimitFileShape = {
  limit: count.optional(),
  windowMs: durationMs.default(60_000),
  algorithm: z.enum(['sliding', 'fixed', 'spaced']).default('sliding'),
  limits: z
    .array(
      optionsObject({
        limit: count,
        windowMs: durationMs,
        unit: z.enum(['requests', 'tokens']).default('requests'),
      }),
    )
    .max(10)
    .default([]),
  cost: z.union([count, costPointer], { error: COST_RULE }).default(1),
  burst: optionsObject({ limit: count, windowMs: durationMs }).optional(),
  onLimit: z.enum(['reject', 'queue']).default('reject'),
  maxWaitMs: durationMs.default(10_000),
  maxQueue: count.default(1000),
  learn: z.boolean().default(true),
  scope: z.enum(['auto', 'api', 'path']).default('auto'),
  limitHeaders: optionsObject({
    remaining: headerName,
    limit: headerName.optional(),
    reset: headerName.optional(),
    resetUnit: z.enum(['s', 'ms']).default('s'),
  }).optional(),
  maxPauseMs: durationMs.default(3_600_000),
  credentialHeaders: z.array(headerName).default([]),
  sharedLimit: z.boolean().optional(),
  credentialExceptions: z.array(headerName).default([]),
  maxKeys: count.default(10_000),
  prefix: z.string().max(256).default('rpo'),
  commandTimeoutMs: durationMs.default(50),
};

/** What `rateLimit()` may be given. */
export const rateLimitSchema = optionsObject({
  ...rateLimitFileShape,
  scope: z
    .union(
      [z.enum(['auto', 'api', 'path']), functionOption<(req: IncomingMessage) => string | undefined>()],
      {
        error: "must be 'auto', 'api', 'path' or a function",
      },
    )
    .default('auto'),
  cost: z
    .union([count, costPointer, functionOption<(req: IncomingMessage) => number>()], {
      error: `${COST_RULE}, or a function`,
    })
    .default(1),
  name: z.string().min(1).max(200).default('default'),
  key: functionOption<NonNullable<RateLimitOptions['key']>>().optional(),
  redis: redisConnection.optional(),
});

/** {@link RateLimitOptions} with every default filled in. */
export type ResolvedRateLimit = Readonly<z.output<typeof rateLimitSchema>>;

/**
 * Options with every default filled in, frozen.
 * @param place where they stand, for errors
 * @throws InvalidOptionError
 */
export function resolveRateLimit(options: RateLimitOptions, place = 'rateLimit'): ResolvedRateLimit {
  const resolved = resolveOptions(rateLimitSchema, options, place);
  const { limit, limits, burst, learn } = resolved;
  if (limit === undefined && burst) throw invalidOption(`${place}.burst`, 'must stand beside a limit', burst);
  if (typeof resolved.cost === 'string' && !limits.some(({ unit }) => unit === 'tokens'))
    throw invalidOption(`${place}.cost`, "needs one of limits with the unit 'tokens'", resolved.cost);
  if (limit === undefined && limits.length === 0 && !learn)
    throw invalidOption(`${place}.learn`, 'must be true where there is no limit', learn);
  return resolved;
}
