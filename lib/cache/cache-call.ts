import { detach } from '../core/detach.js';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import type { Exchange, Handler } from '../core/exchange.js';
import { inBackground } from './background.js';
import { type CacheContext, read, readAnew } from './cache-context.js';
import { CacheFetch } from './cache-fetch.js';
import type { ClientRequest, FetchPlan, Outdated } from './fetch-plan.js';
import { fillsNothing, plainRequest } from './fills.js';
import type { Flight, ReleaseReason } from './flight.js';
import { FollowedResponse } from './followed-response.js';
import { isConditional } from './policy/conditional-request.js';
import { decideLookup, type ForwardReason, type LookupDecision } from './policy/lookup-decision.js';
import { refuse, serve } from './serving.js';
import type { StoredVariant } from './store/entry.js';
import type { Lease } from './store/store.js';
import { Waiting } from './waiting.js';

type Next = (error?: unknown) => void;
type Decision = LookupDecision<StoredVariant>;

/** One client request that cannot be served from the store at once. */
export class CacheCall {
  readonly #context: CacheContext;
  readonly #exchange: Exchange;
  readonly #request: ClientRequest;
  readonly #key: string;
  readonly #next: Next;
  /** The handlers behind the cache, where they can be run on their own. */
  readonly #rest: Handler | undefined;
  #known: readonly StoredVariant[] = [];
  readonly #waiting: Waiting;
  /** A plain GET was made for it. */
  #filled = false;

  constructor(context: CacheContext, exchange: Exchange, request: ClientRequest, key: string, next: Next) {
    this.#context = context;
    this.#exchange = exchange;
    this.#request = request;
    this.#key = key;
    this.#next = next;
    this.#rest = exchange.rest;
    this.#waiting = new Waiting(!context.options.coalesce);
  }

  /** Carries out the decision of a look-up. */
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
        refuse(this.#context, this.#exchange, decision.reason);
        return;
      case 'forward':
        this.#fetch(decision.reason, undefined, undefined);
        return;
      case 'miss':
        if (this.#fills()) this.#fill(decision.reason);
        else this.#fetchOrFollow(decision.reason, undefined, true);
        return;
      case 'revalidate':
        this.#revalidate(decision);
    }
  }

