import type { Clock } from '../../core/steady-clock.js';
import type { Cells } from './cells.js';

/** What an account has learned, as one field of a hash. */
export type Fact = readonly [field: string, value: string];

/** Another process may have learned something: what it knows is read again after this time. */
const READ_AGAIN_MS = 1000;

/** What is known of accounts, shared between processes. */
export class Directory {
  readonly #cells: Cells;
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #max: number;
  /** By key; when it was read last. Oldest first. */
  readonly #reads = new Map<string, { at: number; pending: Promise<void> | undefined }>();

  constructor(cells: Cells, clock: Clock, lifetimeMs: number, max: number) {
    this.#cells = cells;
    this.#clock = clock;
    this.#lifetimeMs = Math.ceil(lifetimeMs);
    this.#max = max;
  }

  /**
   * Reads what other processes know.
   * @returns a promise where nothing was read so far: only then it is waited for
   */
  read(key: string, learn: (facts: Iterable<Fact>) => void): Promise<void> | undefined {
    const known = this.#reads.get(key);
    if (known?.pending !== undefined) return known.at === 0 ? known.pending : undefined;
    const now = this.#clock();
    if (known && now - known.at < READ_AGAIN_MS) return undefined;
    if (!this.#cells.usable) return undefined;
    const read = known ?? { at: 0, pending: undefined };
    this.#makeRoom(key);
    this.#reads.set(key, read);
    read.pending = this.#read(key, learn).then(() => {
      read.at = this.#clock();
      read.pending = undefined;
    });
    return known ? undefined : read.pending;
  }

  write(key: string, facts: readonly Fact[]): void {
    this.#cells.addFacts(key, facts, this.#lifetimeMs);
  }

  async #read(key: string, learn: (facts: Iterable<Fact>) => void): Promise<void> {
    const known = await this.#cells.facts(key);
    if (known) learn(known);
  }

  #makeRoom(key: string): void {
    if (this.#reads.size < this.#max || this.#reads.has(key)) return;
    const [oldest] = this.#reads.keys();
    if (oldest !== undefined) this.#reads.delete(oldest);
  }
}
