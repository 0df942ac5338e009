import type { LimitStatus } from '../../core/egress-status.js';
import type { RedisKeys } from '../quota/redis-keys.js';
import type { Cells } from './cells.js';
import type { Gate, GateSite } from './gate.js';
import { LocalGate } from './local-gate.js';
import { SharedGate } from './shared-gate.js';

/** What gates shared between processes are kept in. */
export interface SharedBy {
  readonly cells: Cells;
  readonly keys: RedisKeys;
}

/** To make room, this many of the least recently used gates are searched for one that knows nothing. */
const SEARCHED = 16;

/** The gates of one API, by credential and egress proxy; `max` at most, since clients choose the credentials. */
export class Gates {
  readonly #api: string;
  readonly #max: number;
  readonly #site: GateSite;
  readonly #shared: SharedBy | undefined;
  /** Least recently used first. */
  readonly #gates = new Map<string, Gate>();
  #forgotten = 0;

  constructor(api: string, max: number, site: GateSite, shared: SharedBy | undefined) {
    this.#api = api;
    this.#max = max;
    this.#site = site;
    this.#shared = shared;
  }

  /** Gates that were forgotten so far: if it is the same as before, those that were there are still there. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Room gets scarce: from now on the order of use matters. */
  get isScarce(): boolean {
    return this.#gates.size * 2 > this.#max;
  }

  /**
   * The gate of a credential's digest, an egress proxy and a limit's name, created if there is none yet. The limit without
   * a name is that of everything.
   */
  get(credential: string, proxy: string | undefined, limit = ''): Gate {
    const key = keyOf(credential, proxy, limit);
    const known = this.#gates.get(key);
    if (known) {
      if (this.isScarce) {
        this.#gates.delete(key);
        this.#gates.set(key, known);
      }
      return known;
    }
    this.#makeRoom();
    const gate = this.#open(credential, proxy, limit);
    this.#gates.set(key, gate);
    return gate;
  }

  /** The gate, if there is one. */
  known(credential: string, proxy: string | undefined, limit = ''): Gate | undefined {
    return this.#gates.get(keyOf(credential, proxy, limit));
  }

  /** Goes on with the gates of another, which they know as well. */
  resume(known: Gates): void {
    for (const [key, gate] of known.#gates) {
      this.#makeRoom();
      this.#gates.set(key, gate);
    }
  }

  /** All gates that know something. */
  status(queuedAt: (gate: Gate) => number): LimitStatus[] {
    return [...this.#gates.values()].filter((gate) => gate.knows).map((gate) => gate.status(queuedAt(gate)));
  }

  #open(credential: string, proxy: string | undefined, limit: string): Gate {
    const name = { api: this.#api, credential, proxy, ...(limit && { limit }) };
    if (!this.#shared) return new LocalGate(name, this.#site);
    const { cells, keys } = this.#shared;
    return new SharedGate(name, this.#site, cells, keys.gate(credential, proxy, limit));
  }

  /** Gates that know something go last, for they hold back calls that the target would refuse. */
  #makeRoom(): void {
    if (this.#gates.size < this.#max) return;
    let oldest: string | undefined;
    let searched = 0;
    for (const [key, gate] of this.#gates) {
      oldest ??= key;
      if (!gate.knows) {
        this.#forget(key);
        return;
      }
      if (++searched === SEARCHED) break;
    }
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(key: string): void {
    this.#gates.delete(key);
    this.#forgotten++;
  }
}

/** A digest contains no space, nor does a proxy's name contain a line's end, so keys are unique. */
function keyOf(credential: string, proxy: string | undefined, limit: string): string {
  const key = proxy === undefined ? credential : `${credential} ${proxy}`;
  return limit === '' ? key : `${key}\n${limit}`;
}
