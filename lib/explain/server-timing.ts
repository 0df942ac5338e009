import type { Attempt } from '../core/attempt.js';
import { acceptedAttempt, type ExplainedCall, isFromStore } from './explained-call.js';

/** Attempts that are listed; of more, the last ones. */
const MAX_ATTEMPTS = 16;

/** Shorter times would be shown as 0.0. */
const SHOWN_MS = 0.05;

/**
 * Value of `Server-Timing` (W3C) for a response: `cache`, `queue`, one metric for each attempt, `backoff`, `upstream` and
 * `total`, as far as they apply. Times are milliseconds. The only values that an upstream chooses are its statuses.
 * @param now on the clock of `performance.now()`
 */
export function serverTimingValue(call: ExplainedCall, now: number): string {
  const { attempts, cache } = call;
  const metrics: string[] = [];
  if (cache !== undefined) metrics.push(metric('cache', cacheMs(call, now), cache));
  const queuedMs = attempts.reduce((sum, { waitedMs }) => sum + waitedMs, call.queuedMs);
  if (queuedMs >= SHOWN_MS) metrics.push(metric('queue', queuedMs));
  for (const attempt of attempts.slice(-MAX_ATTEMPTS)) {
    metrics.push(metric(`attempt-${attempt.number}`, attempt.durationMs, outcomeOf(attempt)));
  }
  if (attempts.length > 1) metrics.push(metric('backoff', backOffMs(attempts)));
  const accepted = acceptedAttempt(call);
  if (accepted) metrics.push(metric('upstream', accepted.durationMs));
  metrics.push(metric('total', now - call.startedAt));
  return metrics.join(', ');
}

function metric(name: string, ms: number | undefined, description?: string): string {
  const desc = description === undefined ? '' : `;desc="${description}"`;
  return ms === undefined ? name + desc : `${name}${desc};dur=${Math.max(0, ms).toFixed(1)}`;
}

/** Time until the cache responded or passed the call on; if that is not known, until the first attempt. */
function cacheMs(call: ExplainedCall, now: number): number | undefined {
  const { startedAt, passedCacheAt, attempts, queuedMs, cache } = call;
  if (cache === 'hit' || cache === 'coalesced') return now - startedAt;
  if (passedCacheAt !== undefined) return passedCacheAt - startedAt;
  const [first] = attempts;
  if (first) return first.startedAt - first.waitedMs - queuedMs - startedAt;
  return isFromStore(call) ? now - startedAt : undefined;
}

/** Time between attempts, without the waits for an egress proxy or a quota. */
function backOffMs(attempts: readonly Attempt[]): number {
  let sum = 0;
  let endedAt: number | undefined;
  for (const { startedAt, waitedMs, durationMs } of attempts) {
    if (endedAt !== undefined) sum += Math.max(0, startedAt - waitedMs - endedAt);
    endedAt = startedAt + durationMs;
  }
  return sum;
}

/** A status, a registered error type, or `abandoned`. */
function outcomeOf({ outcome }: Attempt): string | undefined {
  if (outcome?.kind === 'response') return String(outcome.head.status);
  return outcome?.kind === 'failure' ? outcome.error.proxyStatus : outcome?.kind;
}
