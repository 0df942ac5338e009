import type { AttemptOutcome, ResponseHead } from '../core/attempt.js';
import type { RetryContext } from '../core/exchange.js';
import type { Plan } from './transport.js';

/** How far a call has come. */
export interface Progress extends Pick<RetryContext, 'attemptsMade' | 'elapsedMs' | 'leastMs'> {
  /** Names of the egress proxies that have failed for it. */
  readonly tried: ReadonlySet<string>;
}

/** Milliseconds until the next attempt of a call; `undefined` if this outcome is passed on. */
export function nextDelayMs(
  { exchange, method, body, target }: Plan,
  outcome: AttemptOutcome,
  { attemptsMade, elapsedMs, leastMs, tried }: Progress,
): number | undefined {
  const { retry, egress, limits, idempotencyKey } = exchange;
  if (!retry || exchange.abandoned) return undefined;
  if (limits.some((limit) => limit.blocks?.(exchange))) return undefined;
  // What the target has sent is worth more to the client than the news that no egress proxy is left.
  const readyInMs = egress?.readyInMs?.(exchange, tried, target) ?? 0;
  if (readyInMs === Number.POSITIVE_INFINITY) return undefined;
  const delayMs = retry.delayAfter(outcome, {
    exchange,
    method,
    attemptsMade,
    elapsedMs,
    leastMs,
    replayable: body?.replayable ?? true,
    keyed: idempotencyKey !== undefined,
  });
  return delayMs !== undefined && readyInMs <= delayMs ? delayMs : undefined;
}

/** Its status or its body may say that it is a failure. */
export function mayFail(head: ResponseHead, outcome: AttemptOutcome | undefined): outcome is AttemptOutcome {
  return outcome?.kind === 'response' && (head.status >= 400 || outcome.body !== undefined);
}
