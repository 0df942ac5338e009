import type { Attempt, Blame } from '../core/attempt.js';
import { CallsInProgress } from '../core/calls-in-progress.js';
import type { Limit, Permit } from '../core/exchange.js';
import { announcesBody, type Exchange } from '../core/exchange.js';
import { bytesSent, measureBody, measuredBody, measureResponse } from '../core/meter.js';
import type { Upgrade } from '../core/upgrade.js';
import { isOpenStream } from '../http/outcome.js';
import { ApiCounts } from './api-counts.js';

const MAX_APIS = 1000;
const OTHER = 'other';

/** What is in progress of one API. */
export interface Running {
  /** Streams that are open. */
  streams: number;
  /** Bytes of bodies so far. */
  bytesIn: number;
  bytesOut: number;
}

/** Counts calls when they settle, and attempts as their guard: those of calls without a client too. */
export class CallCounts implements Limit, Permit {
  /** By the value of the label `api`. */
  readonly apis = new Map<string, ApiCounts>();
  /** Calls in progress. */
  inFlight = 0;
  readonly #name: string;
  readonly #bucketsMs: readonly number[];

  readonly #calls: CallsInProgress;

  /**
   * @param name name of the API for calls that have none
   * @param calls where the calls in progress are listed
   */
  constructor(name: string, bucketsMs: readonly number[], calls = new CallsInProgress()) {
    this.#calls = calls;
    this.#name = name;
    this.#bucketsMs = bucketsMs;
  }

  /** Begins to count these APIs: with a series at 0, a scraper sees the first event as one. */
  know(apis: readonly string[]): void {
    for (const api of apis) {
      if (this.apis.has(api)) continue;
      const counts = this.#of(api);
      // Beyond the limit several are one, and it counts already.
      if (!counts.seeded) counts.seed();
    }
  }

  begin(exchange: Exchange): void {
    const { req, res, upgrade } = exchange;
    this.inFlight++;
    if (!exchange.ownWriters) measureResponse(res);
    if (announcesBody(req)) measureBody(req);
    if (upgrade) this.#watchSocket(exchange, upgrade);
    this.#calls.add(exchange);
    exchange.onSettled(this.#settled);
  }

  #watchSocket(exchange: Exchange, upgrade: Upgrade): void {
    const before = upgrade.opened;
    upgrade.opened = (socket) => {
      before?.(socket);
      const openedAt = performance.now();
      socket.onClose(() => this.#of(exchange.api).webSocketTimes.observe(performance.now() - openedAt));
    };
  }

  /** What is in progress, by the value of the label `api`. */
  running(): Map<string, Running> {
    const now = performance.now();
    const running = new Map<string, Running>();
    for (const exchange of this.#calls) {
      if (!exchange.limits.includes(this)) continue;
      const name = this.#nameOf(exchange.api);
      const sum = running.get(name) ?? { streams: 0, bytesIn: 0, bytesOut: 0 };
      running.set(name, sum);
      if (isOpenStream(exchange, now)) sum.streams++;
      sum.bytesIn += measuredBody(exchange.req);
      sum.bytesOut += bytesSent(exchange);
    }
    return running;
  }

  admit(): Permit {
    return this;
  }

  head(attempt: Attempt, exchange: Exchange): void {
    this.#countAttempt(attempt, exchange);
  }

  end(attempt: Attempt, exchange: Exchange): void {
    const { outcome, end } = attempt;
    this.#of(exchange.api).countUpstreamTime(attempt, exchange);
    if (outcome?.kind !== 'response' && end?.kind !== 'unused') this.#countAttempt(attempt, exchange);
    const by = blameOf(attempt, exchange);
    if (by) this.#of(exchange.api).failedBy[by]++;
  }

  #countAttempt(attempt: Attempt, { api }: Exchange): void {
    this.#of(api).countAttempt(attempt);
  }

  // One function for all calls, so that none of them creates a closure.
  readonly #settled = (exchange: Exchange): void => {
    this.inFlight--;
    this.#calls.delete(exchange);
    this.#of(exchange.api).countCall(exchange);
  };

  #nameOf(api: string): string {
    const name = api || this.#name;
    return this.apis.has(name) || this.apis.size < MAX_APIS ? name : OTHER;
  }

  #of(api: string): ApiCounts {
    const name = this.#nameOf(api);
    const known = this.apis.get(name);
    if (known) return known;
    const fresh = new ApiCounts(this.#bucketsMs);
    this.apis.set(name, fresh);
    return fresh;
  }
}

/** Who caused that an attempt has no complete response; `undefined` if it has one, or nobody did. */
function blameOf({ end, outcome }: Attempt, exchange: Exchange): Blame | undefined {
  if (end?.kind === 'failure') return end.staleConnection ? 'self' : end.by;
  if (end?.kind !== 'cancelled') return undefined;
  if (exchange.abandoned) return exchange.error?.by ?? 'client';
  // A stream that was quiet for too long has ended after its head, and is nobody's failure.
  return outcome?.kind === 'response' ? undefined : 'self';
}
