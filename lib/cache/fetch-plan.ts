import type { Flight } from './flight.js';
import type { Ticket } from './flights.js';
import type { ForwardReason } from './policy/lookup-decision.js';
import type { StoredVariant } from './store/entry.js';
import type { RequestHead } from './stored-response.js';

/** A stored response that a request to the upstream is about. */
export interface Outdated {
  readonly variant: StoredVariant;
  /** Whether the request is conditional. */
  readonly conditional: boolean;
  /** Until when it may be served in place of a failure of the upstream. */
  readonly usableOnErrorUntil: number;
}

/** A client's request as it was received. */
export interface ClientRequest extends RequestHead {
  readonly url: string;
}

/** What a request to the upstream is for. */
export interface FetchPlan {
  readonly request: ClientRequest;
  readonly key: string;
  /** What was stored for the key when the request began. */
  readonly known: readonly StoredVariant[];
  readonly outdated: Outdated | undefined;
  readonly reason: ForwardReason;
  /** The right to store the response, if its head allows it. */
  readonly ticket: Ticket | undefined;
  /** What other requests may join. */
  readonly flight: Flight | undefined;
  /** Runs the handlers behind the cache; `next` receives an error they did not handle. */
  run(next: (error?: unknown) => void): void;
  /** Whether those handlers can be run again. */
  readonly repeatable: boolean;
  /**
   * Called when nothing more is to be learned from the request.
   * @param failed there was no response
   */
  done(failed?: boolean): void;
}
