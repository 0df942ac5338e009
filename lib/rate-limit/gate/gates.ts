import type { LimitStatus } from '../../core/egress-status.js';
import type { RedisLink } from '../../redis/link.js';
import type { RedisKeys } from '../quota/redis-keys.js';
import type { Gate, GateSite } from './gate.js';
import { LocalGate } from './local-gate.js';
import { SharedGate } from './shared-gate.js';

/** Redis, for gates that processes share. */
export interface SharedBy {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
}

/** So many of the gates that were unused for longest are looked at for one that knows nothing. */
const LOOKED_AT = 16;

/** The gates of one API, by credential and exit: no more than `max`, since clients choose the credentials. */
export class Gates {
  readonly #api: string;
  readonly #max: number;
  readonly #site: GateSite;
  readonly #shared: SharedBy | undefined;
  /** Least recently used first. */
  readonly #gates = new Map<string, Gate>();

  constructor(api: string, max: number, site: GateSite, shared: SharedBy | undefined) {
    this.#api = api;
    this.#max = max;
    this.#site = site;
    this.#shared = shared;
  }

  /** The gate of a credential's digest and an exit, a new one where there is none yet. */
  get(credential: string, proxy: string | undefined): Gate {
    const key = keyOf(credential, proxy);
    const known = this.#gates.get(key);
    if (known) {
      // With room for all it makes no difference which was used last.
      if (this.#gates.size * 2 > this.#max) {
        this.#gates.delete(key);
        this.#gates.set(key, known);
      }
      return known;
    }
    this.#makeRoom();
    const gate = this.#open(credential, proxy);
    this.#gates.set(key, gate);
    return gate;
  }

  /** The gate, where there is one. */
  known(credential: string, proxy: string | undefined): Gate | undefined {
    return this.#gates.get(keyOf(credential, proxy));
  }

  /** Every gate that knows something. */
  status(queuedAt: (gate: Gate) => number): LimitStatus[] {
    return [...this.#gates.values()].filter((gate) => gate.knows).map((gate) => gate.status(queuedAt(gate)));
  }

  #open(credential: string, proxy: string | undefined): Gate {
    const name = { api: this.#api, credential, proxy };
    if (!this.#shared) return new LocalGate(name, this.#site);
    const { link, keys } = this.#shared;
    return new SharedGate(name, this.#site, link, keys.gate(credential, proxy));
  }

  /** A gate that knows something keeps calls back that would be refused, so it goes last. */
  #makeRoom(): void {
    if (this.#gates.size < this.#max) return;
    let oldest: string | undefined;
    let looked = 0;
    for (const [key, gate] of this.#gates) {
      oldest ??= key;
      if (!gate.knows) {
        this.#gates.delete(key);
        return;
      }
      if (++looked === LOOKED_AT) break;
    }
    if (oldest !== undefined) this.#gates.delete(oldest);
  }
}

/** A digest holds no space, so that no two pairs read alike. */
const keyOf = (credential: string, proxy: string | undefined) =>
  proxy === undefined ? credential : `${credential} ${proxy}`;
