import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { firstByteMs, resultOf } from '../http/outcome.js';

/**
 * Whether a call was too slow for an objective without having failed: its headers came later, or its client left after
 * that time without any.
 */
export function isSlow(
  exchange: Exchange,
  cut: ProxyError | undefined,
  durationMs: number,
  latencyMs: number,
): boolean {
  if (durationMs <= latencyMs || resultOf(exchange, cut) === 'failure') return false;
  return !exchange.res.headersSent || firstByteMs(exchange, durationMs) > latencyMs;
}
