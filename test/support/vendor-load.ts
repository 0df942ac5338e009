import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Attempt } from '../../lib/core/attempt.js';
import { ProxyError } from '../../lib/core/errors.js';
import { exchangeOf, type Permit } from '../../lib/core/exchange.js';
import type { Time } from '../../lib/core/time.js';
import { type RateLimitHandler, rateLimit } from '../../lib/rate-limit/rate-limit.js';
import { ToyRedis } from './toy-redis.js';
import type { VendorApi, VendorCall } from './vendor-apis.js';

/** What came of the calls after the first window. */
export interface LoadResult {
  /** Calls that the API refused, of those that it got. */
  readonly refusedByApi: number;
  /** Share of each limit that was used; of those that bind. */
  readonly used: Readonly<Record<string, number>>;
  /** Calls that were refused here though the API had room for them and for those under way, of all calls. */
  readonly refusedInVain: number;
  readonly calls: number;
}

/** Counts what comes of calls, once the first window is over. */
export class Tally {
  readonly #api: VendorApi;
  readonly #begin: number;
  /** Calls under way to the API, by limit. */
  readonly #flight = new Map<string, number>();
  readonly #before = new Map<string, { used: number; allowed: number }>();
  #calls = 0;
  #sent = 0;
  #refusedByApi = 0;
  #inVain = 0;

  constructor(api: VendorApi, begin: number) {
    this.#api = api;
    this.#begin = begin;
  }

  #counts(now: number): boolean {
    if (now < this.#begin + this.#api.firstMs) return false;
    if (this.#before.size === 0)
      for (const [name, limit] of this.#api.limits)
        this.#before.set(name, { used: limit.used, allowed: limit.allowed(now) });
    return true;
  }

  offered(now: number): void {
    if (this.#counts(now)) this.#calls++;
  }

  refusedHere({ takes }: VendorCall, now: number): void {
    if (!this.#counts(now)) return;
    const fits = Object.entries(takes).every(([name, points]) => {
      const limit = this.#api.limits.get(name);
      return limit?.hasRoom(points + (this.#flight.get(name) ?? 0) + limit.slack, now);
    });
    if (fits) this.#inVain++;
  }

  sent({ takes }: VendorCall, by = 1): void {
    for (const [name, points] of Object.entries(takes))
      this.#flight.set(name, (this.#flight.get(name) ?? 0) + points * by);
  }

  arrived(call: VendorCall, status: number, now: number): void {
    this.sent(call, -1);
    if (!this.#counts(now)) return;
    this.#sent++;
    if (status === 429) this.#refusedByApi++;
  }

  result(now: number): LoadResult {
    const used = this.#api.binding.map((name) => {
      const limit = this.#api.limits.get(name);
      const before = this.#before.get(name) ?? { used: 0, allowed: 0 };
      const allowed = (limit?.allowed(now) ?? 0) - before.allowed;
      return [name, ((limit?.used ?? 0) - before.used) / allowed] as const;
    });
    return {
      refusedByApi: this.#refusedByApi / this.#sent,
      used: Object.fromEntries(used),
      refusedInVain: this.#inVain / this.#calls,
      calls: this.#calls,
    };
  }
}

interface Event {
  readonly at: number;
  readonly run: () => void;
  over: boolean;
}

/** Time that jumps from one event to the next. */
function eventTime(begin: number) {
  let now = begin;
  const heap: Event[] = [];
  const before = (a: number, b: number) => (heap[a]?.at ?? 0) < (heap[b]?.at ?? 0);
  const swap = (a: number, b: number) => {
    [heap[a], heap[b]] = [heap[b] as Event, heap[a] as Event];
  };
  const after = (ms: number, run: () => void) => {
    const event: Event = { at: now + ms, run, over: false };
    heap.push(event);
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!before(at, parent)) break;
      swap(at, parent);
      at = parent;
    }
    return () => {
      event.over = true;
    };
  };
  const pop = (): Event | undefined => {
    const [first] = heap;
    const last = heap.pop();
    if (heap.length > 0 && last) heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && before(child, least)) least = child;
      if (least === at) return first;
      swap(at, least);
      at = least;
    }
  };
  const time: Time = {
    steady: () => now,
    wall: () => now,
    after,
    every: () => {
      throw new Error('Nothing repeats here');
    },
  };
  return {
    time,
    /** Runs the next event. @returns whether there was one before `end` */
    next(end: number): boolean {
      const event = pop();
      if (!event || event.at > end) return false;
      now = event.at;
      if (!event.over) event.run();
      return true;
    },
  };
}

/** Numbers from 0 to 1, the same each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const BEGIN = 1_700_000_000_000;

/**
 * Ten times what an API allows, through limiters with nothing configured, in time that jumps.
 * @param processes more than one share a Redis, whose replies take up to 2 ms
 */
export async function simulateLoad(
  make: (now: number) => VendorApi,
  windows: number,
  processes = 1,
): Promise<LoadResult> {
  const { time, next } = eventTime(BEGIN);
  const api = make(BEGIN);
  const tally = new Tally(api, BEGIN);
  const random = seeded(7);
  const redis = new ToyRedis(time, () => 0.2 + 0.8 * random());
  const limiters = Array.from({ length: processes }, () =>
    rateLimit(processes > 1 ? { name: 'api', redis: redis.connect() } : {}, time),
  );
  const oneOf = () => limiters[Math.floor(random() * processes)] as RateLimitHandler;
  const travel = () => 20 + 60 * random();
  const end = BEGIN + (windows + 1) * api.firstMs;

  const send = (call: VendorCall): void => {
    tally.offered(time.steady());
    void throughLimiter(oneOf(), call).then((passed) => {
      if (!passed) return tally.refusedHere(call, time.steady());
      tally.sent(call);
      time.after(travel(), () => {
        const { status, rawHeaders } = api.respond(call, time.wall());
        tally.arrived(call, status, time.steady());
        time.after(travel(), () => passed(status, rawHeaders));
      });
    });
  };
  const again = (): void => {
    time.after((-Math.log(1 - random()) * 1000) / api.offered, () => {
      send(api.call(random));
      again();
    });
  };
  again();
  while (next(end)) await new Promise<void>((resolve) => setImmediate(resolve));
  await Promise.all(limiters.map((limiter) => limiter.close()));
  return tally.result(time.steady());
}

/** A call without a connection. @returns a function that takes its response; `undefined` if it was refused */
async function throughLimiter(
  limiter: RateLimitHandler,
  { method, url }: VendorCall,
): Promise<((status: number, rawHeaders: string[]) => void) | undefined> {
  const req = Object.assign(new IncomingMessage(new Socket()), { method, url });
  const res = new ServerResponse(req);
  const exchange = exchangeOf(req, res);
  const error = await new Promise<unknown>((resolve) => limiter(req, res, resolve));
  const attempt: Attempt = {
    number: 1,
    startedAt: 0,
    durationMs: 0,
    waitedMs: 0,
    egress: undefined,
    outcome: undefined,
    end: undefined,
  };
  const admitted = error ?? (await exchange.limits[0]?.admit?.(attempt, exchange));
  if (error !== undefined || admitted instanceof ProxyError) {
    res.emit('close');
    return undefined;
  }
  const permit = admitted as Permit | undefined;
  exchange.attempts.push(attempt);
  return (status, rawHeaders) => {
    attempt.outcome = { kind: 'response', head: { status, statusText: '', rawHeaders } };
    permit?.head?.(attempt, exchange);
    attempt.end = { kind: 'complete' };
    permit?.end?.(attempt, exchange);
    res.emit('close');
  };
}
