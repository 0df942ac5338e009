import type { Attempt } from '../core/attempt.js';
import type { Exchange } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { Bulkhead, type BulkheadSite } from './bulkhead.js';
import type { ConcurrencyStatus } from './concurrency-status.js';
import type { InFlightLimit } from './in-flight-limit.js';
import { tellsLatency } from './latency.js';

type Taken = ReturnType<Bulkhead['take']>;

/** To make room, this many of the least recently used are searched for one that counts nothing. */
const SEARCHED = 16;

/**
 * The bulkheads of one `concurrency()`, by what they are for. One that counts nothing is kept only for what it has
 * learned, and of those there are `maxKeys` at most, since clients may choose the keys.
 */
export class Bulkheads {
  /** Tells its places from those of others. */
  readonly id: object;
  /** Those before and after an update of the options have one. */
  #shared: {
    site: BulkheadSite;
    /** Least recently used first. */
    readonly all: Map<string, Bulkhead>;
  };

  constructor(site: Omit<BulkheadSite, 'unused'>) {
    this.id = site.closing;
    this.#shared = {
      site: { ...site, unused: (bulkhead) => this.#unused(bulkhead) },
      all: new Map(),
    };
  }

  /** Whether others have come in its place. */
  get isReplaced(): boolean {
    return this.#shared.site.closing !== this.id;
  }

  /** Comes in the place of others, with all that they count: what is in flight or waits is so by the new options. */
  resume(known: Bulkheads): void {
    const { site } = this.#shared;
    this.#shared = known.#shared;
    this.#shared.site = site;
    for (const bulkhead of this.#shared.all.values()) bulkhead.move(site);
  }

  /** The bulkhead of a key, created if there is none yet. */
  get(of: string): Bulkhead {
    const known = this.#shared.all.get(of);
    const { maxKeys } = this.#shared.site.options;
    if (known) {
      // The order of use matters only when room gets scarce.
      if (this.#shared.all.size * 2 > maxKeys) {
        this.#shared.all.delete(of);
        this.#shared.all.set(of, known);
      }
      return known;
    }
    if (this.#shared.all.size >= maxKeys) this.#makeRoom();
    const bulkhead = new Bulkhead(of, this.#shared.site);
    this.#shared.all.set(of, bulkhead);
    return bulkhead;
  }

  /** The bulkhead of a key, if there is one. */
  known(of: string): Bulkhead | undefined {
    return this.#shared.all.get(of);
  }

  [Symbol.iterator](): IterableIterator<Bulkhead> {
    return this.#shared.all.values();
  }

  status(): ConcurrencyStatus[] {
    return [...this.#shared.all.values()].map((bulkhead) => bulkhead.status());
  }

  #unused(bulkhead: Bulkhead): void {
    const { limit, per } = this.#shared.site.options;
    if (limit === 'adaptive' || per === 'api' || this.#shared.all.get(bulkhead.of) !== bulkhead) return;
    this.#shared.all.delete(bulkhead.of);
    bulkhead.close();
  }

  #makeRoom(): void {
    let searched = 0;
    for (const [of, bulkhead] of this.#shared.all) {
      if (bulkhead.isUnused) {
        this.#shared.all.delete(of);
        bulkhead.close();
        return;
      }
      if (++searched === SEARCHED) return;
    }
  }
}

/** A call's place at the bulkhead of its key or credential, which is looked up for each attempt. */
export class KeyedPlace implements InFlightLimit {
  readonly inFlightOf: object;
  readonly #bulkheads: Bulkheads;
  readonly #of: string;

  constructor(bulkheads: Bulkheads, of: string) {
    this.inFlightOf = bulkheads.id;
    this.#bulkheads = bulkheads;
    this.#of = of;
  }

  take(exchange: Exchange, attempt?: Attempt): Taken {
    return this.#bulkheads.get(this.#of).take(exchange, attempt);
  }

  admit(attempt: Attempt, exchange: Exchange): Taken {
    return this.take(exchange, attempt);
  }

  blocks(): boolean {
    return this.#bulkheads.known(this.#of)?.blocks() ?? false;
  }
}

/** Name of the bulkhead of attempts without an egress proxy. */
const DIRECT = 'direct';

/** The places of all calls at the bulkheads of their egress proxies, which are known only at each attempt. */
export class ProxyPlace implements InFlightLimit {
  readonly inFlightOf: object;
  readonly #bulkheads: Bulkheads;

  constructor(bulkheads: Bulkheads) {
    this.inFlightOf = bulkheads.id;
    this.#bulkheads = bulkheads;
  }

  admit(attempt: Attempt, exchange: Exchange): Taken {
    return this.#bulkheads.get(attempt.egress ?? DIRECT).take(exchange, attempt);
  }

  /** Nobody knows when a place gets free: later where more calls wait, so that the shortest queue is taken. */
  readyAt(egress: string | undefined): number {
    const bulkhead = egress === undefined ? undefined : this.#bulkheads.known(egress);
    return bulkhead?.isFull ? Date.now() + 1 + bulkhead.waiting : 0;
  }
}

/** A call that took its place before its first attempt, in front of whatever handler follows. */
export class HeldPlace implements InFlightLimit {
  readonly inFlightOf: object;
  /** Where attempts after the first take places. */
  readonly #next: Bulkhead | KeyedPlace;
  readonly #since = performance.now();
  #held: Bulkhead | undefined;

  constructor(next: Bulkhead | KeyedPlace, held: Bulkhead) {
    this.inFlightOf = next.inFlightOf;
    this.#next = next;
    this.#held = held;
  }

  admit(attempt: Attempt, exchange: Exchange): Taken {
    const held = this.#held;
    this.#held = undefined;
    return held ?? this.#next.take(exchange, attempt);
  }

  blocks(): boolean {
    return this.#next.blocks();
  }

  /** Nobody waits for the call any more. Where no attempt has used the place, a handler may have. */
  left({ res, error }: Exchange): void {
    const held = this.#held;
    this.#held = undefined;
    if (!held) return;
    if (!error && isWritten(res) && tellsLatency(res.statusCode))
      held.responded(performance.now() - this.#since);
    held.release();
  }
}
