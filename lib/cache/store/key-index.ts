/** Keys by a name they share. A name with a single key, the usual case, needs no set. */
export class KeyIndex {
  readonly #keys = new Map<string, string | Set<string>>();

  add(name: string, key: string): void {
    const known = this.#keys.get(name);
    if (known === undefined || known === key) this.#keys.set(name, key);
    else if (typeof known === 'string') this.#keys.set(name, new Set([known, key]));
    else known.add(key);
  }

  remove(name: string, key: string): void {
    const known = this.#keys.get(name);
    if (known === key) this.#keys.delete(name);
    if (typeof known !== 'object') return;
    known.delete(key);
    if (known.size === 0) this.#keys.delete(name);
  }

  /** Keys under that name, as they are now. */
  keys(name: string): string[] {
    return listed(this.#keys.get(name));
  }
}

function listed(keys: string | Set<string> | undefined): string[] {
  if (keys === undefined) return [];
  return typeof keys === 'string' ? [keys] : [...keys];
}
