/** Purges that a shared store has not carried out yet: to this process they hold from the moment they were asked for. */
export class PendingPurges {
  readonly #pending = new Set<{ concerns(key: string): boolean; readonly done: Promise<unknown> }>();

  /** @param purge under way; its failure is its caller's to see */
  add(concerns: (key: string) => boolean, purge: Promise<unknown>): void {
    const done = purge.catch(() => {});
    const pending = { concerns, done };
    this.#pending.add(pending);
    void done.then(() => this.#pending.delete(pending));
  }

  /** Whether what is stored for the key is what a purge is still to take out. */
  concern(key: string): boolean {
    return this.#pending.size > 0 && this.#concerned(key).length > 0;
  }

  /** Runs `then` once no purge is on its way to the key: at once where there is none. */
  after(key: string, then: () => void): void {
    const concerned = this.#concerned(key);
    if (concerned.length === 0) then();
    else void Promise.all(concerned).then(then);
  }

  #concerned(key: string): Promise<unknown>[] {
    return [...this.#pending].filter(({ concerns }) => concerns(key)).map(({ done }) => done);
  }
}
