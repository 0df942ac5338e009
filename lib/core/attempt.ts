import type { Blame, ProxyError } from './errors.js';

export type { Blame } from './errors.js';

/** Status line and headers of a response, as received; `rawHeaders` is flat: name, value, name, value. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly rawHeaders: readonly string[];
}

/** What was held back of a body so that it could be judged, as it came. */
export interface HeldBody {
  readonly bytes: Buffer;
  /** `false` if there is more of it. */
  readonly complete: boolean;
}

/** A stage that judges a response by its body. */
export interface BodyReader {
  /** Whether it wants this one's: its head goes on with the end of the body, or with the first 64 KiB of it. */
  wantsBody(head: ResponseHead): boolean;
}

/** Classes of connection errors, by the names the OpenResty gateway used. */
export type RetryClass = 'timeout' | 'connection refused' | 'connection reset' | 'socket' | 'host not found';

/** An attempt that got no response, or whose response broke off. */
export interface AttemptFailure {
  readonly kind: 'failure';
  readonly error: ProxyError;
  /** Who caused it, as its error says. */
  readonly by: Blame;
  /** Name of the error class in `retryOnErrors`; `undefined` if another attempt cannot help. */
  readonly retryClass: RetryClass | undefined;
  /** No part of the request can have reached the target: connection refused, host not found. */
  readonly unsent: boolean;
  /** The target had closed an idle kept-alive connection before the request arrived. Not a failure of the target. */
  readonly staleConnection: boolean;
}

/** What is known of an attempt once its head or its error has arrived. */
export type AttemptOutcome =
  | {
      readonly kind: 'response';
      readonly head: ResponseHead;
      /** What a {@link BodyReader} has wanted of its body. */
      readonly body?: HeldBody | undefined;
    }
  | AttemptFailure
  /** It was never sent, or the client left. */
  | { readonly kind: 'abandoned' };

/** How an attempt ended, after the last byte of its response or when it failed. */
export type AttemptEnd =
  /** The response was passed on in full. */
  | { readonly kind: 'complete' }
  /** The response was discarded: another attempt follows, or a stored response is served in its place. */
  | { readonly kind: 'discarded' }
  /** Cancelled after it was sent: the client has left. */
  | { readonly kind: 'cancelled' }
  /** It was never sent: a limit refused it, or the client had left. */
  | { readonly kind: 'unused' }
  /** No response, or one that broke off. */
  | AttemptFailure;

/** One attempt to get a response from the target. */
export interface Attempt {
  /** 1 for the first. Attempts through another egress proxy, or on a fresh connection, are counted too. */
  readonly number: number;
  /** Start on the clock of `performance.now()`, after all waits for an egress proxy or a limit. */
  startedAt: number;
  /** Milliseconds from the start to its head or error. */
  durationMs: number;
  /** Milliseconds that it waited before the start, for an egress proxy and for its permits. */
  waitedMs: number;
  /**
   * When the target had all of the request: there was a connection, and the last byte had gone out. `undefined` until
   * then.
   */
  readonly sentAt?: number | undefined;
  /** Name of the egress proxy it went through; `undefined` for a direct attempt. */
  egress: string | undefined;
  /** The next attempt through the same egress proxy may come from another address. */
  egressVaries?: boolean | undefined;
  /** `undefined` until its head or error has arrived. */
  outcome: AttemptOutcome | undefined;
  /** `undefined` until it has ended. */
  end: AttemptEnd | undefined;
}

/** What an attempt sends, and where. */
export interface SentRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly target: { readonly origin: string };
}

/** A limit's admission of an attempt. One object may be the permit of many attempts. Its methods must not throw. */
export interface PermitOf<Call> {
  /**
   * Called when all limits have admitted the attempt, just before it is sent.
   * @returns flat headers that replace those of the same names, for this attempt only; an empty value removes them
   */
  sending?(attempt: Attempt, exchange: Call, request: SentRequest): readonly string[] | undefined;
  /**
   * Called when the head has arrived: `attempt.outcome` is a response. Whether it is passed on is not decided yet.
   */
  head?(attempt: Attempt, exchange: Call): void;
  /**
   * Called once for each admitted attempt, however it ended: `attempt.end` says how, `attempt.outcome` what came
   * back. The next attempt begins after it.
   */
  end?(attempt: Attempt, exchange: Call): void;
}

/**
 * Something that can refuse or delay an attempt: a breaker, a quota, a cap on concurrent requests. One object serves
 * many calls.
 */
export interface LimitOf<Call> {
  /**
   * Called before each attempt, in the order of the stages.
   * @returns a permit; `undefined` to admit without being notified any further; or the error that ends the call
   */
  admit?(
    attempt: Attempt,
    exchange: Call,
  ): PermitOf<Call> | ProxyError | undefined | Promise<PermitOf<Call> | ProxyError | undefined>;
  /** Whether another attempt would be refused now. Called before a response is discarded for a retry. */
  blocks?(exchange: Call): boolean;
  /**
   * Called for a call that it has admitted, while that waits for another limit.
   * @returns the error that ends it, if it may not be sent any more
   */
  recall?(exchange: Call): ProxyError | undefined;
  /** Whether an attempt in so many milliseconds would be refused. Then what the target has sent is passed on. */
  refusesIn?(exchange: Call, inMs: number): boolean;
  /** When attempts through this egress proxy are admitted again, in epoch milliseconds; 0 means now. */
  readyAt?(egress: string | undefined): number;
}
