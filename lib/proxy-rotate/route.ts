import type { Egress, EgressCall, EgressPolicy, EgressTarget } from '../core/egress.js';
import type { ProxyError } from '../core/errors.js';
import type { Attempt, AttemptOutcome, Guard } from '../core/exchange.js';
import type { EgressProxy } from './egress-proxy.js';
import type { Lane } from './lanes.js';

/** What a route asks of its rotation. */
export interface RouteOwner {
  choose(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Egress | undefined | ProxyError | Promise<Egress | undefined | ProxyError>;
  /** An attempt is about to go this way. */
  begins(route: Route): void;
  /** It has ended. */
  ended(route: Route, outcome: AttemptOutcome): void;
}

/** The way of one call, attempt by attempt: policy and guard in one small object. */
export class Route implements EgressPolicy, Guard {
  /** Of a sticky rotation, once it is known: what calls have in common that go the same way. */
  key: string | undefined = undefined;
  /** Where the attempt goes that is under way; `undefined` before the first. */
  lane: Lane | undefined = undefined;
  /** The exit it takes; `undefined` is direct. */
  proxy: EgressProxy | undefined = undefined;
  chosenAt = 0;
  /** It finds out whether its exit is back. */
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
