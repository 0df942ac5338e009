import type { Batch } from '../digest/delta.js';

/** The last merged batch of each process, and how often pages have changed after their span was over. */
export interface StatsState {
  readonly version: number;
  readonly late: number;
  /** By process: number of its last batch, and when that was merged, in epoch milliseconds. */
  readonly writers: ReadonlyMap<string, readonly [number: number, time: number]>;
}

const WRITERS_KEPT = 200;

/** A process that has been silent for so long will not resend a batch. */
const FORGOTTEN_AFTER_MS = 86_400_000;

const EMPTY: StatsState = { version: 0, late: 0, writers: new Map() };

/** Parses a state; a damaged one counts as empty. */
export function parseState(text: string): StatsState {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return EMPTY;
    const { version, late, writers } = value as Record<string, unknown>;
    if (!Number.isSafeInteger(version) || !Number.isSafeInteger(late) || !Array.isArray(writers))
      return EMPTY;
    return { version: Number(version), late: Number(late), writers: new Map(writers.filter(isWriter)) };
  } catch {
    return EMPTY;
  }
}

/** The next state as text, without processes that are long gone. */
export function formatState({ version, late, writers }: StatsState, now: number): string {
  const newest = [...writers].sort(([, [, a]], [, [, b]]) => b - a);
  const kept = newest.filter(([, [, time]], i) => i < WRITERS_KEPT || now - time < FORGOTTEN_AFTER_MS);
  return JSON.stringify({ version, late, writers: kept });
}

/**
 * Those of the batches that are not merged yet, each once: a batch whose reply was lost is sent again.
 * @returns the batches, and the state of the processes once they are merged
 */
export function freshBatches(
  batches: readonly Batch[],
  state: StatsState,
  now: number,
): { fresh: Batch[]; writers: Map<string, readonly [number, number]> } {
  const writers = new Map(state.writers);
  const fresh = batches.filter(({ writer, number }) => {
    if (number <= (writers.get(writer)?.[0] ?? 0)) return false;
    writers.set(writer, [number, now]);
    return true;
  });
  return { fresh, writers };
}

function isWriter(value: unknown): value is [string, [number, number]] {
  if (!Array.isArray(value) || typeof value[0] !== 'string' || !Array.isArray(value[1])) return false;
  return value[1].length === 2 && value[1].every((part) => Number.isSafeInteger(part));
}
