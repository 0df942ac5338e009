import type { AttemptFailure, ResponseHead } from '../core/attempt.js';
import { forbidsRetry } from '../http/advertised-limits.js';
import { IDEMPOTENT } from '../http/methods.js';
import { readFailure } from './failure.js';
import type { TimeBudget } from './time-budget.js';
import type { Plan } from './transport.js';

/** No egress proxy has failed for the call. */
export const NONE: ReadonlySet<string> = new Set();

/**
 * What a failure of an egress proxy means beside those of the others.
 * @param tried names of all that have failed for the call
 * @returns `undefined` if another proxy is to be tried at once
 */
export function compareFailure(
  { exchange, target, body }: Plan,
  failure: AttemptFailure,
  tried: ReadonlySet<string>,
  budget: TimeBudget,
): AttemptFailure | undefined {
  const { egress } = exchange;
  if (!egress) return failure;
  const error = egress.failed?.(exchange, failure.error, tried, target);
  const repeatable = (body?.replayable ?? true) && budget.suffices(performance.now());
  if (!error) return repeatable ? undefined : failure;
  return error === failure.error ? failure : { ...readFailure(error), unsent: failure.unsent };
}

/** Whether sending a call twice does no harm, and can be done. */
export function mayResend({ exchange, method, body }: Plan): boolean {
  const repeatable = IDEMPOTENT.has(method) || exchange.idempotencyKey !== undefined;
  return repeatable && (body?.replayable ?? true);
}

/** Whether the call may be sent again after a refusal: in any case, or because its owner allows it. */
function mayRepeat(plan: Plan, status: number): boolean {
  if (mayResend(plan)) return true;
  const { exchange, method, body } = plan;
  return (exchange.retry?.resends(method, status) ?? false) && (body?.replayable ?? true);
}

/**
 * Whether a call that the target has refused is sent again at once, through an egress proxy not used yet.
 * @param head of the refusal
 */
export function goesElsewhere(
  plan: Plan,
  { status, rawHeaders }: ResponseHead,
  tried: ReadonlySet<string>,
  budget: TimeBudget,
): boolean {
  const { exchange, target } = plan;
  const { egress, retry, limits, abandoned } = exchange;
  if (abandoned || !mayRepeat(plan, status) || !budget.suffices(performance.now())) return false;
  // It would be refused there for the same reason: no address is to blame.
  if (forbidsRetry(rawHeaders)) return false;
  if (!egress?.hasAnother?.(exchange, tried, target)) return false;
  return !limits.some((limit) => limit.blocks?.(exchange)) && (retry?.spend?.() ?? true);
}
