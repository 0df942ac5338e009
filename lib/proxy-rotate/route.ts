import type { Attempt, AttemptOutcome, ResponseHead } from '../core/attempt.js';
import type { DIRECT, Egress, EgressCall, EgressPolicy, EgressTarget } from '../core/egress.js';
import type { ProxyError } from '../core/errors.js';
import type { Limit, Permit } from '../core/exchange.js';
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
  /** An attempt is about to go this way. */
  begins(route: Route): void;
  /** Its head has arrived. */
  responded(route: Route, head: ResponseHead): void;
  /** It has ended. */
  ended(route: Route, outcome: AttemptOutcome): void;
}

/** The way of one call, attempt by attempt: policy, limit and permit in one small object. */
export class Route implements EgressPolicy, Limit, Permit {
  /** Of a sticky rotation, once it is known: what calls have in common that go the same way. */
  key: string | undefined = undefined;
  /** Target of the current attempt; `undefined` before the first. */
  lane: Lane | undefined = undefined;
  /** Its egress proxy; `undefined` is a direct connection. */
  proxy: EgressProxy | undefined = undefined;
  chosenAt = 0;
  /** Whether it is a probe of its egress proxy. */
  probe = false;
  readonly #owner: RouteOwner;

  constructor(owner: RouteOwner) {
    this.#owner = owner;
  }

  choose(call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget) {
    return this.#owner.choose(this, call, tried, target);
  }

  admit(): Permit | undefined {
    if (!this.lane) return undefined;
    this.#owner.begins(this);
    return this;
  }

  head({ outcome }: Attempt): void {
    if (outcome?.kind === 'response') this.#owner.responded(this, outcome.head);
  }

  end({ outcome }: Attempt): void {
    if (outcome) this.#owner.ended(this, outcome);
  }
}
