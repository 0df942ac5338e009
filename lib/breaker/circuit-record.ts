import type { Blame } from '../core/errors.js';
import type { CircuitTransition, NotCounted } from './circuit-snapshot.js';
import type { CircuitStateName, TransitionReason } from './circuit-state.js';
import { type FailureCauses, LatestFailures } from './failure-causes.js';
import type { TargetFailure } from './verdict.js';

const TRANSITIONS_KEPT = 20;

/** What a circuit remembers for those who look at it: its last failures and changes, and what it does not count. */
export class CircuitRecord {
  lastFailure: { readonly time: number; readonly because: string } | undefined = undefined;
  /** What it opened with; read while it is not closed. */
  openedWith: FailureCauses = {};
  readonly #latest = new LatestFailures();
  readonly #transitions: CircuitTransition[] = [];
  #notCounted = { client: 0, egress: 0, self: 0 };

  get transitions(): readonly CircuitTransition[] {
    return [...this.#transitions];
  }

  get notCounted(): NotCounted {
    return { ...this.#notCounted };
  }

  failed(time: number, { failure, cause }: TargetFailure): void {
    this.lastFailure = { time: Math.round(time), because: failure };
    this.#latest.add(time, cause);
  }

  /** Other processes have opened the circuit. */
  openedElsewhere(
    { causes, lastFailure }: { readonly causes: FailureCauses; readonly lastFailure: string | undefined },
    time: number,
  ): void {
    this.openedWith = causes;
    if (lastFailure !== undefined) this.lastFailure = { time: Math.round(time), because: lastFailure };
  }

  /** An attempt has failed, or was given up, through no fault of the target. */
  sparedTarget(by: Exclude<Blame, 'target'>): void {
    this.#notCounted[by]++;
  }

  turned(time: number, from: CircuitStateName, to: CircuitStateName, reason: TransitionReason): void {
    this.#transitions.push({ time: Math.round(time), from, to, reason });
    if (this.#transitions.length > TRANSITIONS_KEPT) this.#transitions.shift();
  }

  /** Causes of the last so many failures. */
  causesOf(failures: number): FailureCauses {
    return this.#latest.last(failures);
  }

  /** Causes of the failures since a time. */
  causesSince(time: number): FailureCauses {
    return this.#latest.since(time);
  }

  /** Counting starts from zero. */
  closed(): void {
    this.#latest.clear();
  }

  /** Goes on where another has been. */
  resume(known: CircuitRecord): void {
    this.lastFailure = known.lastFailure;
    this.openedWith = known.openedWith;
    this.#transitions.push(...known.#transitions);
    this.#notCounted = known.notCounted;
  }

  /** Forgets all but the changes. */
  reset(): void {
    this.lastFailure = undefined;
    this.#notCounted = { client: 0, egress: 0, self: 0 };
  }
}
