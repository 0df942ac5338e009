/** Something that waits, on behalf of one of several parties. */
interface Waiting {
  readonly party: string;
}

/** A queue in which parties take turns, each first come, first served, so that none waits for another's backlog. */
export class FairQueue<W extends Waiting> {
  /** The party at the front is served next. */
  readonly #parties = new Map<string, Set<W>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(waiting: W): void {
    const its = this.#parties.get(waiting.party);
    if (its) its.add(waiting);
    else this.#parties.set(waiting.party, new Set([waiting]));
    this.#size++;
  }

  /** @returns whether it was there */
  remove(waiting: W): boolean {
    const its = this.#parties.get(waiting.party);
    if (!its?.delete(waiting)) return false;
    this.#size--;
    if (its.size === 0) this.#parties.delete(waiting.party);
    return true;
  }

  /** Takes out the one whose turn it is; its party goes to the end. */
  next(): W | undefined {
    for (const [party, its] of this.#parties) {
      const [first] = its;
      if (!first) return undefined;
      this.#parties.delete(party);
      its.delete(first);
      if (its.size > 0) this.#parties.set(party, its);
      this.#size--;
      return first;
    }
    return undefined;
  }

  /** How many wait on behalf of this party. */
  countOf(party: string): number {
    return this.#parties.get(party)?.size ?? 0;
  }

  /** The last one of the party with the longest backlog, if more than `least` wait on its behalf. */
  lastOfCrowd(least: number): W | undefined {
    let most = least;
    let crowd: Set<W> | undefined;
    for (const its of this.#parties.values()) {
      if (its.size <= most) continue;
      most = its.size;
      crowd = its;
    }
    return crowd && [...crowd].at(-1);
  }

  /** All that wait. */
  *[Symbol.iterator](): Generator<W, undefined> {
    for (const its of this.#parties.values()) yield* its;
    return undefined;
  }
}
