import { ProxyError } from '../core/errors.js';
import type { HalfOpenState, OpenState } from './circuit-state.js';

/**
 * The error of a call that a circuit refuses. It names the API but not the key of a circuit: the key may be the name
 * of another client's tenant or host.
 * @param lastFailure as in a snapshot: `status 503`, or an error message
 */
export function circuitError(
  api: string,
  state: OpenState | HalfOpenState,
  lastFailure: string | undefined,
  retryAfterMs: number,
): ProxyError {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const message =
    `Service temporarily unavailable: circuit "${api}" ${condition(state, lastFailure)}. ` +
    `Please try again in ${seconds} seconds`;
  return new ProxyError('ERR_CIRCUIT_OPEN', message, { retryAfterMs });
}

function condition(state: OpenState | HalfOpenState, lastFailure: string | undefined): string {
  const last = lastFailure === undefined ? '' : ` (last: ${lastFailure})`;
  if (state.kind === 'HALF_OPEN') return `is half open and waits for its probes${last}`;
  if (state.halfOpensAt === Number.POSITIVE_INFINITY) return 'was forced open';
  return `is open ${state.cause}${last}`;
}
