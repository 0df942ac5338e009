import type { Blame, ProxyError } from './errors.js';
import type { Exchange } from './exchange.js';

export type { Blame } from './errors.js';

/** Status line and headers of a response, as received; `rawHeaders` is flat: name, value, name, value. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly rawHeaders: readonly string[];
}

/** Classes of connection errors, by the names the OpenResty gateway used. */
export type RetryClass = 'timeout' | 'connection refused' | 'connection reset' | 'socket' | 'host not found';

/** An attempt without a response, or one whose response broke off. */
export interface AttemptFailure {
  readonly kind: 'failure';
  readonly error: ProxyError;
  /** As the error says: whose doing it is. */
  readonly by: Blame;
  /** Name of the error class in `retryOnErrors`; `undefined` where another attempt cannot help. */
  readonly retryClass: RetryClass | undefined;
  /** Nothing of the request can have reached the target: refused, host not found. */
  readonly unsent: boolean;
  /** A kept connection that the target had closed in the meantime: not the target's failure. */
  readonly staleConnection: boolean;
}

/** What is known of an attempt once its head or its error has arrived. */
export type AttemptOutcome =
  | { readonly kind: 'response'; readonly head: ResponseHead }
  | AttemptFailure
  /** It was never sent, or nobody waited for it any more. */
  | { readonly kind: 'abandoned' };

/** How an attempt ended, after the last byte of its response or at whatever ended it. */
export type AttemptEnd =
  /** The response was passed on in full. */
  | { readonly kind: 'complete' }
  /** The response was given up: another attempt follows, or a stored response stands in. */
  | { readonly kind: 'discarded' }
  /** Nobody waits for it any more. */
  | { readonly kind: 'cancelled' }
  /** It was never sent: refused, or its client had left. */
  | { readonly kind: 'unused' }
  /** No response, or one that broke off. */
  | AttemptFailure;

/** One attempt to get the response from the target. */
export interface Attempt {
  /** 1 for the first; attempts through another egress proxy and the one on a fresh connection count on. */
  readonly number: number;
  /** When it began, on the clock of `performance.now()`: after all waits for a proxy or a limit. */
  startedAt: number;
  /** Milliseconds from its begin to its head or error. */
  durationMs: number;
  /** Milliseconds that it waited before it began: for an egress proxy, and for its permits. */
  waitedMs: number;
  /**
   * When the target had all of the request: there was a connection, and the last byte of the body had come. `undefined`
   * until then, and for calls that are not `timed`.
   */
  readonly sentAt?: number | undefined;
  /** Name of the egress proxy it went through; `undefined` is direct. */
  egress: string | undefined;
  /** `undefined` until its head or error has arrived. */
  outcome: AttemptOutcome | undefined;
  /** `undefined` until all of it is over. */
  end: AttemptEnd | undefined;
}

/** What an attempt sends, and where. */
export interface SentRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly target: { readonly origin: string };
}

/** What one attempt holds of a limit. One object may be the permit of many attempts. It must not throw. */
export interface Permit {
  /**
   * The attempt goes out now, all limits having admitted it.
   * @returns flat headers that replace those of the same names, for this attempt alone
   */
  sending?(attempt: Attempt, exchange: Exchange, request: SentRequest): readonly string[] | undefined;
  /** Its head has arrived: `attempt.outcome` is a response. Whether it is passed on is not decided yet. */
  head?(attempt: Attempt, exchange: Exchange): void;
  /**
   * Told once for each attempt that was admitted, whatever happened: `attempt.end` says how, `attempt.outcome` what
   * it came to. Another attempt begins only afterwards.
   */
  end?(attempt: Attempt, exchange: Exchange): void;
}

/** What may refuse an attempt, or make it wait: a breaker, a quota, calls in flight. One object serves many calls. */
export interface Limit {
  /**
   * Asked before each attempt, in the order of the stages.
   * @returns the permit, nothing where it admits and need not hear more, or the error that ends the call
   */
  admit?(
    attempt: Attempt,
    exchange: Exchange,
  ): Permit | ProxyError | undefined | Promise<Permit | ProxyError | undefined>;
  /** Whether another attempt would be refused now; asked before a response is given up for a retry. */
  blocks?(exchange: Exchange): boolean;
  /** When attempts through this egress proxy are admitted again, in epoch milliseconds; 0 is now. */
  readyAt?(egress: string | undefined): number;
}
