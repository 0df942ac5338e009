import type { AttemptOutcome } from '../core/attempt.js';
import type { CacheVerdict, Exchange } from '../core/exchange.js';
import { BucketCounts } from './bucket-counts.js';
import { ABORTED_COLUMN, CODE_LABELS, codeColumn } from './code-label.js';

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

const MAX_PROXIES = 100;
const OTHER = 'other';
const DIRECT = 'direct';

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
  readonly durations: BucketCounts;
  readonly timesToFirstByte: BucketCounts;
  readonly attemptDurations: BucketCounts;
  readonly cache = new Map<CacheVerdict, number>();
  /** Errors sent instead of an upstream's response, by their code. */
  readonly errors = new Map<string, number>();
  readonly proxies = new Map<string, ProxyCounts>();
  bytesIn = 0;
  bytesOut = 0;
  /** Attempts without a complete response, by who caused that. */
  readonly failedBy = { target: 0, egress: 0, client: 0, self: 0 };
  /** Responses that broke off after their headers. */
  cut = 0;

  constructor(bucketsMs: readonly number[]) {
    this.durations = new BucketCounts(bucketsMs);
    this.timesToFirstByte = new BucketCounts(bucketsMs);
    this.attemptDurations = new BucketCounts(bucketsMs);
  }

  countCall({ req, res, startedAt, respondedAt, cache, error }: Exchange): void {
    const row = METHOD_ROW.get(req.method ?? '') ?? METHOD_LABELS.length - 1;
    this.calls[row] ??= new Float64Array(CODE_LABELS.length);
    add(this.calls[row], res.headersSent ? codeColumn(res.statusCode) : ABORTED_COLUMN);
    this.durations.observe(performance.now() - startedAt);
    if (respondedAt !== undefined) this.timesToFirstByte.observe(respondedAt - startedAt);
    if (cache !== undefined) count(this.cache, cache);
    if (error !== undefined) count(this.errors, error.code);
    if (res.headersSent && !res.writableFinished) this.cut++;
  }

  countAttempt(egress: string | undefined, outcome: AttemptOutcome, durationMs: number): void {
    const counts = this.#proxy(egress ?? DIRECT);
    // The time until its client left says nothing about the target.
    if (outcome.kind !== 'abandoned') this.attemptDurations.observe(durationMs);
    if (outcome.kind === 'response') add(counts.codes, codeColumn(outcome.head.status));
    else count(counts.others, outcome.kind === 'failure' ? outcome.error.code : outcome.kind);
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
