/** One call of the load generator. */
export interface CallRecord {
  /** Name of its kind in the load's mix. */
  readonly kind: string;
  readonly path: string;
  /** Index of the process that it was sent to. */
  readonly target: number;
  /** When it was due, in epoch milliseconds. Latency counts from here, so that a stall is not hidden. */
  readonly at: number;
  /** From when it was due to the end of its response. */
  readonly latencyMs: number;
  /** How much later than due it was sent; part of its latency. Large where the machine is busy with other things. */
  readonly lateMs: number;
  /** 0 where there was no complete response. */
  readonly status: number;
  /** Why there was none. */
  readonly error: string | undefined;
}

/** Which calls of a {@link Ledger} are meant. */
export interface Selection {
  readonly kind?: string;
  readonly target?: number;
  /** Calls that were due from here on, in epoch milliseconds. */
  readonly from?: number;
  /** Calls that were due before. */
  readonly until?: number;
  readonly status?: number;
}

/** All calls of a load, as its clients saw them. */
export class Ledger {
  readonly records: readonly CallRecord[];

  constructor(records: readonly CallRecord[]) {
    this.records = records;
  }

  get calls(): number {
    return this.records.length;
  }

  /** Calls without a complete response, or with one from 500 on. */
  get failed(): number {
    return this.records.filter(isFailed).length;
  }

  /** Number of calls by status, or by error where there was no response: `200: 4990, ECONNRESET: 2`. */
  get outcomes(): string {
    const counts = new Map<string, number>();
    for (const { status, error } of this.records) {
      const name = error ?? `${status}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...counts].map(([name, count]) => `${name}: ${count}`).join(', ') || 'no calls';
  }

  of({ kind, target, from = 0, until = Number.POSITIVE_INFINITY, status }: Selection): Ledger {
    const selected = this.records.filter(
      (record) =>
        record.at >= from &&
        record.at < until &&
        (kind === undefined || record.kind === kind) &&
        (target === undefined || record.target === target) &&
        (status === undefined || record.status === status),
    );
    return new Ledger(selected);
  }

  /** Latency that this share of the calls did not exceed; 1 is the maximum. NaN without calls. */
  latencyMs(share: number): number {
    return quantile(
      this.records.map(({ latencyMs }) => latencyMs),
      share,
    );
  }

  get p50(): number {
    return this.latencyMs(0.5);
  }

  get p99(): number {
    return this.latencyMs(0.99);
  }

  get max(): number {
    return this.latencyMs(1);
  }

  /** How late 99 of 100 calls were sent at most: what the generator itself adds. */
  get lateP99(): number {
    return quantile(
      this.records.map(({ lateMs }) => lateMs),
      0.99,
    );
  }

  /** The most calls that were due within any `spanMs`. */
  mostWithin(spanMs: number): number {
    return mostWithin(
      this.records.map(({ at }) => at),
      spanMs,
    );
  }
}

/** The most of the times within any span. */
export function mostWithin(times: readonly number[], spanMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [i, time] of sorted.entries()) {
    while ((sorted[first] ?? time) <= time - spanMs) first++;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

function quantile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.max(0, Math.ceil(share * values.length) - 1)] ?? Number.NaN;
}

const isFailed = ({ status }: CallRecord): boolean => status === 0 || status >= 500;
