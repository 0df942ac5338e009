import type { ServerResponse } from 'node:http';
import { breakOff } from '../core/break-off.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { headerValue } from '../http/headers.js';
import { type CacheContext, statusOf } from './cache-context.js';
import { ageValue } from './cache-status.js';
import type { Flight, Follower, ReleaseReason } from './flight.js';
import { requestDirectives } from './policy/cache-control.js';
import { isNotModified } from './policy/conditional.js';
import { usability } from './policy/freshness.js';
import type { ForwardReason } from './policy/lookup-decision.js';
import { selectingKey } from './policy/vary.js';
import type { EntryMeta } from './store/entry.js';
import { type RequestHead, sendStored, writeStoredHead } from './stored-response.js';

/** How a request waits for another's response. */
export interface FollowOptions {
  readonly reason: ForwardReason;
  readonly waitMs: number;
  /** Called when this request has to fetch its own response; never in the middle of another's. */
  goOn(why: ReleaseReason | 'late'): void;
}

/** The response to one request, streamed to the client of another. */
export class FollowedResponse implements Follower {
  readonly #context: CacheContext;
  readonly #exchange: Exchange;
  readonly #request: RequestHead;
  readonly #options: FollowOptions;
  #flight: Flight | undefined;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;

  constructor(context: CacheContext, exchange: Exchange, request: RequestHead, options: FollowOptions) {
    this.#context = context;
    this.#exchange = exchange;
    this.#request = request;
    this.#options = options;
  }

  follow(flight: Flight): void {
    this.#flight = flight;
    this.#exchange.onSettled(() => this.#leave());
    this.#timer = setTimeout(() => this.#late(), Math.max(1, this.#options.waitMs));
    this.#timer.unref();
    flight.join(this);
  }

  get res(): ServerResponse {
    return this.#exchange.res;
  }

  begin(head: EntryMeta, chunks: readonly Buffer[]): 'stream' | 'whole' | 'left' {
    const now = this.#context.now();
    const unfit = this.#unfitness(head, now);
    if (unfit) {
      this.#own(unfit);
      return 'left';
    }
    const request = this.#request;
    if (request.method === 'HEAD' || isNotModified(head, request.rawHeaders, now)) {
      this.#start();
      sendStored(this.#exchange.res, request, { meta: head, body: EMPTY }, now, this.#status());
      return 'left';
    }
    // A range can only be cut out of a complete body.
    if (headerValue(request.rawHeaders, 'range') !== undefined) return 'whole';
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
    this.#exchange.res.write(chunk);
  }

  end(): void {
    this.#exchange.res.end();
  }

  cut(error: ProxyError | undefined): void {
    // What a failure of another call is for this one, too, must be counted and logged as one.
    if (error) this.#exchange.error ??= error;
    breakOff(this.#exchange.res);
  }

  release(reason: ReleaseReason): void {
    if (!this.#begun) this.#own(reason);
  }

  /** Why the response is not for this client. */
  #unfitness(head: EntryMeta, now: number): 'other-variant' | 'not-shared' | undefined {
    const { rawHeaders } = this.#request;
    if (head.varyNames.length > 0 && selectingKey(head.varyNames, rawHeaders) !== head.varyKey)
      return 'other-variant';
    const directives = this.#context.policy.requestFreshness ? requestDirectives(rawHeaders) : undefined;
    return usability(head, directives, now) === 'fresh' ? undefined : 'not-shared';
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
