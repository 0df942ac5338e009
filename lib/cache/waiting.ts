import type { Flight, ReleaseReason } from './flight.js';
import { type Flights, variantName } from './flights.js';
import type { RawHeaders } from './policy/headers.js';
import type { StoredVariant } from './store/entry.js';

/** Responses that may turn out to be another variant than the one that was waited for, before a call goes alone. */
const MAX_VARIANTS_LEARNED = 3;

/** What one call has waited for, and whether it waits again. */
export class Waiting {
  /** Does not wait for an equal request, and lets none wait for this one. */
  alone: boolean;
  /** The response that it waited for was stored. */
  followed = false;
  #until = 0;
  #varyNames: readonly string[] | undefined;
  #learned = 0;
  #refused = false;
  /** It took too long. */
  #overdue: Flight | undefined;
  /** What was stored under this name did not serve this call. */
  #storedAs: string | undefined;

  constructor(alone: boolean) {
    this.alone = alone;
  }

  /** What equal requests have in common: besides the key, as far as that is known, the headers that select a variant. */
  name(key: string, known: readonly StoredVariant[], rawHeaders: RawHeaders): string {
    const varyNames = this.#varyNames ?? known[0]?.meta.varyNames;
    return varyNames === undefined ? key : variantName(key, varyNames, rawHeaders);
  }

  /** Whether it goes without waiting for what is under way by this name. */
  isAlone(name: string): boolean {
    return this.alone || name === this.#storedAs;
  }

  /** The request to wait for. One that took too long is followed by a new one, and by no more than that. */
  flight(flights: Flights, name: string): Flight | undefined {
    const flight = flights.get(name);
    return flight === this.#overdue ? undefined : flight;
  }

  /** @returns how long it waits */
  begin(now: number, timeoutMs: number): number {
    this.followed = true;
    if (this.#until === 0) this.#until = now + timeoutMs;
    return this.#until - now;
  }

  /** The request that it waited for brought no response that it can use. */
  released(why: ReleaseReason | 'late', flight: Flight, name: string, now: number): void {
    if (why !== 'stored') this.followed = false;
    switch (why) {
      case 'stored':
        this.#storedAs = name;
        return;
      case 'late':
        this.#overdue = flight;
        this.#until = 0;
        return;
      case 'other-variant':
        this.#varyNames = flight.varyNames;
        this.alone = ++this.#learned > MAX_VARIANTS_LEARNED;
        return;
      case 'refused':
        // Twice in a row it is not the other client's mistake.
        this.alone = this.#refused;
        this.#refused = true;
        return;
      case 'failed':
        // One of the waiting requests is sent next. However long that goes on, the others wait for it: all at once would
        // hit an upstream that is failing already.
        if (now >= this.#until) this.#until = 0;
        return;
      case 'not-shared':
        this.alone = true;
    }
  }
}
