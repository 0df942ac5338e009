import type { Machine } from '../core/machine.js';
import type { PartSite, SharedState } from '../core/part.js';
import { Successors } from '../core/successors.js';
import { CircuitRegistry } from './circuit-registry.js';
import type { KeyedCircuits } from './keyed-circuits.js';
import { machineCircuits } from './store/machine-circuits.js';
import { redisCircuits } from './store/redis/store.js';
import type { CircuitStore } from './store/store.js';

/** The circuits of all APIs, and what connects them with those of other processes. */
export class ApiCircuits extends CircuitRegistry implements SharedState {
  readonly #redis: PartSite['redis'];
  readonly #machine: Machine | undefined;
  readonly #successors = new Successors<KeyedCircuits>((next, known, sameTarget) => {
    if (sameTarget) next.resume(known);
  });
  #store: CircuitStore | undefined;

  /** @param machine the other processes of the gateway */
  constructor(redis: PartSite['redis'], machine?: Machine) {
    super();
    this.#redis = redis;
    this.#machine = machine;
  }

  /** `undefined` without other processes. Opened with the first API that has shared circuits. */
  get store(): CircuitStore | undefined {
    const redis = this.#redis;
    if (!redis) {
      if (this.#machine) this.#store ??= machineCircuits(this.#machine);
      return this.#store;
    }
    const { prefix, commandTimeoutMs } = redis;
    this.#store ??= redisCircuits({ redis, prefix, commandTimeoutMs });
    return this.#store;
  }

  override add(circuits: KeyedCircuits): void {
    super.add(circuits);
    this.#successors.enter(circuits.name, circuits, circuits.target);
  }

  override release(name: string): void {
    super.release(name);
    this.#successors.leave(name);
  }

  /** If it throws, a store that was opened for it is closed. */
  override change<T>(run: () => T): T {
    const before = this.#store;
    try {
      return this.#successors.change(() => super.change(run));
    } catch (error) {
      if (!before) this.close().catch(() => {});
      if (!before) this.#store = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }
}
