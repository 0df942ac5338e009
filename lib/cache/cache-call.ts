import { detach } from '../core/detach.js';
import type { Exchange, Handler } from '../core/exchange.js';
import { type CacheContext, read, statusOf } from './cache-context.js';
import { CacheFetch } from './cache-fetch.js';
import type { AskedCall, FetchPlan, Outdated } from './fetch-plan.js';
import type { Flight, ReleaseReason } from './flight.js';
import { FollowedResponse } from './followed-response.js';
import { isConditional } from './policy/conditional-request.js';
import { decideLookup, type ForwardReason, type LookupDecision } from './policy/lookup-decision.js';
import type { StoredVariant } from './store/entry.js';
import type { Lease } from './store/store.js';
import { sendStored, writeStoredHead } from './stored-response.js';

type Next = (error?: unknown) => void;
type Decision = LookupDecision<StoredVariant>;

/** One client's call that the store alone does not answer. */
export class CacheCall {
  readonly #context: CacheContext;
  readonly #exchange: Exchange;
  readonly #asked: AskedCall;
  readonly #key: string;
  readonly #next: Next;
  /** What follows the cache, where it can be run by itself. */
  readonly #rest: Handler | undefined;
  #known: readonly StoredVariant[] = [];
  /** Neither waits for others nor has them wait. */
  #alone: boolean;
  #followed = false;
  #waitsUntil = 0;

  constructor(context: CacheContext, exchange: Exchange, asked: AskedCall, key: string, next: Next) {
    this.#context = context;
    this.#exchange = exchange;
    this.#asked = asked;
    this.#key = key;
    this.#next = next;
    this.#rest = exchange.rest;
    this.#alone = !context.options.coalesce;
  }

  /** Does what a look-up has decided. */
  go(known: readonly StoredVariant[], decision: Decision): void {
    this.#known = known;
    switch (decision.type) {
      case 'hit':
        this.#serveHit(decision);
        return;
      case 'stale-while-revalidate':
        this.#renew(decision.variant);
        return;
      case 'only-if-cached':
        this.#refuse(decision.reason);
        return;
      case 'forward':
        this.#fetch(decision.reason, undefined, undefined);
        return;
      case 'miss':
        this.#fetchOrFollow(decision.reason, undefined, true);
        return;
      case 'revalidate':
        this.#revalidate(decision);
    }
  }

  #serveHit({ variant, stale }: Extract<Decision, { type: 'hit' }>): void {
    const { tally } = this.#context;
    if (this.#followed) tally.coalesced++;
    else if (stale) tally.stale++;
    else tally.hits++;
    this.#exchange.cache = this.#followed ? 'coalesced' : stale ? 'stale' : 'hit';
    this.#send(variant);
  }

