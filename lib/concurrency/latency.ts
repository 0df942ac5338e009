import type { Attempt } from '../core/attempt.js';
import type { AdaptiveLimit } from './gradient.js';

/** By these a target says that it has too much to do. A 429 tells of a quota. */
const OVERLOADED: ReadonlySet<number> = new Set([503, 504, 529]);

/** What a status says of the load: a failure is often faster than a response. */
export function tellsLatency(status: number): boolean {
  return status < 500 && status !== 429;
}

/** Learns from the head of a response: how long a body takes is also its reader's doing. */
export function learnFromHead(
  adaptive: AdaptiveLimit,
  attempt: Attempt,
  inFlight: number,
  now: number,
): void {
  const { outcome, startedAt, durationMs, sentAt = startedAt } = attempt;
  if (outcome?.kind !== 'response') return;
  const { status } = outcome.head;
  if (OVERLOADED.has(status)) adaptive.overloaded(inFlight, now);
  else if (tellsLatency(status))
    adaptive.responded(Math.max(0, startedAt + durationMs - sentAt), inFlight, now);
}

/** Learns from an attempt without a response: only a target that did not respond in time says something. */
export function learnFromFailure(
  adaptive: AdaptiveLimit,
  { outcome }: Attempt,
  inFlight: number,
  now: number,
): void {
  if (outcome?.kind === 'failure' && outcome.by === 'target' && outcome.retryClass === 'timeout')
    adaptive.overloaded(inFlight, now);
}
