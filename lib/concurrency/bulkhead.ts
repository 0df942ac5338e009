import type { Attempt } from '../core/attempt.js';
import type { Closing } from '../core/closing.js';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import type { Exchange, Permit } from '../core/exchange.js';
import type { StopTimer, Time } from '../core/time.js';
import type { ConcurrencyEmitter } from './concurrency-events.js';
import type { ResolvedConcurrency } from './concurrency-options.js';
import type { ConcurrencyStatus } from './concurrency-status.js';
import { FairQueue } from './fair-queue.js';
import type { FleetShare, ShareHolder } from './fleet-share.js';
import { AdaptiveLimit } from './gradient.js';
import type { InFlightLimit } from './in-flight-limit.js';
import { learnFromFailure, learnFromHead } from './latency.js';
import { concurrencyError, leftError, type RefusedBecause } from './refusal.js';
import { inVain, leftMs, type Waiter } from './waiter.js';

/** What the bulkheads of one `concurrency()` share. */
export interface BulkheadSite {
  readonly options: ResolvedConcurrency;
  readonly time: Time;
  readonly events: ConcurrencyEmitter;
  readonly closing: Closing;
  readonly refused: Record<RefusedBecause, number>;
  /** On whose behalf a call waits. */
  partyOf(exchange: Exchange): string;
  /** Opens the share of this process in the limit of all; `undefined` where each is on its own. */
  share(of: string, holder: ShareHolder): FleetShare | undefined;
  /** Nobody uses it any more. */
  unused(bulkhead: Bulkhead): void;
}

/** How often those that wait are looked at for what no end of a request tells: a circuit that was forced open. */
const WATCH_MS = 100;

/**
 * One limit of requests in flight, with its queue. It is the limit and the permit of every attempt that it counts, so
 * that one which finds a place costs a comparison and a sum.
 */
export class Bulkhead implements InFlightLimit, Permit, ShareHolder {
  /** Of what it is: a key, a credential, an egress proxy; empty for the whole API. */
  readonly of: string;
  #site: BulkheadSite;
  #adaptive: AdaptiveLimit | undefined;
  #share: FleetShare | undefined;
  /** How many may be in flight now. */
  #capacity: number;
  #inFlight = 0;
  readonly #queue = new FairQueue<Waiter<Bulkhead>>();
  #stopWatching: StopTimer | undefined;

  constructor(of: string, site: BulkheadSite) {
    this.of = of;
    this.#site = site;
    const { limit, min, max } = site.options;
    if (limit === 'adaptive') this.#adaptive = new AdaptiveLimit({ min, max });
    else this.#share = site.share(of, this);
    this.#capacity = this.#share || site.closing.begun ? 0 : this.limit;
  }

  get inFlightOf(): object {
    return this.#site.closing;
  }

