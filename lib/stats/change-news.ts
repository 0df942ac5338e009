const AT_MOST_EVERY_MS = 1000;

/** Tells listeners that figures have changed: here, or in other processes. */
export class ChangeNews {
  readonly #revision: () => Promise<string | undefined>;
  readonly #listeners = new Set<() => void>();
  #changed = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  #seen: string | undefined;

  /** @param revision a text that differs when others have changed something; asked only while somebody listens */
  constructor(revision: () => Promise<string | undefined>) {
    this.#revision = revision;
  }

  /** Takes note that something was recorded here. */
  changed(): void {
    this.#changed = true;
  }

  /** @returns what ends it */
  listen(listener: () => void): () => void {
    // Two that are the same function are still two.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Calls back if there is something new, unless that was just done. */
  async tell(now: number): Promise<void> {
    if (this.#listeners.size === 0 || now - this.#toldAt < AT_MOST_EVERY_MS) return;
    this.#toldAt = now;
    const revision = await this.#revision();
    if (!this.#changed && revision === this.#seen) return;
    this.#changed = false;
    this.#seen = revision;
    for (const listener of [...this.#listeners]) call(listener);
  }
}

/** A page that cannot be told is no reason for the others not to hear, nor for the process to end. */
function call(listener: () => void): void {
  try {
    listener();
  } catch {}
}