  #serveStale(variant: StoredVariant): void {
    this.#context.tally.stale++;
    this.#exchange.cache = 'stale';
    this.#send(variant);
  }

  #send(variant: StoredVariant): void {
    const now = this.#context.now();
    const value = statusOf(this.#context, { hit: true, ttlMs: variant.meta.freshUntil - now });
    sendStored(this.#exchange.res, this.#asked, variant, now, value);
  }

  /** 504: the client wants no call to be made (RFC 9111 §5.2.1.7). */
  #refuse(reason: ForwardReason): void {
    this.#exchange.cache = 'bypass';
    this.#context.tally.bypassed++;
    const value = statusOf(this.#context, { hit: false, forward: reason, detail: 'only-if-cached' });
    const { res } = this.#exchange;
    writeStoredHead(res, 504, 'Gateway Timeout', ['Content-Length', '0'], undefined, value);
    res.end();
  }

  /** Sends the stale answer and has it renewed; where nothing can run in the background this call renews it. */
  #renew(variant: StoredVariant): void {
    const { meta } = variant;
    const conditional = meta.revalidatable;
    const usableOnErrorUntil = Math.max(meta.staleIfErrorUntil, meta.staleWhileRevalidateUntil);
    const underWay = this.#context.flights.get(this.#key) !== undefined || this.#isGateClosed();
    if (!underWay && !this.#rest) {
      this.#fetch('stale', { variant, conditional, usableOnErrorUntil }, true);
      return;
    }
    if (!underWay) this.#renewInBackground({ variant, conditional, usableOnErrorUntil });
    this.#serveStale(variant);
  }

  #renewInBackground(outdated: Outdated): void {
    const { req } = this.#exchange;
    const method = this.#asked.method === 'HEAD' ? 'GET' : this.#asked.method;
    const background = detach(this.#exchange, { method });
    const { rawBody, body } = req as { rawBody?: unknown; body?: unknown };
    Object.assign(background.req, { rawBody, body });
    const asked = { ...this.#asked, method };
    const call = new CacheCall(this.#context, background, asked, this.#key, () => background.res.destroy());
    call.#known = this.#known;
    call.#fetch('stale', outdated, true);
  }

  #revalidate(decision: Extract<Decision, { type: 'revalidate' }>): void {
    const { variant, reason, conditional, usableOnErrorUntil } = decision;
    if (this.#context.now() < usableOnErrorUntil && this.#isGateClosed()) {
      this.#serveStale(variant);
      return;
    }
    // What is never fresh, or not fresh enough for this client, cannot be had from another's answer.
    const shareable = reason === 'stale' && variant.meta.freshUntil > variant.meta.responseTime;
    this.#fetchOrFollow(reason, { variant, conditional, usableOnErrorUntil }, shareable);
  }

  #isGateClosed(): boolean {
    const { gate, credentials, now } = this.#context;
    return gate.isClosed(() => credentials(this.#asked.rawHeaders), now());
  }

  #fetchOrFollow(reason: ForwardReason, outdated: Outdated | undefined, shareable: boolean): void {
    const { flights } = this.#context;
    if (this.#alone || !shareable || flights.isUnshared(this.#key)) {
      this.#fetch(reason, outdated, false);
      return;
    }
    const flight = flights.get(this.#key);
    if (flight) this.#follow(flight, reason, outdated);
    else this.#fetch(reason, outdated, this.#leads(outdated));
  }

  /** Whether the answer to this request can be one for others. */
  #leads(outdated: Outdated | undefined): boolean {
    if (this.#asked.method === 'HEAD') return false;
    return outdated?.conditional === true || !isConditional(this.#asked.rawHeaders);
  }

  #follow(flight: Flight, reason: ForwardReason, outdated: Outdated | undefined): void {
    const { options, now } = this.#context;
    this.#followed = true;
    if (this.#waitsUntil === 0) this.#waitsUntil = now() + options.coalesceTimeoutMs;
    const response = new FollowedResponse(this.#context, this.#exchange, this.#asked, {
      reason,
      waitMs: this.#waitsUntil - now(),
      goOn: (why) => this.#goOn(why, outdated),
    });
    response.follow(flight);
  }

  /** The call that this one waited for did not answer it. */
  #goOn(why: ReleaseReason | 'late', outdated: Outdated | undefined): void {
    const now = this.#context.now();
    if (why === 'failed' && outdated && now < outdated.usableOnErrorUntil) {
      this.#serveStale(outdated.variant);
      return;
    }
    // One of those that wait is the next to ask; nobody waits twice for an answer that is not for all.
    this.#alone = why !== 'failed' || now >= this.#waitsUntil;
    if (why !== 'stored') this.#followed = false;
    this.lookUp();
  }

  /** Asks the store, and does what follows from it. */
  lookUp(): void {
    const known = read(this.#context, this.#key);
    if (!(known instanceof Promise)) {
      this.#decide(known ?? []);
      return;
    }
    known
      .then(
        (variants) => this.#decide(variants ?? []),
        () => this.#decide([]),
      )
      .catch(this.#next);
  }

  #decide(known: readonly StoredVariant[]): void {
    // The client left while a store far away was asked.
    if (this.#exchange.abandoned) return;
    const { policy, now } = this.#context;
    this.go(known, decideLookup(known, this.#asked, policy, now()));
  }

  /** @param leads others may wait for the answer; `undefined` for a call that passes the cache by */
  #fetch(reason: ForwardReason, outdated: Outdated | undefined, leads: boolean | undefined): void {
    const { flights, store } = this.#context;
    const exchange = this.#exchange;
    const rest = this.#rest;
    let letGo: (() => void) | undefined;
    let lease: Lease | undefined;
    const joined = (): void => {
      letGo = exchange.hold();
    };
    const flight = leads ? flights.begin(this.#key, { joined, deserted: () => letGo?.() }) : undefined;
    // A POST that passes by may be answered with what GET would get.
    const stores = leads !== undefined || (reason === 'method' && this.#asked.method === 'POST');
    const ticket = stores ? flights.enter(this.#key) : undefined;
    const plan: FetchPlan = {
      asked: this.#asked,
      key: this.#key,
      known: this.#known,
      outdated,
      reason,
      ticket,
      flight,
      run: (next) => (rest ? rest(exchange.req, exchange.res, next) : this.#next()),
      repeatable: rest !== undefined,
      done: () => {
        if (ticket) flights.leave(ticket);
        letGo?.();
        lease?.release();
      },
    };
    if (!flight || !store.lease) {
      new CacheFetch(this.#context, exchange, plan, this.#next).start();
      return;
    }
    store
      .lease(this.#key, this.#context.options.coalesceTimeoutMs)
      .then((granted) => {
        lease = granted;
        return granted ? undefined : this.#fromOthers(plan);
      })
      .then((answered) => {
        if (exchange.abandoned) {
          flight.fail('failed');
          plan.done();
        } else if (!answered) new CacheFetch(this.#context, exchange, plan, this.#next).start();
      })
      .catch(this.#next);
  }

  /** Another process has asked in the meantime. @returns whether what it has stored answers this call */
  async #fromOthers(plan: FetchPlan): Promise<boolean> {
    const { policy, now } = this.#context;
    const known = (await read(this.#context, this.#key)) ?? [];
    const decision = decideLookup(known, this.#asked, policy, now());
    if (decision.type !== 'hit' && !this.#exchange.detached) return false;
    plan.flight?.finish(true);
    plan.done();
    if (this.#exchange.detached) this.#exchange.res.destroy();
    else this.go(known, decision);
    return true;
  }
}
