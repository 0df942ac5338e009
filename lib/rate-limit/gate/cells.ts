import type { Fact } from './directory.js';

/** Whether the value was replaced, the value there is if it was not, and the time in epoch milliseconds. */
export type Swapped = readonly [swapped: unknown, current: unknown, time: unknown];

/** Values that processes share, in Redis or in one of them. Nothing here throws or rejects. */
export interface Cells {
  /** Whether a reply can be expected. */
  readonly usable: boolean;
  /**
   * Replaces a value, unless another process was quicker.
   * @param from the value that the new one was made from
   * @param to nothing is written where it is empty
   * @returns `undefined` without a reply in time
   */
  swap(key: string, from: string, to: string, lifetimeMs: number): Promise<Swapped | undefined>;
  /** What processes have added under a key; `undefined` without a reply in time. */
  facts(key: string): Promise<readonly Fact[] | undefined>;
  addFacts(key: string, facts: readonly Fact[], lifetimeMs: number): void;
}
