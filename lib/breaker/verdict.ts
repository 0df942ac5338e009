import type { AttemptFailure, AttemptOutcome } from '../core/attempt.js';
import type { ErrorCode, ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';

/** What an outcome says about the target; the text of a failure holds no secret. */
export type Verdict = 'success' | 'neither' | { readonly failure: string };

/**
 * Codes of errors that the target has caused. All others come from this side or from the way there (an
 * egress proxy, a limit, a bad request) and say nothing about the target.
 */
const BY_THE_TARGET: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_UPSTREAM_CONNECT',
  'ERR_UPSTREAM_TLS',
  'ERR_UPSTREAM_RESET',
  'ERR_UPSTREAM_PROTOCOL',
  'ERR_UPSTREAM_TIMEOUT',
]);

/** Judges one attempt. */
export function judgeOutcome(outcome: AttemptOutcome, countRateLimited: boolean): Verdict {
  switch (outcome.kind) {
    case 'response':
      return judgeStatus(outcome.head.status, countRateLimited);
    case 'failure':
      return judgeFailure(outcome);
    case 'abandoned':
      return 'neither';
  }
}

/** Judges an attempt without a response, or whose response broke off: only the target's doing counts. */
export function judgeFailure({ by, error, staleConnection }: AttemptFailure): Verdict {
  return by === 'target' && !staleConnection ? { failure: error.message } : 'neither';
}

/** Judges an error that took the place of a foreign handler's response. */
function judgeError(error: ProxyError): Verdict {
  return BY_THE_TARGET.has(error.code) ? { failure: error.message } : 'neither';
}

/** Judges the response of a handler other than `forward()`, once it has closed. */
export function judgeResponse(exchange: Exchange, countRateLimited: boolean): Verdict {
  const { error, cache, res } = exchange;
  if (error) return judgeError(error);
  // A cached response says nothing about the target, nor does one that another call has fetched.
  if (cache === 'hit' || cache === 'stale' || cache === 'coalesced') return 'neither';
  // Either the client has left or the handler has cut it off: there is no way to tell.
  if (!res.writableFinished) return 'neither';
  return judgeStatus(res.statusCode, countRateLimited);
}

function judgeStatus(status: number, countRateLimited: boolean): Verdict {
  const failed = status >= 500 || (status === 429 && countRateLimited);
  return failed ? { failure: `status ${status}` } : 'success';
}
