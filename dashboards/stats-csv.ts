import type { Figures, PathFigures, StatsPeriod, TimeBucket } from '../lib/stats/stats-source.js';
import { figuresOf } from './stats-data.js';

const COLUMNS: readonly (readonly [name: string, read: (figures: Figures) => number | null])[] = [
  ['calls', ({ total }) => total],
  ['success', ({ success }) => success],
  ['failure', ({ failure }) => failure],
  ['aborted', ({ aborted }) => aborted],
  ['min_ms', ({ responseTime }) => responseTime.min],
  ['p50_ms', ({ responseTime }) => responseTime.p50],
  ['p90_ms', ({ responseTime }) => responseTime.p90],
  ['p95_ms', ({ responseTime }) => responseTime.p95],
  ['p99_ms', ({ responseTime }) => responseTime.p99],
  ['max_ms', ({ responseTime }) => responseTime.max],
  ['cache_hits', ({ cache }) => cache.hit ?? 0],
  ['cache_misses', ({ cache }) => cache.miss ?? 0],
  ['attempts', ({ attempts }) => attempts],
  ['retried', ({ retried }) => retried],
  ['bytes_in', ({ bytesIn }) => bytesIn],
  ['bytes_out', ({ bytesOut }) => bytesOut],
  // Behind those that there were, for scripts that go by the place of a column.
  ['outcome_success', ({ outcomes }) => outcomes.success],
  ['outcome_client_error', ({ outcomes }) => outcomes.clientError],
  ['outcome_refused', ({ outcomes }) => outcomes.refused],
  ['outcome_failure', ({ outcomes }) => outcomes.failure],
  ['outcome_aborted', ({ outcomes }) => outcomes.aborted],
  ['upstream_p50_ms', ({ upstreamTime }) => upstreamTime.p50],
  ['upstream_p95_ms', ({ upstreamTime }) => upstreamTime.p95],
  ['upstream_p99_ms', ({ upstreamTime }) => upstreamTime.p99],
  ['attempts_failed', ({ attemptResults }) => attemptResults.failure],
];

/** A line for each path. */
export function pathsCsv(lines: readonly PathFigures[], period: StatsPeriod): string {
  return table(
    'path',
    lines.map((line) => [line.path, figuresOf(line, period)]),
  );
}

/** A line for each minute, hour or day, by its start. */
export function bucketsCsv(buckets: readonly TimeBucket[]): string {
  return table(
    'start',
    buckets.map((bucket) => [new Date(bucket.start).toISOString(), bucket]),
  );
}

/** Where nothing was measured a cell is empty. */
function table(first: string, lines: readonly (readonly [label: string, figures: Figures])[]): string {
  const head = [first, ...COLUMNS.map(([name]) => name)].join(',');
  const rows = lines.map(([label, figures]) =>
    [cell(label), ...COLUMNS.map(([, read]) => read(figures))].join(','),
  );
  return `${[head, ...rows].join('\r\n')}\r\n`;
}

/**
 * A value by RFC 4180 §2. Clients choose the paths, and a spreadsheet would evaluate a value that begins like a formula.
 */
function cell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
