import type { SharedState } from './part.js';

/** One of a kind for each API. One that comes in the place of another by an update takes over what that one knows. */
export class Successors<One> implements SharedState {
  #of = new Map<string, One>();
  /** Those that an update takes out, until it has taken place. */
  readonly #leaving = new Map<string, One>();
  readonly #resume: (next: One, known: One) => void;

  /** @param resume called for each one that has a successor, once the update has taken place */
  constructor(resume: (next: One, known: One) => void) {
    this.#resume = resume;
  }

  change<T>(run: () => T): T {
    const before = new Map(this.#of);
    try {
      const result = run();
      for (const [api, known] of this.#leaving) {
        const next = this.#of.get(api);
        if (next !== undefined) this.#resume(next, known);
      }
      return result;
    } catch (error) {
      this.#of = before;
      throw error;
    } finally {
      this.#leaving.clear();
    }
  }

  /** The one whose place is free by the update that is under way. */
  leaving(api: string): One | undefined {
    return this.#leaving.get(api);
  }

  enter(api: string, one: One): void {
    this.#of.set(api, one);
  }

  leave(api: string): void {
    const one = this.#of.get(api);
    this.#of.delete(api);
    if (one !== undefined) this.#leaving.set(api, one);
  }
}
