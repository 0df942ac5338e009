import { hash } from 'node:crypto';
import { Flight, type FlightHooks } from './flight.js';
import { FlightTable } from './flight-table.js';
import type { RawHeaders } from './policy/headers.js';
import { selectingKey } from './policy/vary.js';

const MAX_UNSHARED = 10_000;
const UNSHARED_MS = 10_000;

/** A request in flight whose response may be stored. */
export interface Ticket {
  readonly key: string;
  /** Where it is among those in flight. */
  place: number;
  /** Its response is out of date already: nothing of it is stored. */
  doomed: boolean;
}

/** Requests in flight by key, or by key and variant, and the keys whose responses are known not to be shared. */
export class Flights {
  readonly #flights = new FlightTable();
  // A set would keep those that have left alive, see FlightTable.
  readonly #tickets: Ticket[] = [];
  readonly #unshared = new Map<string, number>();
  readonly #now: () => number;
  readonly #over = (flight: Flight): void => this.#flights.remove(flight);

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param name the key, or that of a variant, see {@link variantName} */
  get(name: string): Flight | undefined {
    return this.#flights.get(name);
  }

  /** Begins a flight; one that is under way by that name is joined by nobody from now on. */
  begin(key: string, name: string, hooks: Omit<FlightHooks, 'over'>): Flight {
    const flight = new Flight(key, name, { ...hooks, over: this.#over });
    this.#flights.get(name)?.succeededBy(flight);
    this.#flights.add(flight);
    return flight;
  }

  /** Notes that a response for this key may be stored; {@link leave} ends that. */
  enter(key: string): Ticket {
    const ticket = { key, place: this.#tickets.length, doomed: false };
    this.#tickets.push(ticket);
    return ticket;
  }

  leave(ticket: Ticket): void {
    const { place } = ticket;
    if (this.#tickets[place] !== ticket) return;
    const last = this.#tickets.pop();
    if (!last || last === ticket) return;
    this.#tickets[place] = last;
    last.place = place;
  }

  /** What is in flight for these keys is out of date: it is not stored, and no other request joins it. */
  doom(concerns: (key: string) => boolean): void {
    for (const ticket of this.#tickets) {
      if (concerns(ticket.key)) ticket.doomed = true;
    }
    for (const flight of this.#flights.all()) if (concerns(flight.key)) this.#flights.remove(flight);
  }

  /** A response was for its own client only: for a while, requests for this key do not wait for one another. */
  noteUnshared(key: string): void {
    this.#unshared.delete(key);
    this.#unshared.set(key, this.#now() + UNSHARED_MS);
    if (this.#unshared.size <= MAX_UNSHARED) return;
    for (const oldest of this.#unshared.keys()) {
      this.#unshared.delete(oldest);
      break;
    }
  }

  isUnshared(key: string): boolean {
    if (this.#unshared.size === 0) return false;
    const until = this.#unshared.get(key);
    return until !== undefined && this.#now() < until;
  }
}

/** Under which name the requests are coalesced that select the same variant of a key. */
export function variantName(key: string, varyNames: readonly string[], rawHeaders: RawHeaders): string {
  if (varyNames.length === 0) return key;
  return `${key}#${hash('sha256', selectingKey(varyNames, rawHeaders), 'base64url')}`;
}
