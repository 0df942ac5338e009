import type { Attempt, AttemptOutcome, BodyReader, HeldBody, ResponseHead } from '../core/attempt.js';
import type { DIRECT, Egress, EgressCall, EgressPolicy, EgressTarget } from '../core/egress.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import type { DialError } from './dial-error.js';
import type { EgressProxy } from './egress-proxy.js';
import type { Lane } from './lanes.js';

/** How an attempt goes, or why it does not. */
export type Way = Egress | typeof DIRECT | ProxyError;

/** What a route asks of its rotation. */
export interface RouteOwner {
  choose(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Way | Promise<Way>;
  /** Whether a response that came through a proxy is judged by its body; `undefined` if none is. */
  readonly wantsBody: ((head: ResponseHead) => boolean) | undefined;
  /** An attempt is about to go this way. */
  begins(route: Route): void;
  /** Its head has arrived. */
  responded(route: Route, head: ResponseHead, body: HeldBody | undefined): void;
  /**
   * An attempt has failed on the way to the target.
   * @param tried names of all proxies that have failed for the call
   * @returns `undefined` if another proxy is to be tried, otherwise what the call has failed with
   */
  failed(
    route: Route,
    call: EgressCall,
    error: ProxyError,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Error | undefined;
  /** Whether another proxy can be tried at once. */
  hasAnother(route: Route, call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget): boolean;
  /** Milliseconds until a proxy can be used. */
  readyInMs(route: Route, call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget): number;
  /** It has ended. @param outcome the attempt's, whose end is known as well */
  ended(route: Route, outcome: AttemptOutcome, attempt: Attempt): void;
  /** A WebSocket was opened through the proxy, or has closed. */
  carries(proxy: EgressProxy, change: 1 | -1): void;
}

/** The way of one call, attempt by attempt: policy, limit and permit in one small object. */
export class Route implements EgressPolicy, Limit, Permit, BodyReader {
  /** Of a sticky rotation, once it is known: what calls have in common that go the same way. */
  key: string | undefined = undefined;
  /** Target of the current attempt; `undefined` before the first. */
  lane: Lane | undefined = undefined;
  /** Its egress proxy; `undefined` is a direct connection. */
  proxy: EgressProxy | undefined = undefined;
  chosenAt = 0;
  /** Whether it is a probe of its egress proxy. */
  probe = false;
  /** The last failure of a proxy that the target may have caused. */
  suspicion: DialError | undefined = undefined;
  /** Attempts of the call that have failed at their proxies. */
  failures = 0;
  /** Proxies that were silent when the call was to go through them. */
  silent = 0;
  /** Taken for another attempt only if there is no other, since the last one has failed. */
  avoid: EgressProxy | undefined = undefined;
  /** The target has refused the current attempt because of its proxy, or may have. */
  refused = false;
  /** How often the target has refused the call so. */
  refusals = 0;
  /** Proxies through which the target has refused the call, though perhaps not because of them. */
  refusedThrough: EgressProxy[] | undefined = undefined;
  readonly #owner: RouteOwner;

  constructor(owner: RouteOwner) {
    this.#owner = owner;
  }

  choose(call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget) {
    return this.#owner.choose(this, call, tried, target);
  }

  failed(call: EgressCall, error: ProxyError, tried: ReadonlySet<string>, target: EgressTarget) {
    return this.#owner.failed(this, call, error, tried, target);
  }

  hasAnother(call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget) {
    return this.#owner.hasAnother(this, call, tried, target);
  }

  readyInMs(call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget) {
    return this.#owner.readyInMs(this, call, tried, target);
  }

  wantsBody(head: ResponseHead): boolean {
    return this.proxy !== undefined && this.#owner.wantsBody?.(head) === true;
  }

  admit(): Permit | undefined {
    if (!this.lane) return undefined;
    this.#owner.begins(this);
    return this;
  }

  head({ outcome }: Attempt): void {
    if (outcome?.kind === 'response') this.#owner.responded(this, outcome.head, outcome.body);
  }

  end(attempt: Attempt, exchange: Exchange): void {
    const { proxy } = this;
    const { outcome } = attempt;
    // Its call is over, but what it has opened goes on through the proxy.
    if (proxy && outcome?.kind === 'response' && outcome.head.status === 101) this.#carry(proxy, exchange);
    if (outcome) this.#owner.ended(this, outcome, attempt);
  }

  #carry(proxy: EgressProxy, exchange: Exchange): void {
    const { socket } = exchange.upgrade ?? {};
    if (!socket || socket.destroyed) return;
    this.#owner.carries(proxy, 1);
    socket.once('close', () => this.#owner.carries(proxy, -1));
  }
}
