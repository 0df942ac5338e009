/** Names of proxies, each used once: the second proxy of one name is `name #2`. */
export class UniqueNames {
  readonly #taken = new Set<string>();
  /** How many have had a name, of those that are not alone with it. */
  readonly #numbers = new Map<string, number>();

  /** A name like the wanted one that nobody has. */
  take(wanted: string): string {
    let name = wanted;
    while (this.#taken.has(name)) {
      const number = (this.#numbers.get(wanted) ?? 1) + 1;
      this.#numbers.set(wanted, number);
      name = `${wanted} #${number}`;
    }
    this.#taken.add(name);
    return name;
  }

  /** Makes a name free again. */
  release(name: string): void {
    this.#taken.delete(name);
    // Numbers begin anew once none is in use that could be met again.
    if (this.#taken.size === 0) this.#numbers.clear();
    else if (!name.includes(' #')) this.#numbers.delete(name);
  }
}
