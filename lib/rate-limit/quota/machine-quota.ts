import type { Machine } from '../../core/machine.js';
import type { Clock } from '../../core/steady-clock.js';
import type { Consumed, LocalQuotaEngine, QuotaAlgorithm, QuotaEngine, QuotaLimit } from './engine.js';
import { memoryQuota } from './memory-quota.js';
import { UsedKeys } from './used-keys.js';

const TAKE = 'quota:take';
const GIVE = 'quota:give';

interface QuotaFacts extends QuotaLimit {
  readonly algorithm: QuotaAlgorithm;
  /** Tells it from all others of the gateway, whatever its figures are. */
  readonly id: string;
  readonly maxKeys: number;
}

/** A quota of the processes of one machine, which the primary counts. */
export interface MachineQuota extends QuotaEngine {
  /** Where the counts are; `undefined` in a worker. */
  readonly counted: Counted | undefined;
  /** Points left now, in the primary. */
  left(key: string): number | undefined;
  close(): void;
}

export function machineQuota(machine: Machine, facts: QuotaFacts, clock: Clock): MachineQuota {
  const { id } = facts;
  const counted = machine.primary ? new Counted(facts, clock) : undefined;
  const stops = counted
    ? [
        machine.handle(`${TAKE}:${id}`, (message) => counted.take(...(message as [string, number]))),
        machine.handle(`${GIVE}:${id}`, (message) =>
          counted.give(...(message as [string, number, number | undefined])),
        ),
      ]
    : [];
  const stop = (): void => {
    for (const end of stops) end();
  };
  return {
    counted,
    // Of two that hear of a call, the first one would decide.
    retire: stop,
    resume: (known) => isMachineQuota(known) && counted?.resume(known.counted) === true,
    consume: (key, points) => machine.ask(`${TAKE}:${id}`, [key, points]) as Promise<Consumed | undefined>,
    reward: (key, points, mark) => machine.tell(`${GIVE}:${id}`, [key, points, mark]),
    charge: (key, points) => machine.tell(`${GIVE}:${id}`, [key, -points, undefined]),
    left: (key) => counted?.left(key),
    close() {
      stop();
      counted?.close();
    },
  };
}

const isMachineQuota = (quota: QuotaEngine): quota is MachineQuota => 'counted' in quota;

/** The counts of the primary. */
class Counted {
  readonly #engine: LocalQuotaEngine;
  readonly #keys: UsedKeys;

  constructor({ algorithm, maxKeys, ...limit }: QuotaFacts, clock: Clock) {
    this.#engine = memoryQuota(algorithm, limit, clock);
    this.#keys = new UsedKeys(maxKeys, (key) => this.#engine.forget(key));
  }

  take(key: string, points: number): Promise<Consumed> {
    this.#keys.use(key);
    return this.#engine.consume(key, points);
  }

  /** @param points fewer than 0 were used beyond what was taken */
  give(key: string, points: number, mark: number | undefined): void {
    this.#keys.use(key);
    if (points < 0) this.#engine.charge(key, -points);
    else this.#engine.reward(key, points, mark);
  }

  left(key: string): number | undefined {
    return this.#engine.left?.(key);
  }

  resume(known: Counted | undefined): boolean {
    if (!known || !this.#engine.resume(known.#engine)) return false;
    this.#keys.resume(known.#keys);
    return true;
  }

  close(): void {
    this.#keys.close();
  }
}
