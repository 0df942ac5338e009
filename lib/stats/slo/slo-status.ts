import type { Tally } from '../digest/tally.js';
import { keptPages, type Page } from '../periods.js';
import type { ResolvedSlo } from './slo-options.js';

/** Calls of one window, and how many of them were not good. */
export interface SloCounts {
  readonly total: number;
  readonly bad: number;
}

/** How an API does by its objective. */
export interface SloStatus extends SloCounts {
  readonly availability: number;
  readonly latencyMs: number | undefined;
  /** Share of good calls in the last 30 days; `undefined` without calls. */
  readonly goodRatio: number | undefined;
  /** What is left of the bad calls that the objective allows in 30 days: 1 is all of them, below 0 it is missed. */
  readonly budgetLeft: number | undefined;
  /**
   * How many times as fast as allowed the budget is used up, by window: at 1 it lasts for 30 days. `undefined` without
   * calls.
   */
  readonly burnRates: Readonly<Record<SloWindow, number | undefined>>;
  /** `page`: somebody should look now; `ticket`: in the next days. */
  readonly alert: 'page' | 'ticket' | undefined;
}

/** The windows, each as so many of the last minutes, hours or days: the current one is the last of them. */
const WINDOWS = {
  '5m': { span: 'minute', count: 5 },
  '30m': { span: 'minute', count: 30 },
  '1h': { span: 'minute', count: 60 },
  '6h': { span: 'hour', count: 6 },
  '3d': { span: 'hour', count: 72 },
  '30d': { span: 'day', count: 30 },
} as const satisfies Record<SloWindow | '30d', object>;

/** Windows of burn rates. */
export type SloWindow = '5m' | '30m' | '1h' | '6h' | '3d';

/** All of them, shortest first. */
export const SLO_WINDOWS = ['5m', '30m', '1h', '6h', '3d'] as const satisfies readonly SloWindow[];

/**
 * When to alert: both windows burn as fast. Rates and windows are those of Google's SRE Workbook, chapter 5, "Alerting
 * on SLOs", table 5-8: 2 % of a month's budget in an hour, 5 % in six hours, 10 % in three days.
 */
const ALERTS = [
  { alert: 'page', long: '1h', short: '5m', rate: 14.4 },
  { alert: 'page', long: '6h', short: '30m', rate: 6 },
  { alert: 'ticket', long: '3d', short: '6h', rate: 1 },
] as const;

/** The pages that a status is made from. */
export function sloPages(now: number): Page[] {
  return [...pagesOf('1h', now), ...pagesOf('3d', now), ...pagesOf('30d', now)];
}

/** @param read the tally of a page */
export function sloStatus(slo: ResolvedSlo, now: number, read: (page: Page) => Tally | undefined): SloStatus {
  const allowed = 1 - slo.availability;
  const counts = (window: keyof typeof WINDOWS): SloCounts => {
    let total = 0;
    let bad = 0;
    for (const page of pagesOf(window, now)) {
      const tally = read(page);
      if (!tally) continue;
      total += tally.total;
      bad += tally.failure + tally.slow;
    }
    return { total, bad };
  };
  const badShare = ({ total, bad }: SloCounts) => (total === 0 ? undefined : bad / total);
  const rates = SLO_WINDOWS.map((window) => {
    const share = badShare(counts(window));
    return [window, share === undefined ? undefined : share / allowed] as const;
  });
  const burnRates = Object.fromEntries(rates) as SloStatus['burnRates'];
  const month = counts('30d');
  const share = badShare(month);
  const burning = ({ long, short, rate }: (typeof ALERTS)[number]) =>
    (burnRates[long] ?? 0) >= rate && (burnRates[short] ?? 0) >= rate;
  return {
    ...month,
    availability: slo.availability,
    latencyMs: slo.latencyMs,
    goodRatio: share === undefined ? undefined : 1 - share,
    budgetLeft: share === undefined ? undefined : 1 - share / allowed,
    burnRates,
    alert: ALERTS.find(burning)?.alert,
  };
}

function pagesOf(window: keyof typeof WINDOWS, now: number): Page[] {
  const { span, count } = WINDOWS[window];
  return keptPages('api', span, now).slice(-count);
}
