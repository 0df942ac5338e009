import type { ProxyError } from './errors.js';
import type { Exchange } from './exchange.js';

/** Why a call that waits for one limit may not go on, whenever its turn comes: the circuit of its target has opened. */
export function recalled(exchange: Exchange): ProxyError | undefined {
  for (const limit of exchange.limits) {
    const error = limit.recall?.(exchange);
    if (error) return error;
  }
  return undefined;
}
