import type { Clock } from '../core/steady-clock.js';
import type { BreakerEmitter } from './breaker-events.js';
import { Circuit } from './circuit.js';
import type { CircuitConfig } from './circuit-snapshot.js';
import type { JoinCircuit } from './store/store.js';

/** The circuits of one breaker: its own, and one for each key. Their number is bounded. */
export class KeyedCircuits {
  readonly name: string;
  /** Digest of what the calls go to; empty where it is not known. */
  readonly target: string;
  readonly #config: CircuitConfig;
  readonly #max: number;
  readonly #events: BreakerEmitter;
  readonly #clock: Clock;
  readonly #join: JoinCircuit | undefined;
  /** Least recently used first. */
  readonly #circuits = new Map<string, Circuit>();

  constructor(
    name: string,
    max: number,
    config: CircuitConfig,
    events: BreakerEmitter,
    clock: Clock,
    join?: JoinCircuit,
    target = '',
  ) {
    this.name = name;
    this.#max = max;
    this.#config = config;
    this.#events = events;
    this.#clock = clock;
    this.#join = join;
    this.target = target;
  }

  /** The circuit of this key, created if there is none yet. */
  get(key = this.name): Circuit {
    const known = this.#circuits.get(key);
    if (known) {
      this.#circuits.delete(key);
      this.#circuits.set(key, known);
      return known;
    }
    this.#makeRoom();
    const name = { api: this.name, circuit: key === this.name ? key : `${this.name}:${key}` };
    const circuit = new Circuit(name, this.#config, this.#events, this.#clock, this.#join);
    this.#circuits.set(key, circuit);
    return circuit;
  }

  /** All circuits. */
  all(): Circuit[] {
    return [...this.#circuits.values()];
  }

  /** Comes in the place of another breaker's, for the same target. */
  resume(known: KeyedCircuits): void {
    for (const [key, circuit] of known.#circuits) this.get(key).resume(circuit);
  }

  close(): void {
    for (const circuit of this.#circuits.values()) circuit.close();
  }

  #makeRoom(): void {
    if (this.#circuits.size < this.#max) return;
    const key = this.#leastNeeded();
    if (key === undefined) return;
    this.#circuits.get(key)?.close();
    this.#circuits.delete(key);
  }

  /** Open circuits are forgotten last, for they protect a target; the breaker's own is never forgotten. */
  #leastNeeded(): string | undefined {
    let oldest: string | undefined;
    for (const [key, circuit] of this.#circuits) {
      if (key === this.name) continue;
      if (circuit.state === 'CLOSED') return key;
      oldest ??= key;
    }
    return oldest;
  }
}
