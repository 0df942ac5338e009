import type { ProxyServerOptions } from 'httpxy';
import type { HeldBody, ResponseHead } from '../core/attempt.js';
import type { Egress } from '../core/egress.js';
import type { Exchange } from '../core/exchange.js';
import type { RequestBody } from './request/body-rules.js';
import type { Target } from './request/target.js';

/** What an attempt sends, and to where. All of it may differ between two attempts of a call. */
export interface Plan {
  readonly exchange: Exchange;
  readonly target: Target;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat, without the framing of the body, which the transport adds. */
  readonly rawHeaders: readonly string[];
  readonly body: RequestBody | undefined;
  /** The transport of all attempts of this call. */
  readonly transport: 'undici' | 'node';
  /** http-proxy-middleware's options of this call, as changed by its `router`; for the node transport. */
  readonly proxyOptions: ProxyServerOptions;
  /** The egress proxy it goes through. */
  readonly egress: Egress | undefined;
  /** It may be sent without an egress proxy: no transport sends it directly unless this is set. */
  readonly direct: boolean;
}

/** Called by a transport while an attempt runs; not after `finished` or `failed`. */
export interface AttemptListener {
  /** A connection is being opened for this attempt: it does not wait for a free one any more. */
  connecting(): void;
  /** There is a connection for this attempt: the egress proxy is not to blame for later failures. */
  connected(): void;
  /** The last byte of a request with a body has been handed to its connection. */
  sent(): void;
  /** Its client reads no interim responses, or does again: nothing is read from the target meanwhile. */
  heldUp(isHeld: boolean): void;
  /** Whether {@link head} is to be called with the body, or with the first 64 KiB of it. */
  wantsBody(head: ResponseHead): boolean;
  /**
   * @param body given if it was wanted; the transport passes it on
   * @returns `false` if the response is discarded; the transport cleans up and calls nothing more
   */
  head(head: ResponseHead, body?: HeldBody): boolean;
  /** The accepted response was passed on in full. */
  finished(): void;
  /**
   * No response, or an accepted one that broke off; in that case the transport has broken off the client's response.
   * @param usedConnection the connection had carried a response before, so the target may have closed it while idle
   */
  failed(error: unknown, usedConnection?: boolean): void;
}

/** An attempt in progress. */
export interface Sending {
  /** Cancels it; its listener is not called any more. */
  cancel(): void;
  /** Ends it for this reason, which its listener hears by `failed`. */
  stop(reason: Error): void;
  /** A number that changes whenever some of the response's body arrives; `Infinity` once all of it has. */
  readonly received: number;
}

/** Sends one attempt and reports to its listener. */
export type Transport = (plan: Plan, listener: AttemptListener) => Sending;
