import type { Attempt } from '../core/attempt.js';
import { acceptedAttempt, type ExplainedCall, isFromStore } from './explained-call.js';

/** Attempts that are listed; of more, the last ones. */
const MAX_ATTEMPTS = 16;

/** Shorter times would be shown as 0.0. */
const SHOWN_MS = 0.05;

/** What a part of a call's time went to. */
export interface Phase {
  readonly name: string;
  /** `undefined` where it is not known. */
  readonly ms: number | undefined;
  /** What came of it: what the cache did, or the status or error type of an attempt. */
  readonly outcome?: string | undefined;
}

/**
 * What the time of a call went to: `cache`, `queue`, each attempt, `backoff` and `upstream`, as far as they apply. The
 * only outcomes that an upstream chooses are its statuses.
 * @param now on the clock of `performance.now()`
 */
export function phasesOf(call: ExplainedCall, now: number): Phase[] {
  const { attempts, cache } = call;
  const phases: Phase[] = [];
  if (cache !== undefined) phases.push({ name: 'cache', ms: cacheMs(call, now), outcome: cache });
  const queuedMs = attempts.reduce((sum, { waitedMs }) => sum + waitedMs, call.queuedMs);
  if (queuedMs >= SHOWN_MS) phases.push({ name: 'queue', ms: queuedMs });
  for (const attempt of attempts.slice(-MAX_ATTEMPTS)) {
    const { number, durationMs } = attempt;
    phases.push({ name: `attempt-${number}`, ms: durationMs, outcome: outcomeOf(attempt) });
  }
  if (attempts.length > 1) phases.push({ name: 'backoff', ms: backOffMs(attempts) });
  const accepted = acceptedAttempt(call);
  if (accepted) phases.push({ name: 'upstream', ms: accepted.durationMs });
  return phases;
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