  /** The limit, of all processes where they share it. */
  get limit(): number {
    const { limit } = this.#site.options;
    return limit === 'adaptive' ? (this.#adaptive?.limit ?? 0) : limit;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Whether it counts nothing, here and in Redis. */
  get isUnused(): boolean {
    return this.#inFlight === 0 && this.#queue.size === 0 && (this.#share?.isReturned ?? true);
  }

  /** Whether another request would have to wait. */
  get isFull(): boolean {
    return this.#inFlight >= this.#capacity || this.#queue.size > 0;
  }

  admit(attempt: Attempt, exchange: Exchange): Permit | ProxyError | Promise<Permit | ProxyError> {
    return this.take(exchange, attempt);
  }

  /** Takes a place, or waits for one. */
  take(exchange: Exchange, attempt?: Attempt): Bulkhead | ProxyError | Promise<Bulkhead | ProxyError> {
    if (this.isFull) return this.#wait(exchange, attempt);
    this.#inFlight++;
    return this;
  }

  /** A retry is one request more: where calls are turned away, what the target has sent is passed on instead. */
  blocks(): boolean {
    const { queue } = this.#site.options;
    return queue > 0 && this.#queue.size >= queue;
  }

  head(attempt: Attempt): void {
    if (this.#adaptive) this.#learn(this.#adaptive, attempt, learnFromHead);
    // By this head a circuit may have opened.
    if (this.#queue.size > 0) this.#turnAway();
  }

  end(attempt: Attempt): void {
    if (this.#adaptive && attempt.outcome?.kind === 'failure')
      this.#learn(this.#adaptive, attempt, learnFromFailure);
    this.release();
  }

  /** Gives a place back. */
  release(): void {
    this.#inFlight--;
    if (this.#queue.size > 0) this.#serve();
    this.#share?.freed();
    if (this.#inFlight === 0 && this.isUnused) this.#site.unused(this);
  }

  /** Learns from a response of another handler than `forward()`. */
  responded(latencyMs: number): void {
    const { time } = this.#site;
    this.#adaptive?.responded(latencyMs, this.#inFlight, time.steady());
    this.#follow();
  }

  /** Forgets what it has learned. */
  reset(): void {
    this.#adaptive?.reset();
    this.#follow();
  }

  /** Goes on by other options, which hold for those that wait too. */
  move(site: BulkheadSite): void {
    const { limit, min, max } = site.options;
    this.#site = site;
    this.#share?.close();
    this.#share = undefined;
    if (limit === 'adaptive') {
      this.#adaptive ??= new AdaptiveLimit({ min, max });
      this.#adaptive.bound({ min, max });
    } else {
      this.#adaptive = undefined;
      this.#share = site.share(this.of, this);
    }
    // Of a limit that processes share, none has a part before it is asked for.
    this.resize(this.#share ? Math.min(this.#inFlight, this.limit) : this.limit);
    if (this.#inFlight > 0 || this.#queue.size > 0) this.#share?.ask();
  }

  /** Redis has replied: so many may be in flight here. */
  resize(capacity: number): void {
    this.#capacity = this.#site.closing.begun ? 0 : capacity;
    this.#serve();
  }

  /** Those for whom there was hope, but no place. */
  turnAwayMost(): void {
    const { queue } = this.#site.options;
    while (this.#queue.size > queue) {
      const last = this.#queue.lastOfCrowd(0);
      if (!last) return;
      this.#leave(last, this.#refuse('queue'));
    }
  }

  returned(): void {
    if (this.isUnused) this.#site.unused(this);
  }

  /** Asks for a part of the fleet's limit again. */
  renew(): void {
    this.#share?.ask();
  }

  status(): ConcurrencyStatus {
    const { options } = this.#site;
    return {
      of: this.of,
      limit: this.limit,
      adaptive: options.limit === 'adaptive',
      inFlight: this.#inFlight,
      waiting: this.#queue.size,
    };
  }

  close(): void {
    this.#capacity = 0;
    for (const waiter of [...this.#queue]) this.#leave(waiter, shuttingDown());
    this.#share?.close();
  }

  #wait(exchange: Exchange, attempt: Attempt | undefined): ProxyError | Promise<Bulkhead | ProxyError> {
    const { closing, options, time, events } = this.#site;
    if (closing.begun) return shuttingDown();
    const party = this.#site.partyOf(exchange);
    if (!this.#makeRoom(party)) {
      // Nothing else asks whether Redis is back where nothing may go or wait.
      if (this.#share?.isLost) this.#share.ask();
      return this.#refuse('queue');
    }
    return new Promise((resolve) => {
      const stop = time.after(Math.max(1, Math.min(options.maxWaitMs, leftMs(exchange))), () =>
        this.#leave(waiter, this.#refuse('wait')),
      );
      const waiter: Waiter<Bulkhead> = {
        party,
        exchange,
        attempt,
        settle: (verdict) => {
          stop();
          resolve(verdict);
        },
      };
      this.#queue.add(waiter);
      this.#stopWatching ??= time.every(WATCH_MS, () => this.#turnAway());
      exchange.onAbandon(() => this.#leave(waiter, leftError()));
      if (events.has('queued'))
        events.emit('queued', { api: options.name, of: this.of, waiting: this.#queue.size });
      this.#share?.ask();
    });
  }

  /** A place in the queue: there may be one still, or it is taken from the longest backlog. */
  #makeRoom(party: string): boolean {
    const { queue } = this.#site.options;
    if (this.#queue.size < queue + (this.#share?.hope ?? 0)) return true;
    if (queue === 0) return false;
    const last = this.#queue.lastOfCrowd(this.#queue.countOf(party) + 1);
    if (!last) return false;
    this.#leave(last, this.#refuse('queue'));
    return true;
  }

  #serve(): void {
    while (this.#inFlight < this.#capacity) {
      const waiter = this.#queue.next();
      if (!waiter) break;
      const reason = inVain(waiter);
      if (!reason) this.#inFlight++;
      waiter.settle(reason ?? this);
    }
    this.#unwatch();
  }

  /** Ends the wait of those that have lost its sense. */
  #turnAway(): void {
    for (const waiter of [...this.#queue]) {
      const reason = inVain(waiter);
      if (reason) this.#leave(waiter, reason);
    }
  }

  #leave(waiter: Waiter<Bulkhead>, reason: ProxyError): void {
    if (!this.#queue.remove(waiter)) return;
    waiter.settle(reason);
    this.#unwatch();
    if (this.isUnused) this.#site.unused(this);
  }

  #unwatch(): void {
    if (this.#queue.size > 0) return;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  #refuse(because: RefusedBecause): ProxyError {
    const { options, events, refused } = this.#site;
    const { limit } = this;
    const inFlight = this.#inFlight;
    refused[because]++;
    if (events.has('refused'))
      events.emit('refused', { api: options.name, of: this.of, because, limit, inFlight });
    const lost = this.#share?.isLost ?? false;
    return concurrencyError(options.name, because, { limit, inFlight, waiting: this.#queue.size, lost });
  }

  #learn(adaptive: AdaptiveLimit, attempt: Attempt, from: typeof learnFromHead): void {
    from(adaptive, attempt, this.#inFlight, this.#site.time.steady());
    this.#follow();
  }

  /** Takes over what was learned. */
  #follow(): void {
    const before = this.#capacity;
    const { limit } = this;
    if (limit === before || this.#site.closing.begun) return;
    this.#capacity = limit;
    const { events, options } = this.#site;
    if (events.has('limitChanged'))
      events.emit('limitChanged', { api: options.name, of: this.of, limit, before });
    if (limit > before && this.#queue.size > 0) this.#serve();
  }
}
