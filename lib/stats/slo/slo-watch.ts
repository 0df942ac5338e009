import type { ResolvedSlo } from './slo-options.js';
import type { SloStatus } from './slo-status.js';

const EVERY_MS = 15_000;

/** The objectives of all APIs, and how these did by them a moment ago: for metrics, which do not wait for Redis. */
export class SloWatch {
  readonly #read: (api: string, slo: ResolvedSlo) => Promise<SloStatus | undefined>;
  #objectives: ReadonlyMap<string, ResolvedSlo> = new Map();
  readonly #latest = new Map<string, SloStatus>();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(read: (api: string, slo: ResolvedSlo) => Promise<SloStatus | undefined>) {
    this.#read = read;
  }

  set(objectives: ReadonlyMap<string, ResolvedSlo>): void {
    this.#objectives = objectives;
    this.#latest.clear();
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** Forgets how they did. */
  reset(): void {
    this.set(this.#objectives);
  }

  of(api: string): ResolvedSlo | undefined {
    return this.#objectives.get(api);
  }

  /** By API, as they were read last. */
  list(): [api: string, status: SloStatus][] {
    return [...this.#latest];
  }

  /** Reads them again, unless that was just done. @param now of the steady clock */
  async refresh(now: number): Promise<void> {
    if (this.#objectives.size === 0 || now - this.#readAt < EVERY_MS) return;
    this.#readAt = now;
    const objectives = this.#objectives;
    for (const [api, slo] of objectives) {
      // One after another: each adds up 162 pages.
      const status = await this.#read(api, slo);
      if (objectives !== this.#objectives) return;
      if (status) this.#latest.set(api, status);
    }
  }
}
