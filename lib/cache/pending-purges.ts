/** A purge that was asked for; `finished` counts on with each that ends. */
interface Purge {
  concerns(key: string): boolean;
  readonly done: Promise<unknown>;
  finishedAs: number;
}

/** A look-up under way, by how many purges had ended when it began. */
interface LookUp {
  readonly key: string;
  readonly begunAfter: number;
}

/** Purges that a shared store has not carried out yet: to this process they hold from the moment they were asked for. */
export class PendingPurges {
  readonly #pending = new Set<Purge>();
  /** Those that ended while a look-up was under way, oldest first. */
  #ended: Purge[] = [];
  /** In the order in which they began. */
  readonly #lookUps = new Set<LookUp>();
  #finished = 0;

  /** @param purge under way; its failure is its caller's to see */
  add(concerns: (key: string) => boolean, purge: Promise<unknown>): void {
    const done = purge.catch(() => {});
    const pending: Purge = { concerns, done, finishedAs: 0 };
    this.#pending.add(pending);
    void done.then(() => this.#end(pending));
  }

  /** Runs `then` once no purge is on its way to the key: at once where there is none. */
  after(key: string, then: () => void): void {
    const concerned = this.#concerned(key);
    if (concerned.length === 0) then();
    else void Promise.all(concerned).then(then);
  }

  /**
   * What a look-up finds, without what a purge takes out: also of one that ended meanwhile, since the answers of a
   * store may be told in another order than it gave them.
   */
  async spare<T>(key: string, found: Promise<T | undefined>): Promise<T | undefined> {
    const lookUp = { key, begunAfter: this.#finished };
    this.#lookUps.add(lookUp);
    try {
      const value = await found;
      return this.#overtaken(lookUp) ? undefined : value;
    } finally {
      this.#lookUps.delete(lookUp);
      this.#forget();
    }
  }

  #overtaken({ key, begunAfter }: LookUp): boolean {
    if (this.#pending.size > 0 && this.#concerned(key).length > 0) return true;
    return this.#ended.some(({ concerns, finishedAs }) => finishedAs > begunAfter && concerns(key));
  }

  #end(purge: Purge): void {
    this.#pending.delete(purge);
    purge.finishedAs = ++this.#finished;
    if (this.#lookUps.size > 0) this.#ended.push(purge);
  }

  /** Lets go of what ended before the oldest look-up began. */
  #forget(): void {
    if (this.#ended.length === 0) return;
    const [oldest] = this.#lookUps;
    this.#ended = oldest ? this.#ended.filter(({ finishedAs }) => finishedAs > oldest.begunAfter) : [];
  }

  #concerned(key: string): Promise<unknown>[] {
    return [...this.#pending].filter(({ concerns }) => concerns(key)).map(({ done }) => done);
  }
}
