/** A store whose memory counts towards a budget. */
export interface BudgetMember {
  readonly bytes: number;
  /** When its least recently used entry was used, see {@link MemoryBudget.tick}; infinite where it has none. */
  readonly oldestUse: number;
  /** Removes its least recently used entry. */
  evictOldest(): void;
}

/**
 * A bound on several stores together: whatever was unused for longest goes first, in whichever store it is, so that
 * each has as much as it has use for.
 */
export class MemoryBudget {
  readonly maxBytes: number;
  readonly #members = new Set<BudgetMember>();
  #bytes = 0;
  #clock = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts this store from now on. */
  join(member: BudgetMember): void {
    this.#members.add(member);
  }

  /** Counts it no more. */
  leave(member: BudgetMember): void {
    if (this.#members.delete(member)) this.#bytes -= member.bytes;
  }

  /** The number of this use, of any entry of any store. */
  tick(): number {
    return ++this.#clock;
  }

  /** Whether the next entry to go is one of this store. */
  isNext({ oldestUse }: BudgetMember): boolean {
    for (const other of this.#members) if (other.oldestUse < oldestUse) return false;
    return true;
  }

  /** A store has become larger, or smaller: evicts until all of them fit. */
  changed(bytes: number): void {
    this.#bytes += bytes;
    while (this.#bytes > this.maxBytes && this.#evict());
  }

  /** @returns whether there was anything to evict */
  #evict(): boolean {
    let oldest: BudgetMember | undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const member of this.#members) {
      if (oldest === undefined || member.oldestUse < oldest.oldestUse) {
        next = Math.min(next, oldest?.oldestUse ?? next);
        oldest = member;
      } else next = Math.min(next, member.oldestUse);
    }
    if (!oldest || oldest.oldestUse === Number.POSITIVE_INFINITY) return false;
    // As many as are older than those of all others, so that the stores are not compared for each entry.
    do {
      const before = oldest.bytes;
      oldest.evictOldest();
      this.#bytes += oldest.bytes - before;
    } while (this.#bytes > this.maxBytes && oldest.oldestUse < next);
    return true;
  }
}
