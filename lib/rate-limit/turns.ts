/** Something that waits, on behalf of one of several parties. */
interface Waiting {
  readonly party: string;
}

/** Whose turn it is: parties that wait go one after another, so that none waits for another's backlog. */
export class Turns {
  readonly #counts = new Map<string, number>();
  /** When a party that still waits was served last. */
  readonly #servedAt = new Map<string, number>();
  #served = 0;

  add({ party }: Waiting): void {
    this.#counts.set(party, this.#countOf(party) + 1);
  }

  remove({ party }: Waiting): void {
    const left = this.#countOf(party) - 1;
    if (left > 0) this.#counts.set(party, left);
    else {
      this.#counts.delete(party);
      this.#servedAt.delete(party);
    }
  }

  served({ party }: Waiting): void {
    if (this.#counts.has(party)) this.#servedAt.set(party, ++this.#served);
  }

  /** The party with the longest backlog, if another one may have a place of its: it would still have as many. */
  crowdedBy(party: string): string | undefined {
    let found: string | undefined;
    let most = this.#countOf(party) + 1;
    for (const [other, count] of this.#counts) {
      if (count <= most) continue;
      found = other;
      most = count;
    }
    return found;
  }

  /** All that wait, in turn; within a party, as they came. */
  order<W extends Waiting>(all: Iterable<W>): Iterator<W> {
    if (this.#counts.size <= 1) return all[Symbol.iterator]();
    const parties = new Map<string, W[]>();
    for (const waiting of all) {
      const its = parties.get(waiting.party);
      if (its) its.push(waiting);
      else parties.set(waiting.party, [waiting]);
    }
    const inTurn = [...parties].sort(
      ([a], [b]) => (this.#servedAt.get(a) ?? 0) - (this.#servedAt.get(b) ?? 0),
    );
    return interleaved(inTurn.map(([, its]) => its));
  }

  #countOf(party: string): number {
    return this.#counts.get(party) ?? 0;
  }
}

function* interleaved<W>(lists: readonly (readonly W[])[]): Generator<W, undefined> {
  for (let round = 0, found = true; found; round++) {
    found = false;
    for (const list of lists) {
      const next = list[round];
      if (next === undefined) continue;
      found = true;
      yield next;
    }
  }
  return undefined;
}
