import type { Attempt } from '../core/attempt.js';
import type { Exchange, Permit } from '../core/exchange.js';
import { warnOf } from '../core/warning.js';

/**
 * Tells a permit that its attempt has ended. One that fails must not keep the others from hearing it, nor the call from
 * ending.
 */
export function tellEnd(permit: Permit, attempt: Attempt, exchange: Exchange): void {
  try {
    permit.end?.(attempt, exchange);
  } catch (error) {
    warnOf('Permit', 'A permit failed at the end of its attempt', error);
  }
}
