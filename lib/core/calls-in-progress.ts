import type { Exchange } from './exchange.js';

/**
 * The calls in progress, each at the place that it remembers: a set that gains and loses an entry with each call makes
 * itself a new table again and again. A call is in one of these lists at most, the first that it was added to.
 */
export class CallsInProgress {
  readonly #calls: Exchange[] = [];

  add(exchange: Exchange): void {
    if (exchange.countedPlace < 0) exchange.countedPlace = this.#calls.push(exchange) - 1;
  }

  delete(exchange: Exchange): void {
    const { countedPlace } = exchange;
    if (this.#calls[countedPlace] !== exchange) return;
    exchange.countedPlace = -1;
    const last = this.#calls.pop();
    if (!last || last === exchange) return;
    last.countedPlace = countedPlace;
    this.#calls[countedPlace] = last;
  }

  [Symbol.iterator](): Iterator<Exchange> {
    return this.#calls.values();
  }
}
