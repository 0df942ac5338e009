import type { ProxyError } from '../core/errors.js';
import type { RunTools } from './attempt-run.js';
import type { Plan, Transport } from './transport.js';

/** A call that can be ended while it waits. */
export interface WaitingCall {
  fail(error: ProxyError): void;
}

/** How an attempt ends that async-retry waits for. */
export interface DrivenAttempt {
  accepted(): void;
  failed(error: Error): void;
  giveUp(error: Error): void;
}

/** What a call needs of the `forward()` that runs it. */
export interface CallTools extends RunTools {
  readonly send: Transport;
  /** What the target may take from the last byte of a request to its head; 0 is no limit. */
  readonly requestTimeoutMs: number;
  /** Told of each response that is passed on. */
  readonly logResponse: ((plan: Plan, status: number) => void) | undefined;
  /** Told of each response that has broken off after its head was passed on. */
  readonly logCut?: ((plan: Plan, error: ProxyError) => void) | undefined;
  /** Calls that wait for an egress proxy, for a limit or for their next attempt, to be ended when all is closed. */
  readonly waiting: Set<WaitingCall>;
  /** Nothing goes out any more. */
  isClosed(): boolean;
}
