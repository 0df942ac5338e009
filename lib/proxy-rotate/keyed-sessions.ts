import type { EgressProxy } from './egress-proxy.js';

/** Sessions that are known at a time: clients may choose the keys. */
const MAX_KEYS = 10_000;

/** The sessions of one proxy, by `stickyKey`. */
export class KeyedSessions {
  /** The last used at the end. */
  readonly #of = new Map<string, EgressProxy>();
  readonly #open: (key: string, generation: number) => EgressProxy;

  constructor(open: (key: string, generation: number) => EgressProxy) {
    this.#open = open;
  }

  of(key: string): EgressProxy {
    const known = this.#of.get(key);
    if (!known) return this.#add(key, 0);
    this.#of.delete(key);
    this.#of.set(key, known);
    return known;
  }

  /** The session of a key, where there is one; it is not used. */
  known(key: string): EgressProxy | undefined {
    return this.#of.get(key);
  }

  /** Takes over how often each session was replaced, and what it has in progress. */
  resume(known: KeyedSessions): void {
    for (const [key, session] of known.#of) this.#add(key, session.generation).follow(session);
  }

  close(): void {
    for (const session of this.#of.values()) session.close();
  }

  #add(key: string, generation: number): EgressProxy {
    const session = this.#open(key, generation);
    this.#of.set(key, session);
    if (this.#of.size > MAX_KEYS) this.#forgetOldest();
    return session;
  }

  #forgetOldest(): void {
    for (const [key, session] of this.#of) {
      if (session.active > 0) continue;
      session.close();
      this.#of.delete(key);
      return;
    }
  }
}
