/** A requested purge. */
interface Purge {
  concerns(key: string): boolean;
  readonly done: Promise<unknown>;
}

/**
 * Finished purges are remembered for look-ups that began before them; no look-up lasts longer than so many purges.
 */
const MAX_ENDED = 256;

/**
 * Purges that a shared store has not carried out yet: in this process they apply from the moment they are requested.
 */
export class PendingPurges {
  readonly #pending = new Set<Purge>();
  /** The latest finished ones, oldest first. */
  readonly #ended: Purge[] = [];
  #endedCount = 0;

  /** @param purge in progress; its caller handles its failure */
  add(concerns: (key: string) => boolean, purge: Promise<unknown>): void {
    const done = purge.catch(() => {});
    const pending: Purge = { concerns, done };
    this.#pending.add(pending);
    void done.then(() => this.#end(pending));
  }

  /** Runs `then` once no purge of the key is pending: at once where there is none. */
  after(key: string, then: () => void): void {
    const concerned = this.#concerned(key);
    if (concerned.length === 0) then();
    else void Promise.all(concerned).then(then);
  }

  /** A mark of the moment a look-up begins, for {@link overtook}. */
  mark(): number {
    return this.#endedCount;
  }

  /**
   * Whether a purge removes what a look-up has found: one that is pending, or one that has finished since the look-up
   * began, since the replies of a store may arrive out of order.
   */
  overtook(key: string, mark: number): boolean {
    const endedSince = this.#endedCount - mark;
    if (this.#pending.size === 0 && endedSince === 0) return false;
    if (endedSince > MAX_ENDED || this.#concerned(key).length > 0) return true;
    return endedSince > 0 && this.#ended.slice(-endedSince).some(({ concerns }) => concerns(key));
  }

  #end(purge: Purge): void {
    this.#pending.delete(purge);
    this.#endedCount++;
    this.#ended.push(purge);
    if (this.#ended.length > MAX_ENDED) this.#ended.shift();
  }

  #concerned(key: string): Promise<unknown>[] {
    return [...this.#pending].filter(({ concerns }) => concerns(key)).map(({ done }) => done);
  }
}
