import type { ExplainedCall } from './explained-call.js';
import { phasesOf } from './phases.js';

/**
 * Value of `Server-Timing` (W3C) for a response: its phases and their `total`. Times are milliseconds.
 * @param now on the clock of `performance.now()`
 */
export function serverTimingValue(call: ExplainedCall, now: number): string {
  const metrics = phasesOf(call, now).map(({ name, ms, outcome }) => metric(name, ms, outcome));
  metrics.push(metric('total', now - call.startedAt));
  return metrics.join(', ');
}

function metric(name: string, ms: number | undefined, description?: string): string {
  const desc = description === undefined ? '' : `;desc="${description}"`;
  return ms === undefined ? name + desc : `${name}${desc};dur=${Math.max(0, ms).toFixed(1)}`;
}
