import { z } from 'zod';
import type { RetryClass } from '../core/attempt.js';
import { count, durationMs, headerName, optionsObject, sizeBytes } from '../core/options.js';

/** Options of `retry()`. */
export interface RetryOptions {
  /**
   * Most attempts for one call, the first included; `1` never retries.
   * @default 3
   */
  maxAttempts?: number;
  /**
   * Wait before the second attempt, ±20 %.
   * @default 1000
   */
  initialDelayMs?: number;
  /**
   * Longest wait between two attempts. `Retry-After` may require a longer one.
   * @default 10000
   */
  maxDelayMs?: number;
  /**
   * Each wait is this many times as long as the one before; `1` keeps them equal.
   * @default 2
   */
  backoffFactor?: number;
  /**
   * Time limit for the whole call up to the response's headers, waits included. An attempt whose wait would leave it less
   * than 50 ms, or a tenth of what the target may take, is not begun: the last response or failure is passed on at
   * once. The time in which a request body flows does not count, and the response's body is not limited.
   * @default 30000
   */
  totalTimeoutMs?: number;
  /**
   * Response statuses that are retried.
   * @default [500, 502, 503, 504, 429]
   */
  retryOnStatus?: number[];
  /**
   * Connection errors that are retried; the default is all there are. Failures of TLS and of the HTTP protocol are
   * never retried.
   * @default ['timeout', 'connection refused', 'connection reset', 'socket', 'host not found']
   */
  retryOnErrors?: RetryClass[];
  /**
   * Methods that are safe to send again; the default is the idempotent ones (RFC 9110 §9.2.2). Add `POST` for an API
   * that reads by POST. Any method is retried, with its body, if nothing of its request was sent: connection refused, host
   * not found, no free connection.
   * @default ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']
   */
  methods?: string[];
  /**
   * Largest request body that is kept for a retry. A larger one streams through, and its call is not retried once
   * anything of it was sent.
   * @default 1048576
   */
  maxBodyBytes?: number;
  /**
   * Share of the calls of the last 10 s that may be retries, so that an outage is not made worse; 10 retries a second
   * are always allowed. `false` is no limit.
   * @default 0.2
   */
  budgetRatio?: number | false;
  /**
   * Adds a key to calls that are not idempotent, the same in every attempt, so that they can be retried
   * (draft-ietf-httpapi-idempotency-key-header). Only for an API that documents such a key: any other would act
   * twice. A key that the client sends is kept. `true` takes all defaults.
   * @default false
   */
  idempotencyKey?: boolean | IdempotencyKeyOptions;
}

/** How an API recognizes a retried call: the options of `retry.idempotencyKey`. */
export interface IdempotencyKeyOptions {
  /**
   * Header that carries the key. One that has another meaning, such as `Host`, is an InvalidOptionError.
   * @default 'Idempotency-Key'
   */
  header?: string;
  /**
   * Methods that get a key and may then be retried.
   * @default ['POST', 'PATCH']
   */
  methods?: string[];
  /**
   * Puts the key in quotes, as the draft requires. Leave it off for older APIs such as Stripe's, which take the whole
   * value as the key.
   * @default false
   */
  quoted?: boolean;
}

/** {@link RetryOptions} with every default filled in. */
export type ResolvedRetry = Readonly<z.output<typeof retrySchema>>;

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

/** What `retry()` and the `retry` block of a configuration file may hold. */
export const retrySchema = optionsObject({
  maxAttempts: count.max(100).default(3),
  initialDelayMs: durationMs.default(1000),
  maxDelayMs: durationMs.default(10_000),
  backoffFactor: z.number().min(1).max(100).default(2),
  totalTimeoutMs: durationMs.default(30_000),
  retryOnStatus: z.array(z.number().int().min(400).max(599)).default([500, 502, 503, 504, 429]),
  retryOnErrors: z
    .array(z.enum(['timeout', 'connection refused', 'connection reset', 'socket', 'host not found']))
    .default(['timeout', 'connection refused', 'connection reset', 'socket', 'host not found']),
  methods: z.array(method).default(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']),
  maxBodyBytes: sizeBytes.default(1024 * 1024),
  budgetRatio: z.number().min(0).max(1).or(z.literal(false)).default(0.2),
  idempotencyKey: z
    .union([z.boolean(), idempotencyKeySchema], { error: 'must be true, false or an object of options' })
    .default(false),
});
