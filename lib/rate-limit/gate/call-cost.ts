/** What calls take of a limit that does not count calls. It differs from call to call, and is known only afterwards. */
export interface CallCost {
  /** What a call takes: 1, or the mean of what calls were seen to take. */
  cost: number;
  /** The most that a call may take, as far as can be said: there has to be room for it. */
  peak: number;
  /** Mean square of what calls take more or less than the mean. */
  variance: number;
  /** Calls from which it was learned, up to the number that counts. */
  costs: number;
  /** By how many standard deviations the most exceeds the mean. */
  margin: number;
}

/** Weight of one call, as soon as it is one of many. */
const WEIGHT = 0.05;
/** One call unlike all others tells little about the others: it counts as so many standard deviations. */
const FARTHEST = 5;
/** Calls after which it is known which call is unlike the others. */
const SEVERAL = 10;

/** One refusal is outweighed by 500 calls that pass: so few are refused, however costs are spread. */
const MARGIN_UP = 0.5;
const MARGIN_DOWN = 0.001;
const MOST_MARGIN = 6;
/** Where calls differ: at first, and at least. What is one for each call needs none until one is refused. */
const MARGIN = { first: 2.5, least: 1.5 };
const NO_MARGIN = { first: 0, least: 0 };

/** Before anything is known. */
export function oneEach(): CallCost {
  return { cost: 1, peak: 1, variance: 0, costs: 0, margin: 0 };
}

/**
 * Learns from a call that passed.
 * @param used what it seems to have taken, from the difference of two responses
 * @param each what each call takes, where that is known: then only the error of `used` is learned
 */
export function learnCost(known: CallCost, used: number, each?: number): void {
  if (!Number.isFinite(used) || (used <= 0 && known.costs === 0)) return;
  const isFirst = known.costs === 0;
  const weight = Math.max(WEIGHT, 1 / (known.costs + 1));
  const most = known.costs < SEVERAL ? Number.POSITIVE_INFINITY : FARTHEST * Math.sqrt(known.variance) + 1;
  if (isFirst) known.cost = each ?? used;
  const offset = Math.max(-most, Math.min(most, used - known.cost));
  if (each === undefined) known.cost = Math.max(1, known.cost + offset * weight);
  known.variance = (1 - weight) * (known.variance + weight * offset * offset);
  known.costs = Math.min(known.costs + 1, 1 / WEIGHT);
  const { first, least } = each === undefined ? MARGIN : NO_MARGIN;
  known.margin = isFirst ? first : Math.max(least, known.margin - MARGIN_DOWN);
  setPeak(known);
}

/** Learns from a call that was refused though there seemed to be room for it. */
export function learnRefusal(known: CallCost): void {
  if (known.costs === 0) return;
  known.margin = Math.min(MOST_MARGIN, known.margin + MARGIN_UP);
  setPeak(known);
}

function setPeak(known: CallCost): void {
  known.peak = known.cost + known.margin * Math.sqrt(known.variance);
}
