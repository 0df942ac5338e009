import { Bulkhead, type BulkheadSite } from '../../../lib/concurrency/bulkhead.js';
import { type ConcurrencyOptions, resolveConcurrency } from '../../../lib/concurrency/concurrency-options.js';
import type { Attempt } from '../../../lib/core/attempt.js';
import { Closing } from '../../../lib/core/closing.js';
import { Events } from '../../../lib/core/events.js';
import type { Time } from '../../../lib/core/time.js';
import { toyTime } from '../../support/toy-time.js';
import { toyExchange } from '../breaker/toy-call.js';

/** A bulkhead by itself, and what it has refused. */
export function toyBulkhead(options: ConcurrencyOptions, time: Time): Bulkhead {
  const site: BulkheadSite = {
    options: resolveConcurrency(options),
    time,
    events: new Events(),
    closing: new Closing(),
    refused: { queue: 0, wait: 0 },
    partyOf: () => '',
    share: () => undefined,
    unused: () => {},
  };
  return new Bulkhead('', site);
}

/** A target that handles so many requests at once as fast as it can; with more it gets slower than in proportion. */
export interface ToyTarget {
  readonly latencyMs: number;
  /** Requests it can handle at once, at this time. */
  capacity(atMs: number): number;
  /** What `n` requests at once cost each of them, of a capacity of `c`. */
  slowdown(n: number, c: number): number;
}

/** Requests that come, however slow the target is. */
export interface ToyLoad {
  readonly perSecond: number;
  readonly lastsMs: number;
  /** A response that comes later is worth nothing to its client. */
  readonly worthMs: number;
}

/** What came of a load. */
export interface ToyResult {
  /** Responses in time, by the second in which their calls came. */
  readonly inTime: number[];
  /** Latencies of the target, by the same. */
  readonly latencies: number[][];
  /** The limit at the end of each second. */
  readonly limits: number[];
}

interface Running {
  readonly attempt: Attempt;
  readonly cameAt: number;
  readonly sentAt: number;
  leftMs: number;
}

const TICK_MS = 5;

/** Sends a load to a target through a bulkhead, in simulated time. */
export async function simulate(
  options: ConcurrencyOptions,
  target: ToyTarget,
  load: ToyLoad,
): Promise<ToyResult> {
  const time = toyTime(0);
  const bulkhead = toyBulkhead(options, time);
  const exchange = toyExchange();
  const running = new Set<Running>();
  const random = seeded();
  const seconds = Math.ceil(load.lastsMs / 1000);
  const result: ToyResult = {
    inTime: Array.from({ length: seconds }, () => 0),
    latencies: Array.from({ length: seconds }, () => []),
    limits: [],
  };
  const run = (attempt: Attempt, cameAt: number): void => {
    const leftMs = target.latencyMs * (0.8 + 0.4 * random());
    running.add({ attempt, cameAt, sentAt: time.steady(), leftMs });
  };
  const begin = (): void => {
    const cameAt = time.steady();
    const attempt = toyAttempt();
    const taken = bulkhead.take(exchange, attempt);
    if (taken === bulkhead) run(attempt, cameAt);
    else if (taken instanceof Promise)
      void taken.then((late) => {
        if (late === bulkhead) run(attempt, cameAt);
      });
  };
  const end = (one: Running): void => {
    const now = time.steady();
    const second = Math.floor(one.cameAt / 1000);
    running.delete(one);
    one.attempt.durationMs = now - one.sentAt;
    one.attempt.outcome = { kind: 'response', head: { status: 200, statusText: '', rawHeaders: [] } };
    result.latencies[second]?.push(one.attempt.durationMs);
    if (now - one.cameAt <= load.worthMs) result.inTime[second] = (result.inTime[second] ?? 0) + 1;
    bulkhead.head(one.attempt);
    one.attempt.end = { kind: 'complete' };
    bulkhead.end(one.attempt);
  };
  let nextAt = 0;
  for (let now = 0; now < load.lastsMs; now += TICK_MS) {
    for (; nextAt <= now; nextAt += (-Math.log(1 - random()) * 1000) / load.perSecond) begin();
    const speed = 1 / target.slowdown(running.size, target.capacity(now));
    for (const one of running) one.leftMs -= TICK_MS * speed;
    for (const one of [...running]) if (one.leftMs <= 0) end(one);
    time.advance(TICK_MS);
    // What was granted begins.
    await Promise.resolve();
    await Promise.resolve();
    if ((now + TICK_MS) % 1000 === 0) result.limits.push(bulkhead.limit);
  }
  return result;
}

function toyAttempt(): Attempt {
  return {
    number: 1,
    startedAt: 0,
    durationMs: 0,
    waitedMs: 0,
    egress: undefined,
    outcome: undefined,
    end: undefined,
  };
}

/** The same numbers in each run. */
function seeded(): () => number {
  let state = 1;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
