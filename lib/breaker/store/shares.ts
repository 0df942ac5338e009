import type { SharedState } from './store.js';
import type { StoredCircuitShare } from './stored-share.js';

/** The shares of this process, by the key of their circuit: an API that is replaced has two of one key for a while. */
export class CircuitShares {
  readonly #byKey = new Map<string, Set<StoredCircuitShare>>();

  add(share: StoredCircuitShare): StoredCircuitShare {
    const others = this.#byKey.get(share.keys.state) ?? new Set();
    this.#byKey.set(share.keys.state, others.add(share));
    return share;
  }

  delete(share: StoredCircuitShare): void {
    const others = this.#byKey.get(share.keys.state);
    others?.delete(share);
    if (others?.size === 0) this.#byKey.delete(share.keys.state);
  }

  /** Tells those of a circuit its new state. */
  hear(key: string, state: SharedState): void {
    for (const share of this.#byKey.get(key) ?? []) share.hear(state);
  }

  all(): StoredCircuitShare[] {
    return [...this.#byKey.values()].flatMap((some) => [...some]);
  }
}