  #serveHit({ variant, stale }: Extract<Decision, { type: 'hit' }>): void {
    const { tally } = this.#context;
    const { followed } = this.#waiting;
    if (followed) tally.coalesced++;
    else if (stale) tally.stale++;
    else tally.hits++;
    this.#exchange.cache = followed ? 'coalesced' : stale ? 'stale' : 'hit';
    this.#send(variant);
  }

  #serveStale(variant: StoredVariant): void {
    this.#context.tally.stale++;
    this.#exchange.cache = 'stale';
    this.#send(variant);
  }

  #send(variant: StoredVariant): void {
    serve(this.#context, this.#exchange, this.#request, variant);
  }

  /**
   * Sends the stale response and renews it in the background, or with this request where nothing can run in the
   * background.
   */
  #renew(variant: StoredVariant): void {
    const { revalidatable: conditional, staleIfErrorUntil, staleWhileRevalidateUntil } = variant.meta;
    const usableOnErrorUntil = Math.max(staleIfErrorUntil, staleWhileRevalidateUntil);
    const outdated: Outdated = { variant, conditional, usableOnErrorUntil };
    const underWay = this.#context.flights.get(this.#name) !== undefined || this.#isPaused(variant);
    if (!underWay && !this.#rest) {
      this.#fetch('stale', outdated, true);
      return;
    }
    if (!underWay) this.#renewInBackground(outdated);
    this.#serveStale(variant);
  }

  #renewInBackground(outdated: Outdated): void {
    const method = this.#request.method === 'HEAD' ? 'GET' : this.#request.method;
    this.#fetchIn(inBackground(this.#exchange, method), { ...this.#request, method }, 'stale', outdated);
  }

  #fetchIn(
    background: Exchange,
    request: ClientRequest,
    reason: ForwardReason,
    outdated: Outdated | undefined,
  ): void {
    const call = new CacheCall(this.#context, background, request, this.#key, () => background.res.destroy());
    call.#known = this.#known;
    call.#fetch(reason, outdated, true);
  }

  /** Whether a plain GET is made in place of this request, so that its response can be stored. */
  #fills(): boolean {
    const { flights, fills } = this.#context;
    if (!this.#rest || this.#filled || !fillsNothing(this.#request)) return false;
    return !flights.get(this.#name) && !flights.isUnshared(this.#key) && fills.isWorthwhile(this.#key);
  }

  /** Requests in the background what serves this request and others, and waits for it. */
  #fill(reason: ForwardReason): void {
    this.#filled = true;
    const request = plainRequest(this.#request);
    const { method, rawHeaders } = request;
    this.#fetchIn(detach(this.#exchange, { method, rawHeaders }), request, reason, undefined);
    const name = this.#name;
    const flight = this.#context.flights.get(name);
    if (flight) this.#follow(flight, name, reason, undefined);
    else this.lookUp();
  }

  #revalidate(decision: Extract<Decision, { type: 'revalidate' }>): void {
    const { variant, reason, conditional, usableOnErrorUntil } = decision;
    if (this.#context.now() < usableOnErrorUntil && this.#isPaused(variant)) {
      this.#serveStale(variant);
      return;
    }
    // A response that is never fresh, or not fresh enough for this client, cannot be shared with it.
    const shareable = reason === 'stale' && variant.meta.freshUntil > variant.meta.responseTime;
    this.#fetchOrFollow(reason, { variant, conditional, usableOnErrorUntil }, shareable);
  }

  #isPaused({ meta }: StoredVariant): boolean {
    return this.#context.pauses.isPaused(this.#key, this.#context.now(), meta.responseTime);
  }

  #fetchOrFollow(reason: ForwardReason, outdated: Outdated | undefined, shareable: boolean): void {
    const { flights } = this.#context;
    const name = this.#name;
    if (this.#waiting.isAlone(name) || !shareable || flights.isUnshared(this.#key)) {
      this.#fetch(reason, outdated, false);
      return;
    }
    const flight = this.#waiting.flight(flights, name);
    if (flight) this.#follow(flight, name, reason, outdated);
    else this.#fetch(reason, outdated, this.#leads(outdated));
  }

  /** Whether the response to this request can be shared with others. */
  #leads(outdated: Outdated | undefined): boolean {
    if (this.#request.method === 'HEAD') return false;
    return outdated?.conditional === true || !isConditional(this.#request.rawHeaders);
  }

  /** Under which equal requests find one another. */
  get #name(): string {
    return this.#waiting.name(this.#key, this.#known, this.#request.rawHeaders);
  }

  #follow(flight: Flight, name: string, reason: ForwardReason, outdated: Outdated | undefined): void {
    const { options, flights, now } = this.#context;
    // A purge in the meantime, or a response that is not stored, ends what is known now.
    const ticket = flights.enter(this.#key);
    this.#exchange.onSettled(() => flights.leave(ticket));
    const response = new FollowedResponse(this.#context, this.#exchange, this.#request, {
      reason,
      waitMs: this.#waiting.begin(now(), options.coalesceTimeoutMs),
      goOn: (why) => {
        flights.leave(ticket);
        this.#waiting.released(why, flight, name, now());
        this.#goOn(why, ticket.doomed ? undefined : outdated);
      },
    });
    response.follow(flight);
  }

  /** The request that this one waited for brought no response it can use. */
  #goOn(why: ReleaseReason | 'late', outdated: Outdated | undefined): void {
    const now = this.#context.now();
    if (why === 'failed' && outdated && now < outdated.usableOnErrorUntil) {
      this.#serveStale(outdated.variant);
      return;
    }
    if (this.#filled && why !== 'stored') this.#context.fills.refused(this.#key, why === 'failed');
    this.lookUp();
  }

  /** Looks the key up in the store, and acts on what it finds. */
  lookUp(): void {
    const known = read(this.#context, this.#key);
    if (!(known instanceof Promise)) return this.#decide(known ?? []);
    const decide = (variants: readonly StoredVariant[] | undefined) => this.#decide(variants ?? []);
    known.then(decide, () => decide(undefined)).catch(this.#next);
  }

  #decide(known: readonly StoredVariant[]): void {
    // The client left during a look-up in a remote store.
    if (this.#exchange.abandoned) return;
    const { policy, now } = this.#context;
    this.go(known, decideLookup(known, this.#request, policy, now()));
  }

  /** @param leads whether others may wait for the response; `undefined` for a request that bypasses the cache */
  #fetch(reason: ForwardReason, outdated: Outdated | undefined, leads: boolean | undefined): void {
    const { flights, store, closing } = this.#context;
    if (closing.begun) return this.#next(shuttingDown());
    const exchange = this.#exchange;
    const rest = this.#rest;
    let letGo: (() => void) | undefined;
    let lease: Lease | undefined;
    const joined = (): void => {
      letGo = exchange.hold();
    };
    const name = leads ? this.#name : this.#key;
    const flight = leads ? flights.begin(this.#key, name, { joined, deserted: () => letGo?.() }) : undefined;
    // A POST that bypasses the cache may return what a GET would.
    const stores = leads !== undefined || (reason === 'method' && this.#request.method === 'POST');
    const ticket = stores ? flights.enter(this.#key) : undefined;
    const plan: FetchPlan = {
      request: this.#request,
      key: this.#key,
      known: this.#known,
      outdated,
      reason,
      ticket,
      flight,
      run: (next) => (rest ? rest(exchange.req, exchange.res, next) : this.#next()),
      repeatable: rest !== undefined,
      done: (failed) => {
        if (ticket) flights.leave(ticket);
        // The attempt has yet to hear of the end of its response, and is cancelled otherwise.
        if (letGo) process.nextTick(letGo);
        lease?.release(failed);
      },
    };
    if (!flight || !store.lease) {
      new CacheFetch(this.#context, exchange, plan, this.#next).start();
      return;
    }
    const giveUp = (error?: ProxyError): void => {
      flight.fail('failed');
      plan.done(true);
      if (error) this.#next(error);
    };
    const stopWaiting = closing.whileOpen(() => giveUp(shuttingDown()));
    store
      .lease(name, this.#context.options.coalesceTimeoutMs)
      .then((granted) => {
        stopWaiting();
        lease = granted;
        const mayBeStored = !granted || granted.waited;
        return mayBeStored && !closing.begun ? this.#fromOthers(plan) : undefined;
      })
      .then((served) => {
        // It has been given up already, but for the lease.
        if (closing.begun) lease?.release(true);
        else if (exchange.abandoned) giveUp();
        else if (!served) new CacheFetch(this.#context, exchange, plan, this.#next).start();
      })
      .catch(this.#next);
  }

  /**
   * Another process has requested it in the meantime.
   * @returns whether what that process stored serves this request
   */
  async #fromOthers(plan: FetchPlan): Promise<boolean> {
    const { policy, now } = this.#context;
    const known = (await readAnew(this.#context, this.#key)) ?? [];
    const decision = decideLookup(known, this.#request, policy, now());
    if (decision.type !== 'hit' && !this.#exchange.detached) return false;
    plan.flight?.finish(true);
    plan.done();
    if (this.#exchange.detached) this.#exchange.res.destroy();
    else this.go(known, decision);
    return true;
  }
}
