import * as z from 'zod';
import type { RetryClass } from '../core/attempt.js';
import { count, durationMs, headerName, optionsObject, sizeBytes } from '../core/options.js';
import { type RetryPredicate, type RetryWhen, retryRules, retryRulesInCode } from '../http/failure-rules.js';

/** Options of `retry()`. */
export interface RetryOptions {
  /**
   * Most attempts for one call, the first included; `1` never retries.
   * @default 3
   */
  maxAttempts?: number | undefined;
  /**
   * Wait before the second attempt, ±20 %.
   * @default 1000
   */
  initialDelayMs?: number | undefined;
  /**
   * Longest wait between two attempts. `Retry-After` may require a longer one.
   * @default 10000
   */
  maxDelayMs?: number | undefined;
  /**
   * Each wait is this many times as long as the one before; `1` keeps them equal.
   * @default 2
   */
  backoffFactor?: number | undefined;
  /**
   * Time limit for the whole call up to the response's headers, waits included. An attempt whose wait would leave it less
   * than 50 ms, or a tenth of what the target may take, is not begun: the last response or failure is passed on at
   * once. The time in which a request body flows does not count, and the response's body is not limited.
   * @default 30000
   */
  totalTimeoutMs?: number | undefined;
  /**
   * Response statuses that are retried. `'transient'` is the default and 408, 520 to 524 and 529, by which CDNs and LLM APIs
   * tell of a passing fault.
   * @default [500, 502, 503, 504, 429]
   */
  retryOnStatus?: readonly number[] | 'transient' | undefined;
  /**
   * What a body says where the response is a failure although its status is none, as `{ json: '/errors' }` of GraphQL or
   * `{ json: '/ok', equals: false }`: it is retried as such a status would be. With `retry: false` the response is not
   * retried whatever its status, as an OpenAI 429 with `{ json: '/error/code', equals: 'insufficient_quota', retry:
   * false }`. Of several rules the first that holds decides. In code a rule may be a function, which returns `true`,
   * `false` or `'stop'`. The response is passed on once its body has been seen; streams and bodies beyond 64 KiB are not
   * looked at, and not held.
   * @default none
   */
  failureWhen?: RetryWhen | RetryPredicate | readonly (RetryWhen | RetryPredicate)[] | undefined;
  /**
   * Retries a 429 whatever the method: the target has refused the request and done nothing. For APIs that send 429 for
   * nothing else.
   * @default false
   */
  retryRateLimited?: boolean | undefined;
  /**
   * Connection errors that are retried; the default is all there are. Failures of TLS and of the HTTP protocol are
   * never retried.
   * @default ['timeout', 'connection refused', 'connection reset', 'socket', 'host not found']
   */
  retryOnErrors?: readonly RetryClass[] | undefined;
  /**
   * Methods that are safe to send again; the default is the idempotent ones (RFC 9110 §9.2.2). Add `POST` for an API
   * that reads by POST. Any method is retried, with its body, if nothing of its request was sent: connection refused, host
   * not found, no free connection.
   * @default ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']
   */
  methods?: readonly string[] | undefined;
  /**
   * Largest request body that is kept for a retry. A larger one streams through, and its call is not retried once
   * anything of it was sent.
   * @default 1048576
   */
  maxBodyBytes?: number | undefined;
  /**
   * Share of the calls of the last 10 s that may be retries, so that an outage is not made worse; 10 retries a second
   * are always allowed. `false` is no limit.
   * @default 0.2
   */
  budgetRatio?: number | false | undefined;
  /**
   * Adds a key to calls that are not idempotent, the same in every attempt, so that they can be retried
   * (draft-ietf-httpapi-idempotency-key-header). Only for an API that documents such a key: any other would act
   * twice. A key that the client sends is kept. `true` takes all defaults.
   * @default false
   */
  idempotencyKey?: boolean | IdempotencyKeyOptions | undefined;
}

/** How an API recognizes a retried call: the options of `retry.idempotencyKey`. */
export interface IdempotencyKeyOptions {
  /**
   * Header that carries the key. One that has another meaning, such as `Host`, is an InvalidOptionError.
   * @default 'Idempotency-Key'
   */
  header?: string | undefined;
  /**
   * Methods that get a key and may then be retried.
   * @default ['POST', 'PATCH']
   */
  methods?: readonly string[] | undefined;
  /**
   * Puts the key in quotes, as the draft requires. Leave it off for older APIs such as Stripe's, which take the whole
   * value as the key.
   * @default false
   */
  quoted?: boolean | undefined;
}

/** {@link RetryOptions} with every default filled in. */
export type ResolvedRetry = Readonly<z.output<typeof retrySchema>>;

/** What `retryOnStatus: 'transient'` means. */
export const TRANSIENT: readonly number[] = [500, 502, 503, 504, 429, 408, 520, 521, 522, 523, 524, 529];

const method = z.string().regex(/^[A-Z]+$/, 'must be a method in capitals, as POST');

/** Headers that every call needs, or that end at one connection. */
const TAKEN =
  /^(host|content-.+|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|proxy-.+|authorization|cookie|via)$/i;

/** What `retry.idempotencyKey` may hold. */
export const idempotencyKeySchema = optionsObject({
  header: headerName
    .refine((name) => !TAKEN.test(name), 'must be a header with no other meaning')
    .default('Idempotency-Key'),
  methods: z.array(method).min(1).default(['POST', 'PATCH']),
  quoted: z.boolean().default(false),
});

/** What the `retry` block of a configuration file may hold. */
export const retryFileShape = {
  maxAttempts: count.max(100).default(3),
  initialDelayMs: durationMs.default(1000),
  maxDelayMs: durationMs.default(10_000),
  backoffFactor: z.number().min(1).max(100).default(2),
  totalTimeoutMs: durationMs.default(30_000),
  retryOnStatus: z
    .union([z.array(z.number().int().min(400).max(599)), z.literal('transient')], {
      error: "must be a list of statuses from 400 to 599, or 'transient'",
    })
    .default([500, 502, 503, 504, 429]),
  failureWhen: retryRules,
  retryRateLimited: z.boolean().default(false),
  retryOnErrors: z
    .array(z.enum(['timeout', 'connection refused', 'connection reset', 'socket', 'host not found']))
    .default(['timeout', 'connection refused', 'connection reset', 'socket', 'host not found']),
  methods: z.array(method).default(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']),
  maxBodyBytes: sizeBytes.default(1024 * 1024),
  budgetRatio: z.number().min(0).max(1).or(z.literal(false)).default(0.2),
  idempotencyKey: z
    .union([z.boolean(), idempotencyKeySchema], { error: 'must be true, false or an object of options' })
    .default(false),
};

/** What `retry()` may be given. */
export const retrySchema = optionsObject({ ...retryFileShape, failureWhen: retryRulesInCode });
