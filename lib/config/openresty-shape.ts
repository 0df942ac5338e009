import * as z from 'zod';
import { count, durationMs, headerName, optionsObject } from '../core/options.js';
import { retrySchema } from '../retry/retry-options.js';

/** A time in seconds, the unit of the OpenResty gateway. */
const seconds = z.number().min(0.001).max(2_147_483);
const retry = retrySchema.shape;

const breakerNames = {
  failure_threshold: count.optional(),
  reset_timeout: seconds.optional(),
  request_timeout: durationMs.optional(),
  success_threshold: count.optional(),
};

/** Names of its `retry` block, which may also stand in the API itself. */
export const openrestyRetryShape = {
  max_attempts: retry.maxAttempts.unwrap().optional(),
  initial_delay: seconds.optional(),
  max_delay: seconds.optional(),
  backoff_factor: retry.backoffFactor.unwrap().optional(),
  retry_on_status: retry.retryOnStatus.unwrap().optional(),
  retry_on_errors: retry.retryOnErrors.unwrap().optional(),
};

/** Names of an entry in the OpenResty gateway's `api_configs`, with its units. */
export const openrestyApiShape = {
  target_url: z.string().optional(),
  requires_body: z.boolean().optional(),
  forward_headers: z
    .union([z.boolean(), z.array(headerName)], { error: 'must be true, false or a list of header names' })
    .optional(),
  ssl_verify: z.boolean().optional(),
  circuit_breaker: optionsObject(breakerNames).optional(),
  ...breakerNames,
  ...openrestyRetryShape,
  enable_cache: z.boolean().optional(),
  cache_ttl: seconds.optional(),
  cache_header_strategy: z.string().optional(),
  cache_headers: z.array(headerName).optional(),
  use_proxy: z.boolean().optional(),
  proxy_strategy: z.enum(['round_robin', 'on_rate_limit', 'never']).optional(),
};

/** How a name and a value of the OpenResty gateway translate. */
export interface Transcription {
  /** Block and name of the option, or its name alone. */
  readonly to: readonly [block: string, name: string] | readonly [name: string];
  readonly by?: (value: unknown) => unknown;
}

const toMs = (value: unknown) => Math.round(Number(value) * 1000);

/** What each of the names means here. `enable_cache` and `use_proxy` are switches and not options. */
export const TRANSCRIPTIONS: Readonly<Record<string, Transcription>> = {
  target_url: { to: ['target'] },
  requires_body: { to: ['requiresBody'] },
  forward_headers: { to: ['forwardHeaders'] },
  ssl_verify: { to: ['secure'] },
  failure_threshold: { to: ['breaker', 'failureThreshold'] },
  reset_timeout: { to: ['breaker', 'resetTimeoutMs'], by: toMs },
  request_timeout: { to: ['breaker', 'requestTimeoutMs'] },
  success_threshold: { to: ['breaker', 'successThreshold'] },
  max_attempts: { to: ['retry', 'maxAttempts'] },
  initial_delay: { to: ['retry', 'initialDelayMs'], by: toMs },
  max_delay: { to: ['retry', 'maxDelayMs'], by: toMs },
  backoff_factor: { to: ['retry', 'backoffFactor'] },
  retry_on_status: { to: ['retry', 'retryOnStatus'] },
  retry_on_errors: { to: ['retry', 'retryOnErrors'] },
  cache_ttl: { to: ['cache', 'ttlMs'], by: toMs },
  cache_header_strategy: { to: ['cache', 'headerStrategy'] },
  cache_headers: { to: ['cache', 'headers'] },
  proxy_strategy: { to: ['proxyRotate', 'strategy'] },
};
