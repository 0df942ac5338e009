/** A purge that was asked for. */
interface Purge {
  concerns(key: string): boolean;
  readonly done: Promise<unknown>;
}

/** Purges that have ended are remembered for look-ups that began before; nobody looks up longer than these take. */
const MAX_ENDED = 256;

/** Purges that a shared store has not carried out yet: to this process they hold from the moment they were asked for. */
export class PendingPurges {
  readonly #pending = new Set<Purge>();
  /** The latest that ended, oldest first. */
  readonly #ended: Purge[] = [];
  #endedCount = 0;

  /** @param purge under way; its failure is its caller's to see */
  add(concerns: (key: string) => boolean, purge: Promise<unknown>): void {
    const done = purge.catch(() => {});
    const pending: Purge = { concerns, done };
    this.#pending.add(pending);
    void done.then(() => this.#end(pending));
  }

  /** Runs `then` once no purge is on its way to the key: at once where there is none. */
  after(key: string, then: () => void): void {
    const concerned = this.#concerned(key);
    if (concerned.length === 0) then();
    else void Promise.all(concerned).then(then);
  }

  /** What {@link overtook} needs to know of the moment at which a look-up began. */
  mark(): number {
    return this.#endedCount;
  }

  /**
   * Whether what a look-up has found is what a purge takes out: one under way, or one that has ended since the look-up
   * began, for the answers of a store may be told in another order than it gave them.
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
