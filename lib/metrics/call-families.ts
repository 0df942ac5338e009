import { OUTCOMES, type Outcome } from '../core/ended-call.js';
import { BLAMES } from '../core/errors.js';
import { type ApiCounts, CLASS_LABELS, DIRECT, METHOD_LABELS, VERDICT_LABELS } from './api-counts.js';
import type { BucketCounts } from './bucket-counts.js';
import type { CallCounts, Running } from './call-counts.js';
import { CODE_LABELS } from './code-label.js';
import type { Family, Row } from './family.js';
import { IS_FIRST_CODE } from './first-series.js';

const OUTCOME_LABELS: Readonly<Record<Outcome, string>> = {
  success: 'success',
  clientError: 'client_error',
  refused: 'refused',
  failure: 'failure',
  aborted: 'aborted',
};

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
    *rows() {
      for (const [api, one] of counts.apis) yield* rowsOf(api, one);
    },
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
    counter(
      'call_outcomes_total',
      'Calls by how they ended: success, client_error (a 4xx of the API), refused by this process, failure, or aborted by the client before it had all.',
      ['outcome'],
      (api, { outcomes }) =>
        OUTCOMES.map((outcome): Row => [{ api, outcome: OUTCOME_LABELS[outcome] }, outcomes[outcome]]),
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
    runningFamily(
      counts,
      'counter',
      'request_bytes_total',
      'Bytes of request bodies received from clients, those of calls in progress included.',
      (one, running) => (one?.bytesIn ?? 0) + (running?.bytesIn ?? 0),
    ),
    runningFamily(
      counts,
      'counter',
      'response_bytes_total',
      'Bytes of response bodies sent to clients, those of calls in progress included.',
      (one, running) => (one?.bytesOut ?? 0) + (running?.bytesOut ?? 0),
    ),
    runningFamily(
      counts,
      'gauge',
      'streams_open',
      'Open streams: responses of events or the like, and those whose body takes longer than a second.',
      (_one, running) => running?.streams ?? 0,
    ),
    {
      type: 'gauge',
      name: 'calls_in_flight',
      help: 'Calls in progress.',
      labels: [],
      rows: () => [[{}, counts.inFlight]],
    },
  ];
}

/** A family whose values depend on what is in progress. */
function runningFamily(
  counts: CallCounts,
  type: Family['type'],
  name: string,
  help: string,
  read: (counts: ApiCounts | undefined, running: Running | undefined) => number,
): Family {
  return {
    ...{ type, name, help, labels: ['api'] },
    rows: () => {
      const running = counts.running();
      const apis = new Set([...counts.apis.keys(), ...running.keys()]);
      return [...apis].map((api): Row => [{ api }, read(counts.apis.get(api), running.get(api))]);
    },
  };
}

/** A histogram of {@link ApiCounts}. */
export interface TimeFamily {
  readonly name: string;
  readonly help: string;
  /** Beside `api`. */
  readonly labels?: readonly string[];
  readonly bucketsOf: (counts: ApiCounts) => Iterable<LabelledBuckets>;
}

/** Buckets with the values of their labels, `api` left out. */
export type LabelledBuckets = readonly [labels: Readonly<Record<string, string>>, buckets: BucketCounts];

const unlabelled = (buckets: BucketCounts): LabelledBuckets[] => [[{}, buckets]];

/** How long calls and attempts took. */
export const TIME_FAMILIES: readonly TimeFamily[] = [
  {
    name: 'call_duration_seconds',
    help: 'Total time: from the call to the end of its response, to the head of a stream, or until its client left before the head.',
    labels: ['verdict', 'status_class'],
    bucketsOf: durationsOf,
  },
  {
    name: 'time_to_first_byte_seconds',
    help: "Time from the request to the headers of the target's response, retries included.",
    bucketsOf: ({ timesToFirstByte }) => unlabelled(timesToFirstByte),
  },
  {
    name: 'upstream_duration_seconds',
    help: "Upstream time: from the start of an attempt to the head of the target's response, or for as long as that was waited for in vain.",
    bucketsOf: ({ upstreamTimes }) => unlabelled(upstreamTimes),
  },
  {
    name: 'attempt_duration_seconds',
    help: 'Time from the start of an attempt to its response headers or error.',
    bucketsOf: ({ attemptDurations }) => unlabelled(attemptDurations),
  },
  {
    name: 'stream_duration_seconds',
    help: 'Time from the head of a stream to its end; of a WebSocket, from its opening.',
    labels: ['kind'],
    bucketsOf: ({ streamTimes, webSocketTimes }) => [
      [{ kind: 'stream' }, streamTimes],
      [{ kind: 'websocket' }, webSocketTimes],
    ],
  },
];

function* durationsOf({ durations }: ApiCounts): Iterable<LabelledBuckets> {
  for (const [place, buckets] of durations.entries()) {
    const verdict = VERDICT_LABELS[Math.floor(place / CLASS_LABELS.length)] ?? '';
    const statusClass = CLASS_LABELS[place % CLASS_LABELS.length] ?? '';
    if (buckets) yield [{ verdict, status_class: statusClass }, buckets];
  }
}

function* callRows(api: string, { calls, seeded }: ApiCounts): Iterable<Row> {
  for (const [row, codes] of calls.entries()) {
    if (codes)
      for (const [code, value] of used(codes, seeded))
        yield [{ api, method: METHOD_LABELS[row] ?? '', code }, value];
  }
}

function* attemptRows(api: string, { proxies, seeded }: ApiCounts): Iterable<Row> {
  for (const [proxy, { codes, others }] of proxies) {
    for (const [outcome, value] of [...used(codes, seeded && proxy === DIRECT), ...others])
      yield [{ api, proxy, outcome }, value];
  }
}

function* used(codes: Float64Array, seeded: boolean): Iterable<[code: string, value: number]> {
  for (const [column, value] of codes.entries())
    if (value > 0 || (seeded && IS_FIRST_CODE[column])) yield [CODE_LABELS[column] ?? '', value];
}

function named(api: string, label: string, counts: ReadonlyMap<string, number>): Row[] {
  return [...counts].map(([name, value]) => [{ api, [label]: name }, value]);
}
