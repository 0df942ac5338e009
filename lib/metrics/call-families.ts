import { type ApiCounts, METHOD_LABELS } from './api-counts.js';
import type { BucketCounts } from './bucket-counts.js';
import type { CallCounts } from './call-counts.js';
import { CODE_LABELS } from './code-label.js';
import type { Family, Row } from './family.js';

/** What was counted call by call. */
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
      'Calls by the status their client got; aborted: it left before one.',
      ['method', 'code'],
      callRows,
    ),
    counter(
      'attempts_total',
      'Attempts at the target: its status, the code of an error, or abandoned.',
      ['proxy', 'outcome'],
      attemptRows,
    ),
    counter('cache_total', 'Calls by what the cache did.', ['verdict'], (api, { cache }) =>
      named(api, 'verdict', cache),
    ),
    counter(
      'errors_total',
      'Errors answered in place of an answer of the target.',
      ['code'],
      (api, { errors }) => named(api, 'code', errors),
    ),
    counter(
      'answers_cut_total',
      'Answers that broke off after their head, on either side.',
      [],
      (api, { cut }) => [[{ api }, cut]],
    ),
    counter('request_bytes_total', 'Bytes of the bodies of clients.', [], (api, { bytesIn }) => [
      [{ api }, bytesIn],
    ]),
    counter('response_bytes_total', 'Bytes sent to clients, heads with them.', [], (api, { bytesOut }) => [
      [{ api }, bytesOut],
    ]),
    {
      type: 'gauge',
      name: 'calls_in_flight',
      help: 'Calls that have begun and not ended.',
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
    help: 'From the request to the end of the answer.',
    bucketsOf: ({ durations }) => durations,
  },
  {
    name: 'time_to_first_byte_seconds',
    help: "From the request to the head of the target's answer, retries with it.",
    bucketsOf: ({ timesToFirstByte }) => timesToFirstByte,
  },
  {
    name: 'attempt_duration_seconds',
    help: 'From the begin of an attempt to its head or error.',
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
