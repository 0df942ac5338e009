import { z } from 'zod';
import type { RetryClass } from '../core/attempt.js';
import { count, durationMs, headerName, optionsObject, sizeBytes } from '../core/options.js';

/** Options of `retry()`. */
export interface RetryOptions {
  /**
   * Attempts in all, the first one included; 1 never tries again.
   * @default 3
   */
  maxAttempts?: number;
  /**
   * Wait before the second attempt, give or take a fifth.
   * @default 1000
   */
  initialDelayMs?: number;
  /**
   * Longest wait between two attempts that is not asked for by the upstream.
   * @default 10000
   */
  maxDelayMs?: number;
  /**
   * Each wait is this many times the one before.
   * @default 2
   */
  backoffFactor?: number;
  /**
   * Bound on the whole call up to the accepted head, waits included. No attempt is begun whose wait
   * would pass it; a body may then take as long as it flows.
   * @default 30000
   */
  totalTimeoutMs?: number;
  /**
   * Answers that are followed by another attempt.
   * @default [500, 502, 503, 504, 429]
   */
  retryOnStatus?: number[];
  /**
   * Connection errors that are followed by another attempt.
   * @default ['timeout', 'connection refused', 'connection reset', 'socket', 'host not found']
   */
  retryOnErrors?: RetryClass[];
  /**
   * Methods that may be sent again: by default those that do the same when done twice (RFC 9110 §9.2.2).
   * An API that reads by POST names POST too. Any method is sent again when nothing of it had left.
   * @default ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']
   */
  methods?: string[];
  /**
   * Request bodies up to this size are kept while they stream, to be sent again.
   * @default 1048576
   */
  maxBodyBytes?: number;
  /**
   * Share of the calls of the last 10 s that may be tried again, so that an outage is not made worse;
   * 10 a second are always allowed. `false` sets no bound.
   * @default 0.2
   */
  budgetRatio?: number | false;
  /**
   * Gives each unsafe call a key by which the API knows it again, the same over all attempts, so that it may be sent
   * again too (draft-ietf-httpapi-idempotency-key-header). Only for an API that says it understands the key: another
   * one would do things twice. A key of the client's own goes out as it came. `true` takes every default.
   * @default false
   */
  idempotencyKey?: boolean | IdempotencyKeyOptions;
}

/** How an API wants to be told that a call comes again. */
export interface IdempotencyKeyOptions {
  /**
   * Field that holds the key.
   * @default 'Idempotency-Key'
   */
  header?: string;
  /**
   * Methods whose calls have a key, and may be sent again for it.
   * @default ['POST', 'PATCH']
   */
  methods?: string[];
  /**
   * Whether a key that is made here stands in quotes, as a String of RFC 9651. The draft asks for them; most APIs that
   * are older than it, Stripe's among them, take all of the value for the key, and some refuse what is no bare UUID.
   * @default false
   */
  quoted?: boolean;
}

/** {@link RetryOptions} with every default filled in. */
export type ResolvedRetry = Readonly<z.output<typeof retrySchema>>;

const method = z.string().regex(/^[A-Z]+$/, 'must be a method in capitals, as POST');

/** Fields without which no call goes out, or that go no further than one connection. */
const TAKEN =
  /^(host|content-.+|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|proxy-.+|authorization|cookie|via)$/i;

/** What `retry.idempotencyKey` may hold. */
export const idempotencyKeySchema = optionsObject({
  header: headerName
    .refine((name) => !TAKEN.test(name), 'must be a field with no other meaning')
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
