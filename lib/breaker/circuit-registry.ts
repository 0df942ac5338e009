import { invalidOption } from '../core/errors.js';
import type { Circuit } from './circuit.js';
import type { CircuitSnapshot } from './circuit-snapshot.js';
import type { KeyedCircuits } from './keyed-circuits.js';

/** Lists every circuit of the breakers that share it: what a dashboard or a health check reads. */
export class CircuitRegistry {
  readonly #breakers = new Map<string, KeyedCircuits>();

  /** Every circuit as it is now, in the order of the breakers. */
  list(): CircuitSnapshot[] {
    return this.#circuits().map((circuit) => circuit.snapshot());
  }

  /** The circuit of this name, as `target` in {@link list}; never makes one. */
  get(target: string): Circuit | undefined {
    return this.#circuits().find((circuit) => circuit.target === target);
  }

  /**
   * Two breakers of one name could not be told apart in a list, and would differ in their limits.
   * @internal
   */
  add(circuits: KeyedCircuits): void {
    if (this.#breakers.has(circuits.name)) {
      throw invalidOption('breaker.name', 'must be the only one of its name in the registry', circuits.name);
    }
    this.#breakers.set(circuits.name, circuits);
  }

  /** @internal */
  remove(circuits: KeyedCircuits): void {
    if (this.#breakers.get(circuits.name) === circuits) this.#breakers.delete(circuits.name);
  }

  #circuits(): Circuit[] {
    return [...this.#breakers.values()].flatMap((circuits) => circuits.all());
  }
}
