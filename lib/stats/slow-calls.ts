import type { Exchange } from '../core/exchange.js';
import { endedCall } from '../http/outcome.js';

/**
 * Whether a call was too slow for an objective without having failed: its headers came later, or its client left after
 * that time without any.
 */
export function isSlow(exchange: Exchange, latencyMs: number): boolean {
  const { result, durationMs, firstMs } = endedCall(exchange);
  return result !== 'failure' && (exchange.res.headersSent ? firstMs : durationMs) > latencyMs;
}
