import type { SharedState } from './part.js';

interface Entered<One> {
  readonly one: One;
  readonly target: string;
}

/** One of a kind for each API. One that comes in the place of another by an update takes over what that one knows. */
export class Successors<One> implements SharedState {
  #of = new Map<string, Entered<One>>();
  /** Those that an update takes out, until it has taken place. */
  readonly #leaving = new Map<string, Entered<One>>();
  readonly #resume: (next: One, known: One, sameTarget: boolean) => void;

  /** @param resume called for each one that has a successor, once the update has taken place */
  constructor(resume: (next: One, known: One, sameTarget: boolean) => void) {
    this.#resume = resume;
  }

  change<T>(run: () => T): T {
    const before = new Map(this.#of);
    try {
      const result = run();
      for (const [api, known] of this.#leaving) {
        const next = this.#of.get(api);
        if (next) this.#resume(next.one, known.one, next.target === known.target);
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
    return this.#leaving.get(api)?.one;
  }

  /** @param target digest of what its calls go to, where what it knows depends on that */
  enter(api: string, one: One, target = ''): void {
    this.#of.set(api, { one, target });
  }

  leave(api: string): void {
    const one = this.#of.get(api);
    this.#of.delete(api);
    if (one) this.#leaving.set(api, one);
  }
}
