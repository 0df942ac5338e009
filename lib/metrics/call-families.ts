import { BLAMES } from '../core/errors.js';
import { type ApiCounts, METHOD_LABELS } from './api-counts.js';
import type { BucketCounts } from './bucket-counts.js';
import type { CallCounts } from './call-counts.js';
import { CODE_LABELS } from './code-label.js';
import type { Family, Row } from './family.js';

/** Counters of calls and attempts. */
export function callFamilies(counts: CallCounts): Family[] {
  const counter = (
    name: string,
    help: string,
    labels: string[],
    rowsOf: (api: string, counts: ApiCounts) => Iterable<Row>,
  ): Family => ({
    type: 'counter',
    name,
    help,
    labels: ['api', ...labels],
    rows: () => [...counts.apis].flatMap(([api, one]) => [...rowsOf(api, one)]),
  });
  return [
    counter(
      'calls_total',
      'Calls by the status that the client received; aborted: the client left before.',
      ['method', 'code'],
      callRows,
    ),
    counter(
      'attempts_total',
      'Attempts by outcome: status of the target, error code, or abandoned.',
      ['proxy', 'outcome'],
      attemptRows,
    ),
    counter('cache_total', 'Calls by cache verdict.', ['verdict'], (api, { cache }) =>
      named(api, 'verdict', cache),
    ),
    counter('errors_total', 'Errors sent instead of a response of the target.', ['code'], (api, { errors }) =>
      named(api, 'code', errors),
    ),
    counter(
      'attempts_failed_total',
      'Attempts without a complete response, by who caused that: target, egress, self, or a client that left or did not read.',
      ['by'],
      (api, { failedBy }) => BLAMES.map((by): Row => [{ api, by }, failedBy[by]]),
    ),
    counter(
      'responses_cut_total',
      'Responses that broke off after their headers, on either side.',
      [],
      (api, { cut }) => [[{ api }, cut]],
    ),
    counter(
      'request_bytes_total',
      'Bytes of request bodies received from clients.',
      [],
      (api, { bytesIn }) => [[{ api }, bytesIn]],
    ),
    counter('response_bytes_total', 'Bytes sent to clients, headers included.', [], (api, { bytesOut }) => [
      [{ api }, bytesOut],
    ]),
    {
      type: 'gauge',
      name: 'calls_in_flight',
      help: 'Calls in progress.',
      labels: [],
      rows: () => [[{}, counts.inFlight]],
    },
  ];
}

/** A histogram of {@link ApiCounts}. */
export interface TimeFamily {
  readonly name: string;
  readonly help: string;
  readonly bucketsOf: (counts: ApiCounts) => BucketCounts;
}

/** How long calls and attempts took. */
export const TIME_FAMILIES: readonly TimeFamily[] = [
  {
    name: 'call_duration_seconds',
    help: 'Time from the request to the end of the response.',
    bucketsOf: ({ durations }) => durations,
  },
  {
    name: 'time_to_first_byte_seconds',
    help: "Time from the request to the headers of the target's response, retries included.",
    bucketsOf: ({ timesToFirstByte }) => timesToFirstByte,
  },
  {
    name: 'attempt_duration_seconds',
    help: 'Time from the start of an attempt to its response headers or error.',
    bucketsOf: ({ attemptDurations }) => attemptDurations,
  },
];

function* callRows(api: string, { calls }: ApiCounts): Iterable<Row> {
  for (const [row, codes] of calls.entries()) {
    if (codes)
      for (const [code, value] of used(codes)) yield [{ api, method: METHOD_LABELS[row] ?? '', code }, value];
  }
}

function* attemptRows(api: string, { proxies }: ApiCounts): Iterable<Row> {
  for (const [proxy, { codes, others }] of proxies) {
    for (const [outcome, value] of [...used(codes), ...others]) yield [{ api, proxy, outcome }, value];
  }
}

function* used(codes: Float64Array): Iterable<[code: string, value: number]> {
  for (const [column, value] of codes.entries()) if (value > 0) yield [CODE_LABELS[column] ?? '', value];
}

function named(api: string, label: string, counts: ReadonlyMap<string, number>): Row[] {
  return [...counts].map(([name, value]) => [{ api, [label]: name }, value]);
}
