import type { Limit } from '../core/exchange.js';

/** Where attempts take their places among the requests in flight. */
export interface InFlightLimit extends Limit {
  /** The same for all places of one `concurrency()`. */
  readonly inFlightOf: object;
}
