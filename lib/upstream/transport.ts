import type { ProxyServerOptions } from 'httpxy';
import type { ResponseHead } from '../core/attempt.js';
import type { Egress } from '../core/egress.js';
import type { Exchange } from '../core/exchange.js';
import type { RequestBody } from './request/body-rules.js';
import type { Target } from './request/target.js';

/** What an attempt sends, where to, and by which way: all of it may differ between two attempts of a call. */
export interface Plan {
  readonly exchange: Exchange;
  readonly target: Target;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat; without the framing of the body, which is the transport's. */
  readonly rawHeaders: readonly string[];
  readonly body: RequestBody | undefined;
  /** What carries all attempts of this call. */
  readonly transport: 'undici' | 'node';
  /** http-proxy-middleware's options of this call, as its `router` left them; for the node transport. */
  readonly proxyOptions: ProxyServerOptions;
  /** The egress proxy it goes through. */
  readonly egress: Egress | undefined;
  /** It may go without an egress proxy: no transport sends it directly unless this says so. */
  readonly direct: boolean;
}

/** Told by a transport while an attempt runs; nothing is told after `finished` or `failed`. */
export interface AttemptListener {
  /** There is a connection for this attempt: what goes wrong now is not the egress proxy's doing. */
  connected(): void;
  /** `false`: the response is not wanted; the transport gets rid of it and tells nothing more. */
  head(head: ResponseHead): boolean;
  /** The accepted response was passed on in full. */
  finished(): void;
  /**
   * No response, or an accepted one that broke off; the transport has cut the client's off then.
   * @param usedConnection it had carried a response before, so the target may have closed it meanwhile
   */
  failed(error: unknown, usedConnection?: boolean): void;
}

/** An attempt on its way. */
export interface Sending {
  /** Ends it, since nobody waits for it; its listener hears nothing more. */
  cancel(): void;
}

/** Sends one attempt: head or error out. */
export type Transport = (plan: Plan, listener: AttemptListener) => Sending;
