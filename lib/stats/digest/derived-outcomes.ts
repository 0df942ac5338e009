import { statusOfRefusal } from '../../http/outcome.js';
import type { Tally } from './tally.js';

/**
 * Fills in the outcomes of calls from the other counters: of those that a version has counted which did not know them.
 * Exact, except for a refusal that followed a failed attempt, and streams that their clients left.
 */
export function deriveOutcomes({ outcomes, total, success, failure, errors, statusCodes }: Tally): void {
  const refused = { below500: 0, from500: 0 };
  for (const [code, times] of errors) {
    const status = statusOfRefusal(code);
    if (status !== undefined) refused[status < 500 ? 'below500' : 'from500'] += times;
  }
  let clientErrors = 0;
  for (const [status, times] of statusCodes) if (status >= 400 && status < 500) clientErrors += times;
  outcomes.refused = refused.below500 + refused.from500;
  outcomes.clientError = Math.max(0, clientErrors - refused.below500);
  outcomes.failure = Math.max(0, failure - refused.from500);
  outcomes.aborted = Math.max(0, total - success - failure);
  outcomes.success = Math.max(0, success - refused.below500 - outcomes.clientError);
}
