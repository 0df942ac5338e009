/** The keys that are counted: beyond `max`, the one that was unused for longest is forgotten. Clients may choose them. */
export class UsedKeys implements Iterable<string> {
  readonly #max: number;
  readonly #forget: (key: string) => void;
  /** Least recently used first. */
  #keys = new Set<string>();
  /** Another goes on with them. */
  #isSucceeded = false;

  /** @param forget removes what was counted of a key */
  constructor(max: number, forget: (key: string) => void) {
    this.#max = max;
    this.#forget = forget;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#keys.values();
  }

  use(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= this.#max) return;
    const [oldest] = this.#keys;
    if (oldest !== undefined) this.#drop(oldest);
  }

  /** Comes in the place of others, which count on together with these. */
  resume(known: UsedKeys): void {
    this.#keys = known.#keys;
    known.#isSucceeded = true;
  }

  /** Forgets all of them. */
  clear(): void {
    for (const key of this.#keys) this.#drop(key);
  }

  /** Forgets those that no other goes on with. */
  close(): void {
    if (!this.#isSucceeded) this.clear();
  }

  #drop(key: string): void {
    this.#keys.delete(key);
    this.#forget(key);
  }
}
