import type { Egress, EgressCall, EgressPolicy, EgressTarget } from '../core/egress.js';
import type { ProxyError } from '../core/errors.js';
import type { Attempt, AttemptOutcome, Guard } from '../core/exchange.js';
import type { EgressProxy } from './egress-proxy.js';
import type { Lane } from './lanes.js';

/** What a route needs of its rotation. */
export interface RouteOwner {
  choose(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Egress | undefined | ProxyError | Promise<Egress | undefined | ProxyError>;
  /** An attempt takes this route. */
  begins(route: Route): void;
  /** The attempt has ended. */
  ended(route: Route, outcome: AttemptOutcome): void;
}

/** The route of one call, attempt by attempt: policy and guard in one small object. */
export class Route implements EgressPolicy, Guard {
  /** The sticky key, once it is known. */
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

  before(): undefined {
    if (this.lane) this.#owner.begins(this);
  }

  after(attempt: Attempt): void {
    if (this.lane && attempt.outcome) this.#owner.ended(this, attempt.outcome);
  }
}
