import type { Flight } from './flight.js';
import { KeyHashes } from './store/text-hash.js';

const MIN_BUCKETS = 256;

/**
 * Flights by name. A map that gains and loses an entry with each call makes itself a new table again and again, and what
 * it leaves behind keeps every flight alive until a full collection.
 */
export class FlightTable {
  #buckets = new Array<Flight | undefined>(MIN_BUCKETS).fill(undefined);
  #size = 0;
  readonly #hashes = new KeyHashes();

  get(name: string): Flight | undefined {
    if (this.#size === 0) return undefined;
    let flight = this.#buckets[this.#bucket(this.#hashes.of(name))];
    while (flight && flight.name !== name) flight = flight.behind;
    return flight;
  }

  /** Adds a flight in place of one with the same name. */
  add(flight: Flight): void {
    flight.hash = this.#hashes.of(flight.name);
    const known = this.get(flight.name);
    if (known) this.remove(known);
    if (this.#size >= this.#buckets.length) this.#grow();
    this.#link(flight);
    this.#size++;
  }

  /** Removes a flight, if it is there. */
  remove(flight: Flight): void {
    const bucket = this.#bucket(flight.hash);
    let one = this.#buckets[bucket];
    if (one === flight) this.#buckets[bucket] = flight.behind;
    else {
      while (one && one.behind !== flight) one = one.behind;
      if (!one) return;
      one.behind = flight.behind;
    }
    // Else one that has become old would keep the next one alive.
    flight.behind = undefined;
    this.#size--;
  }

  /** All of them, as they are now. */
  all(): Flight[] {
    const flights: Flight[] = [];
    for (const first of this.#buckets) for (let one = first; one; one = one.behind) flights.push(one);
    return flights;
  }

  #bucket(hash: number): number {
    return hash & (this.#buckets.length - 1);
  }

  #link(flight: Flight): void {
    const bucket = this.#bucket(flight.hash);
    flight.behind = this.#buckets[bucket];
    this.#buckets[bucket] = flight;
  }

  #grow(): void {
    const flights = this.all();
    this.#buckets = new Array<Flight | undefined>(this.#buckets.length * 2).fill(undefined);
    for (const flight of flights) this.#link(flight);
  }
}
