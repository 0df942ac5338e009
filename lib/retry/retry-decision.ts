import type { AttemptOutcome } from '../core/attempt.js';
import type { RetryContext } from '../core/exchange.js';
import { forbidsRetry, requestedDelayMs } from '../http/advertised-limits.js';
import { judgeBody } from '../http/failure-rules.js';
import { backOffMs } from './back-off.js';
import { type ResolvedRetry, TRANSIENT } from './retry-options.js';

/** Inputs of the decision that change by themselves. */
export interface RetryMoment {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Between 0 and 1. */
  readonly random: number;
}

/** Time to wait before another attempt, or why there is none. */
export type RetryDecision = { readonly waitMs: number } | { readonly stop: StopReason };

/** Why an outcome is passed on to the client. */
export type StopReason = 'outcome' | 'attempts' | 'method' | 'body' | 'time' | 'budget';

/** Whether another attempt follows an outcome; the budget is checked elsewhere. */
export function decideRetry(
  options: ResolvedRetry,
  outcome: AttemptOutcome,
  call: RetryContext,
  { now, random }: RetryMoment,
): RetryDecision {
  if (!retryable(options, outcome)) return { stop: 'outcome' };
  if (call.attemptsMade >= options.maxAttempts) return { stop: 'attempts' };
  const unsent = outcome.kind === 'failure' && outcome.unsent;
  const refused = options.retryRateLimited && outcome.kind === 'response' && outcome.head.status === 429;
  if (!unsent && !refused && !call.keyed && !options.methods.includes(call.method)) return { stop: 'method' };
  if (!call.replayable) return { stop: 'body' };
  const requestedMs = outcome.kind === 'response' ? requestedDelayMs(outcome.head, now) : undefined;
  const waitMs = Math.max(requestedMs ?? 0, backOffMs(options, call.attemptsMade, random));
  if (call.elapsedMs + waitMs + call.leastMs >= options.totalTimeoutMs) return { stop: 'time' };
  return { waitMs };
}

function retryable(options: ResolvedRetry, outcome: AttemptOutcome): boolean {
  if (outcome.kind === 'response') {
    const { retryOnStatus, failureWhen } = options;
    const { head, body } = outcome;
    const verdict = body && judgeBody(failureWhen, head, body);
    if (verdict === 'stop') return false;
    const statuses = retryOnStatus === 'transient' ? TRANSIENT : retryOnStatus;
    return (verdict === 'failure' || statuses.includes(head.status)) && !forbidsRetry(head.rawHeaders);
  }
  if (outcome.kind === 'failure') {
    // What its client has caused it would cause again.
    if (outcome.by === 'client') return false;
    return outcome.retryClass !== undefined && options.retryOnErrors.includes(outcome.retryClass);
  }
  return false;
}
