import type { AttemptFailure, AttemptOutcome } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { judgeBody } from '../http/failure-rules.js';
import type { CircuitConfig } from './circuit-snapshot.js';
import { causeOf, type FailureCause } from './failure-causes.js';
import { listsStatus } from './failure-statuses.js';

/** A failure of the target; its text holds no secret. */
export interface TargetFailure {
  readonly failure: string;
  readonly cause: FailureCause;
}

/** What an outcome says about the target. */
export type Verdict = 'success' | 'neither' | TargetFailure;

/** Which statuses are failures. */
export type StatusRules = Pick<CircuitConfig, 'failureStatuses' | 'countRateLimited' | 'failureWhen'>;

/** Judges one attempt. */
export function judgeOutcome(outcome: AttemptOutcome, rules: StatusRules): Verdict {
  switch (outcome.kind) {
    case 'response': {
      const { head, body } = outcome;
      const verdict = judgeStatus(head.status, rules);
      if (verdict !== 'success' || !body || !judgeBody(rules.failureWhen, head, body)) return verdict;
      return { failure: `status ${head.status} with a failure in its body`, cause: 'body' };
    }
    case 'failure':
      return judgeFailure(outcome);
    case 'abandoned':
      return 'neither';
  }
}

/** Judges an attempt without a response, or whose response broke off: only the target's doing counts. */
export function judgeFailure({ error, staleConnection }: AttemptFailure): TargetFailure | 'neither' {
  return staleConnection ? 'neither' : judgeError(error);
}

function judgeError(error: ProxyError): TargetFailure | 'neither' {
  return error.by === 'target' ? { failure: error.message, cause: causeOf(error) } : 'neither';
}

/** Judges the response of a handler other than `forward()`, once it has closed. */
export function judgeResponse(exchange: Exchange, rules: StatusRules): Verdict {
  const { error, cache, res } = exchange;
  if (error) return judgeError(error);
  // A cached response says nothing about the target, nor does one that another call has fetched.
  if (cache === 'hit' || cache === 'stale' || cache === 'coalesced') return 'neither';
  // Either the client has left or the handler has cut it off: there is no way to tell.
  if (!isWritten(res)) return 'neither';
  return judgeStatus(res.statusCode, rules);
}

function judgeStatus(status: number, { failureStatuses, countRateLimited }: StatusRules): Verdict {
  if (status < 400) return 'success';
  const failed = (status === 429 && countRateLimited) || listsStatus(failureStatuses, status);
  return failed ? { failure: `status ${status}`, cause: `status ${status}` } : 'success';
}
