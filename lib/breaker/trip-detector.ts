import { brakes as brakesPackage } from '../core/packages/brakes.js';

/** Detects that too large a share of the recent calls has failed. */
export interface TripDetector {
  success(now: number): void;
  /** Counts a failure. @returns whether the share is reached */
  failure(now: number): boolean;
  /** Like {@link failure}, for a call that was counted as a success before. */
  reversal(now: number): boolean;
  /** Takes back what was counted as a success before. */
  withdrawal(): void;
  /** Number of calls in the window. */
  totals(now: number): { total: number; failed: number };
  /** Empties the window. */
  reset(now: number): void;
  close(): void;
}

/** When a {@link TripDetector} trips. */
export interface TripRule {
  readonly failureRatio: number;
  readonly minimumRequests: number;
  readonly windowMs: number;
}

interface Bucket {
  total: number;
  successful: number;
  failed: number;
  requestTimes: number[];
}

/** What is used of brakes, which ships no types; private parts included, as 3.1 is its last version. */
interface Brakes {
  /** A failure counts only in the generation in which it began. */
  emit(event: 'failure', durationMs: number, error: undefined, generation: number): boolean;
  isOpen(): boolean;
  destroy(): void;
  readonly _circuitGeneration: number;
  readonly _stats: {
    readonly _buckets: Bucket[];
    _activeBucket: Bucket;
    _stopBucketSpinning(): boolean;
    stopSnapshots(): boolean;
  };
}

const BUCKETS = 10;

/** Tolerance for rounding: brakes compares the share of successes, by `<`. */
const EPSILON = 1e-12;

/**
 * Decides by a window of ten buckets in brakes. The two intervals of brakes are stopped at once (`destroy()`
 * would leave them running); the buckets move on by the circuit's clock whenever something is counted. So a
 * circuit has no timer, and a thousand idle ones cost nothing.
 */
export class BrakesTripDetector implements TripDetector {
  readonly #rule: TripRule;
  readonly #bucketMs: number;
  /** Not before something is counted: most circuits of many are never used. */
  #brakes: Brakes | undefined;
  #active: Bucket | undefined;
  #turnsAt: number;

  constructor(rule: TripRule, now: number) {
    this.#rule = rule;
    this.#bucketMs = rule.windowMs / BUCKETS;
    this.#turnsAt = now + this.#bucketMs;
    // Loaded here, so that no call waits for it.
    brakesPackage();
  }

  // Counted in the bucket, not by an event of brakes: that costs 1.3 µs for each call, because it checks the
  // whole window, though only a failure can make the share pass the ratio.
  success(now: number): void {
    if (now >= this.#turnsAt) this.#turn(now);
    const active = this.#active ?? this.#open();
    active.total++;
    active.successful++;
  }

  failure(now: number): boolean {
    if (now >= this.#turnsAt) this.#turn(now);
    if (!this.#brakes) this.#open();
    const brakes = this.#brakes;
    // Durations only feed percentiles that nobody reads.
    brakes?.emit('failure', 0, undefined, brakes._circuitGeneration);
    return brakes?.isOpen() ?? false;
  }

  reversal(now: number): boolean {
    this.withdrawal();
    return this.failure(now);
  }

  withdrawal(): void {
    const counted = this.#brakes?._stats._buckets.findLast((bucket) => bucket.successful > 0);
    if (counted) {
      counted.total--;
      counted.successful--;
    }
  }

  totals(now: number): { total: number; failed: number } {
    if (now >= this.#turnsAt) this.#turn(now);
    const sum = { total: 0, failed: 0 };
    for (const bucket of this.#brakes?._stats._buckets ?? []) {
      sum.total += bucket.total;
      sum.failed += bucket.failed;
    }
    return sum;
  }

  // A new instance: a tripped one refuses to count until a timer of its own has fired.
  reset(now: number): void {
    this.#brakes?.destroy();
    this.#brakes = undefined;
    this.#active = undefined;
    this.#turnsAt = now + this.#bucketMs;
  }

  close(): void {
    this.#brakes?.destroy();
  }

  #open(): Bucket {
    this.#brakes = newBrakes(this.#rule);
    this.#active = this.#brakes._stats._activeBucket;
    return this.#active;
  }

  /** Does what the interval of brakes would have done since the last time. */
  #turn(now: number): void {
    const turns = Math.floor((now - this.#turnsAt) / this.#bucketMs) + 1;
    this.#turnsAt += turns * this.#bucketMs;
    if (!this.#brakes) return;
    const stats = this.#brakes._stats;
    for (let i = Math.min(turns, BUCKETS); i > 0; i--) {
      const oldest = stats._buckets.shift();
      if (!oldest) return;
      stats._buckets.push(Object.assign(oldest, { total: 0, successful: 0, failed: 0, requestTimes: [] }));
      stats._activeBucket = oldest;
    }
    this.#active = stats._activeBucket;
  }
}

function newBrakes({ failureRatio, minimumRequests, windowMs }: TripRule): Brakes {
  const BrakesClass = brakesPackage() as new (options: Record<string, unknown>) => Brakes;
  const brakes = new BrakesClass({
    bucketNum: BUCKETS,
    bucketSpan: windowMs / BUCKETS,
    waitThreshold: minimumRequests - 1,
    threshold: 1 - failureRatio + EPSILON,
    // As short as possible: while open, brakes would refuse our probes.
    circuitDuration: 1,
    registerGlobal: false,
    // The longest interval that Node takes: above it one fires every millisecond.
    statInterval: 2_147_483_647,
  });
  brakes._stats._stopBucketSpinning();
  brakes._stats.stopSnapshots();
  return brakes;
}
