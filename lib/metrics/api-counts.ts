import type { Attempt } from '../core/attempt.js';
import type { EndedCall, Outcome } from '../core/ended-call.js';
import type { CacheVerdict, Exchange } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { bytesSent, measuredBody } from '../core/meter.js';
import { endedCall, upstreamMs } from '../http/outcome.js';
import { BucketCounts } from './bucket-counts.js';
import { ABORTED_COLUMN, CODE_LABELS, codeColumn } from './code-label.js';
import {
  FIRST_CLASSES,
  FIRST_ERRORS,
  FIRST_METHODS,
  FIRST_OUTCOMES,
  FIRST_VERDICTS,
} from './first-series.js';

/** Values of the label `method`; any other method counts as the last. */
export const METHOD_LABELS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'OTHER',
] as const;

/** Values of the label `verdict` of times, by what the cache did with a call. */
export const VERDICT_LABELS = ['none', 'hit', 'miss', 'stale', 'revalidated', 'bypass', 'coalesced'] as const;

/** Values of the label `status_class`. */
export const CLASS_LABELS = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other', 'aborted'] as const;

const OTHER_CLASS = CLASS_LABELS.length - 2;
const ABORTED_CLASS = CLASS_LABELS.length - 1;

/** Buckets for what may last for hours: from a second to a day. */
const LIFE_BUCKETS_MS = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400].map((seconds) => seconds * 1000);

const MAX_PROXIES = 100;
const OTHER = 'other';
/** The name of a direct connection among egress proxies. */
export const DIRECT = 'direct';

const METHOD_ROW: ReadonlyMap<string, number> = new Map(METHOD_LABELS.map((method, row) => [method, row]));

/** Outcomes of the attempts through one egress proxy. */
export interface ProxyCounts {
  /** Responses, by the places of `CODE_LABELS`. */
  readonly codes: Float64Array;
  /** Attempts without a response, by the error's code or `abandoned`. */
  readonly others: Map<string, number>;
}

/** Plain counters of one API: nothing in them grows with traffic. */
export class ApiCounts {
  /** By the places of `METHOD_LABELS` and `CODE_LABELS`; a method that was never used has no row. */
  readonly calls: (Float64Array | undefined)[] = METHOD_LABELS.map(() => undefined);
  readonly outcomes: Record<Outcome, number> = {
    success: 0,
    clientError: 0,
    refused: 0,
    failure: 0,
    aborted: 0,
  };
  /** By the places of `VERDICT_LABELS`, and then of `CLASS_LABELS`; `undefined` until there is a call. */
  readonly durations: (BucketCounts | undefined)[] = Array.from({
    length: VERDICT_LABELS.length * CLASS_LABELS.length,
  });
  readonly timesToFirstByte: BucketCounts;
  readonly attemptDurations: BucketCounts;
  readonly upstreamTimes: BucketCounts;
  readonly streamTimes = new BucketCounts(LIFE_BUCKETS_MS);
  readonly webSocketTimes = new BucketCounts(LIFE_BUCKETS_MS);
  readonly cache = new Map<CacheVerdict, number>();
  /** Errors sent instead of an upstream's response, by their code. */
  readonly errors = new Map<string, number>();
  readonly proxies = new Map<string, ProxyCounts>();
  /** Whether it has {@link seed | the first series}. */
  seeded = false;
  bytesIn = 0;
  bytesOut = 0;
  /** Attempts without a complete response, by who caused that. */
  readonly failedBy = { target: 0, egress: 0, client: 0, self: 0 };
  /** Responses that broke off after their headers. */
  cut = 0;

  readonly #bucketsMs: readonly number[];

  constructor(bucketsMs: readonly number[]) {
    this.#bucketsMs = bucketsMs;
    this.upstreamTimes = new BucketCounts(bucketsMs);
    this.timesToFirstByte = new BucketCounts(bucketsMs);
    this.attemptDurations = new BucketCounts(bucketsMs);
  }

