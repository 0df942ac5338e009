import type { Machine } from '../core/machine.js';
import type { PartSite, SharedState } from '../core/part.js';
import { CircuitRegistry } from './circuit-registry.js';
import { machineCircuits } from './store/machine-circuits.js';
import { redisCircuits } from './store/redis/store.js';
import type { CircuitStore } from './store/store.js';

/** The circuits of all APIs, and what connects them with those of other processes. */
export class ApiCircuits extends CircuitRegistry implements SharedState {
  readonly #redis: PartSite['redis'];
  readonly #machine: Machine | undefined;
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

  /** If it throws, a store that was opened for it is closed. */
  override change<T>(run: () => T): T {
    const before = this.#store;
    try {
      return super.change(run);
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
