import { ProxyError } from '../core/errors.js';

/** Whether an answer says that the upstream cannot answer now: a stored one is the better answer then. */
export function isFailure(status: number): boolean {
  return status === 429 || (status >= 500 && status <= 599);
}

/** Whether an error is the upstream's, or that of a stage which keeps calls from it; not what a client did wrong. */
export function isUpstreamFailure(error: unknown): boolean {
  return !(error instanceof ProxyError) || error.status >= 500 || error.code === 'ERR_RATE_LIMITED';
}
