import type { Exchange } from '../core/exchange.js';
import { type CacheContext, statusOf } from './cache-context.js';
import { ageValue } from './cache-status.js';
import type { Flight, Follower, ReleaseReason } from './flight.js';
import { requestDirectives } from './policy/cache-control.js';
import { isNotModified } from './policy/conditional.js';
import { usability } from './policy/freshness.js';
import { firstValue } from './policy/headers.js';
import type { ForwardReason } from './policy/lookup-decision.js';
import { selectingKey } from './policy/vary.js';
import type { EntryMeta } from './store/entry.js';
import { type Asked, sendStored, writeStoredHead } from './stored-response.js';

/** How a call waits for another's answer. */
export interface FollowOptions {
  readonly reason: ForwardReason;
  readonly waitMs: number;
  /** Told, not in the middle of another's answer, that this call has to find its own. */
  goOn(why: ReleaseReason | 'late'): void;
}

/** The answer of one call as another client gets it, while it flows. */
export class FollowedResponse implements Follower {
  readonly #context: CacheContext;
  readonly #exchange: Exchange;
  readonly #asked: Asked;
  readonly #options: FollowOptions;
  #flight: Flight | undefined;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;

  constructor(context: CacheContext, exchange: Exchange, asked: Asked, options: FollowOptions) {
    this.#context = context;
    this.#exchange = exchange;
    this.#asked = asked;
    this.#options = options;
  }

  follow(flight: Flight): void {
    this.#flight = flight;
    this.#exchange.onSettled(() => this.#leave());
    this.#timer = setTimeout(() => this.#late(), Math.max(1, this.#options.waitMs));
    this.#timer.unref();
    flight.join(this);
  }

  begin(head: EntryMeta, chunks: readonly Buffer[]): 'stream' | 'whole' | 'left' {
    const now = this.#context.now();
    if (!this.#suits(head, now)) {
      this.#own('not-shared');
      return 'left';
    }
    const asked = this.#asked;
    if (asked.method === 'HEAD' || isNotModified(head, asked.rawHeaders, now)) {
      this.#start();
      sendStored(this.#exchange.res, asked, { meta: head, body: EMPTY }, now, this.#status());
      return 'left';
    }
    // A part can be cut out of a whole only.
    if (firstValue(asked.rawHeaders, 'range') !== undefined) return 'whole';
    this.#start();
    const { res } = this.#exchange;
    writeStoredHead(
      res,
      head.status,
      head.statusText,
      head.rawHeaders,
      ageValue(head.bornAt, now),
      this.#status(),
    );
    for (const chunk of chunks) res.write(chunk);
    return 'stream';
  }

  chunk(chunk: Buffer): void {
    const { res } = this.#exchange;
    res.write(chunk);
    // The pieces are shared while they are kept anyway; beyond that a client has to keep up with the others.
    if (res.writableLength > 2 * this.#context.options.maxEntryBytes + SLACK_BYTES) res.destroy();
  }

  end(): void {
    this.#exchange.res.end();
  }

  cut(): void {
    this.#exchange.res.destroy();
  }

  release(reason: ReleaseReason): void {
    if (!this.#begun) this.#own(reason);
  }

  #suits(head: EntryMeta, now: number): boolean {
    const { rawHeaders } = this.#asked;
    if (head.varyNames.length > 0 && selectingKey(head.varyNames, rawHeaders) !== head.varyKey) return false;
    const directives = this.#context.policy.requestFreshness ? requestDirectives(rawHeaders) : undefined;
    return usability(head, directives, now) === 'fresh';
  }

  #start(): void {
    this.#begun = true;
    clearTimeout(this.#timer);
    this.#exchange.cache = 'coalesced';
    this.#context.tally.coalesced++;
  }

  #status(): string | undefined {
    return statusOf(this.#context, { hit: false, forward: this.#options.reason, collapsed: true });
  }

  #late(): void {
    this.#flight?.leave(this);
    this.#options.goOn('late');
  }

  #own(reason: ReleaseReason): void {
    clearTimeout(this.#timer);
    process.nextTick(() => {
      if (!this.#exchange.settled) this.#options.goOn(reason);
    });
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.#flight?.leave(this);
  }
}

const EMPTY = Buffer.alloc(0);
const SLACK_BYTES = 64 * 1024;
