const AT_MOST_EVERY_MS = 1000;

/** Notifies listeners when figures have changed, in this process or in another. */
export class ChangeNews {
  readonly #revision: () => Promise<string | undefined>;
  readonly #listeners = new Set<() => void>();
  #changed = false;
  #notifiedAt = Number.NEGATIVE_INFINITY;
  #seen: string | undefined;

  /**
   * @param revision a text that changes when another process has changed something; called only while there are
   * listeners
   */
  constructor(revision: () => Promise<string | undefined>) {
    this.#revision = revision;
  }

  /** Records that something was counted here. */
  changed(): void {
    this.#changed = true;
  }

  /** @returns unsubscribes */
  listen(listener: () => void): () => void {
    // Subscribing the same function twice makes two subscriptions.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Calls the listeners if something has changed, unless that was just done. */
  async notify(now: number): Promise<void> {
    if (this.#listeners.size === 0 || now - this.#notifiedAt < AT_MOST_EVERY_MS) return;
    this.#notifiedAt = now;
    const revision = await this.#revision();
    if (!this.#changed && revision === this.#seen) return;
    this.#changed = false;
    this.#seen = revision;
    for (const listener of [...this.#listeners]) call(listener);
  }
}

/** A listener that throws must not keep the others from being called, or end the process. */
function call(listener: () => void): void {
  try {
    listener();
  } catch {}
}
