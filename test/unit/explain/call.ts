import type { Attempt } from '../../../lib/core/attempt.js';
import { ProxyError } from '../../../lib/core/errors.js';
import type { ExplainedCall } from '../../../lib/explain/explained-call.js';

/** A call that began at 1000. */
export function callOf(call: Partial<ExplainedCall> = {}): ExplainedCall {
  return {
    startedAt: 1000,
    attempts: [],
    queuedMs: 0,
    passedCacheAt: undefined,
    cache: undefined,
    error: undefined,
    ...call,
  };
}

/** An attempt with a response. */
export function responded(number: number, status: number, times: Partial<Attempt> = {}): Attempt {
  const head = { status, statusText: '', rawHeaders: ['Server-Timing', 'evil"'] };
  return attempt(number, times, { kind: 'response', head });
}

/** An attempt that broke off. */
export function failed(number: number, times: Partial<Attempt> = {}): Attempt {
  const error = new ProxyError('ERR_UPSTREAM_RESET', 'The upstream went away');
  return attempt(number, times, {
    kind: 'failure',
    error,
    by: 'target',
    retryClass: undefined,
    unsent: false,
    staleConnection: false,
  });
}

function attempt(number: number, times: Partial<Attempt>, outcome: Attempt['outcome']): Attempt {
  return {
    number,
    startedAt: 1000,
    durationMs: 0,
    waitedMs: 0,
    egress: 'user:secret@proxy.internal',
    outcome,
    end: undefined,
    ...times,
  };
}
