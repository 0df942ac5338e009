import { ProxyError } from '../core/errors.js';

/** Whether a status says that the upstream cannot serve the request now, so that a stored response is better. */
export function isFailure(status: number): boolean {
  return status === 429 || (status >= 500 && status <= 599);
}

/**
 * Whether an error is the upstream's, or that of a stage that holds requests back from it; not a client's mistake.
 */
export function isUpstreamFailure(error: unknown): boolean {
  return !(error instanceof ProxyError) || error.status >= 500 || error.code === 'ERR_RATE_LIMITED';
}
