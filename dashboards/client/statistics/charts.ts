import type { TimeBucket } from '../shared/contract.js';
import { formatCompact, formatCount, formatMany, formatMs, formatRatio } from '../shared/format.js';
import { ChartPanel } from './chart-panel.js';

/** Calls over time, and the failed ones in front of them. */
export function trafficPanel(): ChartPanel {
  return new ChartPanel({
    id: 'traffic',
    title: 'Calls and errors',
    series: [
      { label: 'Calls', colour: '--calls', bars: true, read: ({ total }) => total },
      { label: 'Errors', colour: '--errors', bars: true, read: ({ failure }) => failure },
    ],
    label: (unit) => `Calls per ${unit}`,
    value: formatCompact,
    leastStep: 1,
    words: ({ total, failure }) => `${formatMany(total, 'call')} · ${formatMany(failure, 'error')}`,
    columns: [
      ['Calls', ({ total }) => formatCount(total)],
      ['Errors', ({ failure }) => formatCount(failure)],
      ['Share', ({ total, failure }) => formatRatio(failure, total)],
    ],
    summary: (buckets) => {
      const total = sum(buckets, ({ total }) => total);
      const failure = sum(buckets, ({ failure }) => failure);
      const most = Math.max(...buckets.map(({ total }) => total));
      return `Chart: ${formatCount(total)} calls, of which ${formatCount(failure)} failed; at most ${formatCount(most)} calls in one bar`;
    },
  });
}

/** Response times over time: a line for each percentile. */
export function latencyPanel(): ChartPanel {
  const read = (key: 'p50' | 'p95' | 'p99') => (bucket: TimeBucket) =>
    bucket.responseTime.count === 0 ? null : bucket.responseTime[key];
  const text = (key: 'p50' | 'p95' | 'p99') => (bucket: TimeBucket) => {
    const ms = read(key)(bucket);
    return ms === null ? '–' : formatMs(ms);
  };
  return new ChartPanel({
    id: 'latency',
    title: 'Response time',
    series: [
      { label: 'p99', colour: '--p99', dash: [2, 3], read: read('p99') },
      { label: 'p95', colour: '--p95', dash: [6, 3], read: read('p95') },
      { label: 'p50', colour: '--p50', read: read('p50') },
    ],
    bands: [
      [0, 1],
      [1, 2],
    ],
    label: () => 'Response time',
    value: formatMs,
    leastStep: 0.1,
    words: (bucket) => `p50 ${text('p50')(bucket)} · p95 ${text('p95')(bucket)} · p99 ${text('p99')(bucket)}`,
    columns: [
      ['p50', text('p50')],
      ['p95', text('p95')],
      ['p99', text('p99')],
    ],
    summary: (buckets) => {
      const worst = Math.max(0, ...buckets.map((bucket) => read('p99')(bucket) ?? 0));
      const last = [...buckets].reverse().find((bucket) => bucket.responseTime.count > 0);
      return `Chart: 99 per cent of calls within at most ${formatMs(worst)}; most recently half within ${last ? text('p50')(last) : 'no time'}`;
    },
  });
}

const sum = (buckets: readonly TimeBucket[], read: (bucket: TimeBucket) => number): number =>
  buckets.reduce((all, bucket) => all + read(bucket), 0);
