import type { Family, Row } from '../../core/metric-family.js';
import { SLO_WINDOWS, type SloStatus } from './slo-status.js';

/** Gauges of the objectives, of those APIs that have one. */
export function sloFamilies(list: () => Iterable<readonly [api: string, status: SloStatus]>): Family[] {
  const gauge = (name: string, help: string, read: (status: SloStatus) => number | undefined): Family => ({
    ...{ type: 'gauge', name, help, labels: ['api'] },
    rows: () =>
      [...list()].flatMap(([api, status]): Row[] => {
        const value = read(status);
        return value === undefined ? [] : [[{ api }, value]];
      }),
  });
  return [
    gauge('slo_objective_ratio', 'Share of calls that are to be good.', ({ availability }) => availability),
    gauge('slo_good_ratio', 'Share of good calls in the last 30 days.', ({ goodRatio }) => goodRatio),
    gauge(
      'slo_budget_remaining_ratio',
      'What is left of the bad calls that the objective allows in 30 days.',
      ({ budgetLeft }) => budgetLeft,
    ),
    {
      type: 'gauge',
      name: 'slo_burn_rate',
      help: 'How many times as fast as allowed the budget is used up; at 1 it lasts for 30 days.',
      labels: ['api', 'window'],
      rows: () =>
        [...list()].flatMap(([api, { burnRates }]) =>
          SLO_WINDOWS.flatMap((window): Row[] => {
            const rate = burnRates[window];
            return rate === undefined ? [] : [[{ api, window }, rate]];
          }),
        ),
    },
  ];
}
