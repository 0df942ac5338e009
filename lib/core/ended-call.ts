import type { ProxyError } from './errors.js';

/**
 * How a call ended, of which each call is one: `success`; `clientError`, a 4xx of the API; `refused`, an error of this
 * process that has not sent it on; `failure`; `aborted`, its client left before it had all of the response.
 */
export type Outcome = 'success' | 'clientError' | 'refused' | 'failure' | 'aborted';

/** Every {@link Outcome}, in the order in which they are packed. */
export const OUTCOMES = [
  'success',
  'clientError',
  'refused',
  'failure',
  'aborted',
] as const satisfies readonly Outcome[];

/** How a call ended by its status alone: `left` is a client that went away while it received the response. */
export type CallResult = 'success' | 'failure' | 'aborted' | 'left';

/** What came of a call. */
export interface EndedCall {
  /** The error that broke off a response whose head had been sent; `undefined` if none is known. */
  readonly cut: ProxyError | undefined;
  readonly result: CallResult;
  readonly outcome: Outcome;
  /** From the call to the end of its response. */
  readonly durationMs: number;
  /** From the call to the head of its response; all of its time if there was none. */
  readonly firstMs: number;
  /** The body was a stream, whose time is told apart. */
  readonly isStream: boolean;
}