  /** Begins the series that are there from the start. */
  seed(): void {
    for (const method of FIRST_METHODS)
      this.calls[METHOD_ROW.get(method) ?? 0] ??= new Float64Array(CODE_LABELS.length);
    for (const code of FIRST_ERRORS) this.errors.set(code, 0);
    for (const verdict of FIRST_VERDICTS) this.cache.set(verdict, 0);
    const { others } = this.#proxy(DIRECT);
    for (const outcome of FIRST_OUTCOMES) others.set(outcome, 0);
    for (const statusClass of FIRST_CLASSES)
      this.durations[CLASS_LABELS.indexOf(statusClass)] ??= new BucketCounts(this.#bucketsMs);
    this.seeded = true;
  }

  countCall(exchange: Exchange): void {
    const { req, res, startedAt, respondedAt, cache, error } = exchange;
    const row = METHOD_ROW.get(req.method ?? '') ?? METHOD_LABELS.length - 1;
    this.calls[row] ??= new Float64Array(CODE_LABELS.length);
    add(this.calls[row], res.headersSent ? codeColumn(res.statusCode) : ABORTED_COLUMN);
    const ended = endedCall(exchange);
    this.outcomes[ended.outcome]++;
    this.#countTimes(exchange, ended);
    if (respondedAt !== undefined) this.timesToFirstByte.observe(respondedAt - startedAt);
    if (cache !== undefined) count(this.cache, cache);
    if (error !== undefined) count(this.errors, error.code);
    if (res.headersSent && (ended.cut || !isWritten(res))) this.cut++;
    this.bytesIn += measuredBody(req);
    this.bytesOut += bytesSent(exchange);
  }

  #countTimes(exchange: Exchange, { result, durationMs, firstMs, isStream }: EndedCall): void {
    // A client that gave up before the head has waited for so long.
    if (!exchange.res.headersSent) return this.#durationsOf(exchange).observe(durationMs);
    if (isStream) {
      this.streamTimes.observe(durationMs - firstMs);
      this.#durationsOf(exchange).observe(firstMs);
    } else if (result !== 'left') this.#durationsOf(exchange).observe(durationMs);
  }

  #durationsOf({ res, cache }: Exchange): BucketCounts {
    const kind = Math.floor(res.statusCode / 100) - 1;
    const known = kind >= 0 && kind < OTHER_CLASS ? kind : OTHER_CLASS;
    const column = res.headersSent ? known : ABORTED_CLASS;
    const row = cache === undefined ? 0 : VERDICT_LABELS.indexOf(cache);
    const place = row * CLASS_LABELS.length + column;
    this.durations[place] ??= new BucketCounts(this.#bucketsMs);
    return this.durations[place];
  }

  countAttempt(attempt: Attempt): void {
    const { egress, outcome, durationMs } = attempt;
    if (!outcome) return;
    const counts = this.#proxy(egress ?? DIRECT);
    // The time until its client left says nothing about the target.
    if (outcome.kind !== 'abandoned') this.attemptDurations.observe(durationMs);
    if (outcome.kind === 'response') add(counts.codes, codeColumn(outcome.head.status));
    else count(counts.others, outcome.kind === 'failure' ? outcome.error.code : outcome.kind);
  }

  countUpstreamTime(attempt: Attempt, exchange: Exchange): void {
    const ms = upstreamMs(attempt, exchange);
    if (ms !== undefined) this.upstreamTimes.observe(ms);
  }

  #proxy(name: string): ProxyCounts {
    const known = this.proxies.get(name);
    if (known) return known;
    if (this.proxies.size >= MAX_PROXIES && name !== OTHER) return this.#proxy(OTHER);
    const fresh = { codes: new Float64Array(CODE_LABELS.length), others: new Map<string, number>() };
    this.proxies.set(name, fresh);
    return fresh;
  }
}

function add(row: Float64Array, column: number): void {
  row[column] = (row[column] ?? 0) + 1;
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
