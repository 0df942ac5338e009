import type { LimitStatus } from '../../core/egress-status.js';
import type { RedisLink } from '../../redis/link.js';
import type { RedisKeys } from '../quota/redis-keys.js';
import type { Gate, GateSite } from './gate.js';
import { LocalGate } from './local-gate.js';
import { SharedGate } from './shared-gate.js';

/** Redis, for gates shared between processes. */
export interface SharedBy {
  readonly link: RedisLink;
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

  constructor(api: string, max: number, site: GateSite, shared: SharedBy | undefined) {
    this.#api = api;
    this.#max = max;
    this.#site = site;
    this.#shared = shared;
  }

  /** The gate of a credential's digest and an egress proxy, created if there is none yet. */
  get(credential: string, proxy: string | undefined): Gate {
    const key = keyOf(credential, proxy);
    const known = this.#gates.get(key);
    if (known) {
      // The order of use matters only when room gets scarce.
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

  /** The gate, if there is one. */
  known(credential: string, proxy: string | undefined): Gate | undefined {
    return this.#gates.get(keyOf(credential, proxy));
  }

  /** All gates that know something. */
  status(queuedAt: (gate: Gate) => number): LimitStatus[] {
    return [...this.#gates.values()].filter((gate) => gate.knows).map((gate) => gate.status(queuedAt(gate)));
  }

  #open(credential: string, proxy: string | undefined): Gate {
    const name = { api: this.#api, credential, proxy };
    if (!this.#shared) return new LocalGate(name, this.#site);
    const { link, keys } = this.#shared;
    return new SharedGate(name, this.#site, link, keys.gate(credential, proxy));
  }

  /** Gates that know something go last, for they hold back calls that the target would refuse. */
  #makeRoom(): void {
    if (this.#gates.size < this.#max) return;
    let oldest: string | undefined;
    let searched = 0;
    for (const [key, gate] of this.#gates) {
      oldest ??= key;
      if (!gate.knows) {
        this.#gates.delete(key);
        return;
      }
      if (++searched === SEARCHED) break;
    }
    if (oldest !== undefined) this.#gates.delete(oldest);
  }
}

/** A digest contains no space, so keys are unique. */
const keyOf = (credential: string, proxy: string | undefined) =>
  proxy === undefined ? credential : `${credential} ${proxy}`;
