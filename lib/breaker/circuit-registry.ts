import { invalidOption } from '../core/errors.js';
import type { Circuit } from './circuit.js';
import type { CircuitSnapshot } from './circuit-snapshot.js';
import type { KeyedCircuits } from './keyed-circuits.js';

/** The circuits of all breakers that share it, for a dashboard or a health check. */
export class CircuitRegistry {
  readonly #breakers = new Map<string, KeyedCircuits>();

  /** A snapshot of every circuit, in the order of the breakers. */
  list(): CircuitSnapshot[] {
    return this.#circuits().map((circuit) => circuit.snapshot());
  }

  /** The circuit of this name, which is `circuit` in {@link list}. Does not create one. */
  get(name: string): Circuit | undefined {
    return this.#circuits().find(({ circuit }) => circuit === name);
  }

  /** Resets every circuit: it closes, counts from zero, and has forgotten its last failure. */
  reset(): void {
    for (const circuit of this.#circuits()) circuit.reset();
  }

  /**
   * Refuses a second breaker of the same name: their circuits would look alike in a list.
   * @internal
   */
  add(circuits: KeyedCircuits): void {
    if (this.#breakers.has(circuits.name)) {
      throw invalidOption('breaker.name', 'must be the only one of its name in the registry', circuits.name);
    }
    this.#breakers.set(circuits.name, circuits);
  }

  /**
   * Takes the breaker of this name out of the list, which goes on for its calls: another may come in its place.
   * @internal
   */
  release(name: string): void {
    this.#breakers.delete(name);
  }

  /**
   * Runs a change of the list. If it throws, the list is as it was.
   * @internal
   */
  change<T>(run: () => T): T {
    const before = [...this.#breakers];
    try {
      return run();
    } catch (error) {
      this.#breakers.clear();
      for (const [name, circuits] of before) this.#breakers.set(name, circuits);
      throw error;
    }
  }

  /** @internal */
  remove(circuits: KeyedCircuits): void {
    if (this.#breakers.get(circuits.name) === circuits) this.#breakers.delete(circuits.name);
  }

  #circuits(): Circuit[] {
    return [...this.#breakers.values()].flatMap((circuits) => circuits.all());
  }
}
