import type { Machine } from '../core/machine.js';
import type { Time } from '../core/time.js';
import { type Delta, decodeBatch, encodeBatch, withDelta } from './digest/delta.js';
import { MemoryStatsStore, type StatsLimits } from './memory-stats-store.js';
import type { Reading, ReadRequest, StatsHealth, StatsStore } from './stats-store.js';

const ADD = 'stats:add';
/** Has the workers send what they have counted, before it is read. */
export const SEND_NOW = 'stats:send';

/**
 * Statistics of several processes in the memory of the primary.
 * @param changed told in the primary when workers have sent something
 */
export function machineStatsStore(
  machine: Machine,
  limits: StatsLimits,
  time: Time,
  changed: () => void,
): StatsStore {
  return machine.primary
    ? new PrimaryStatsStore(machine, new MemoryStatsStore(limits, time), changed)
    : new WorkerStatsStore(machine, limits.recentErrors);
}

/** Adds up what the workers send. */
class PrimaryStatsStore implements StatsStore {
  readonly #machine: Machine;
  readonly #memory: MemoryStatsStore;
  readonly #stop: () => void;
  #gathering: Promise<unknown> | undefined;

  constructor(machine: Machine, memory: MemoryStatsStore, changed: () => void) {
    this.#machine = machine;
    this.#memory = memory;
    this.#stop = machine.handle(ADD, (message) => {
      const [api, bytes] = message as [string, Uint8Array];
      const batch = decodeBatch(bytes);
      for (const delta of batch?.deltas ?? []) memory.add(api, delta);
      changed();
      return batch !== undefined;
    });
  }

  add(api: string, delta: Delta): void {
    this.#memory.add(api, delta);
  }

  flush(): Promise<void> {
    return this.#memory.flush();
  }

  async apis(): Promise<readonly string[]> {
    await this.#gather();
    return this.#memory.apis();
  }

  async read(request: ReadRequest): Promise<Reading | undefined> {
    await this.#gather();
    return this.#memory.read(request);
  }

  async revision(): Promise<string | undefined> {
    await this.#gather();
    return undefined;
  }

  health(): StatsHealth {
    return this.#memory.health();
  }

  close(): Promise<void> {
    this.#stop();
    return this.#memory.close();
  }

  /** Who reads at the same time waits for the same. */
  #gather(): Promise<unknown> {
    this.#gathering ??= this.#machine.askAll(SEND_NOW).finally(() => {
      this.#gathering = undefined;
    });
    return this.#gathering;
  }
}

const EMPTY: StatsHealth = { usable: true, unsent: 0, corrupt: 0, lastError: undefined };

/** Sends what this process has counted to the primary, which alone is read. */
class WorkerStatsStore implements StatsStore {
  readonly #machine: Machine;
  readonly #maxErrors: number;
  #waiting = new Map<string, Delta[]>();
  #number = 0;

  constructor(machine: Machine, maxErrors: number) {
    this.#machine = machine;
    this.#maxErrors = maxErrors;
  }

  add(api: string, delta: Delta): void {
    this.#waiting.set(api, withDelta(this.#waiting.get(api) ?? [], delta, this.#maxErrors));
  }

  async flush(): Promise<void> {
    const sent = [...this.#waiting];
    this.#waiting = new Map();
    await Promise.all(
      sent.map(([api, deltas]) => {
        const bytes = encodeBatch({ writer: '', number: ++this.#number, deltas });
        return this.#machine.ask(ADD, [api, bytes]);
      }),
    );
  }

  async apis(): Promise<readonly string[]> {
    return [];
  }

  async read(): Promise<undefined> {}

  async revision(): Promise<undefined> {}

  health(): StatsHealth {
    return EMPTY;
  }

  close(): Promise<void> {
    return this.flush();
  }
}
