import type { ProxyServerOptions } from 'httpxy';
import type { Egress } from '../core/egress.js';
import type { Attempt, Exchange, ResponseHead } from '../core/exchange.js';
import type { RequestBody } from './request/body-rules.js';
import type { Target } from './request/target.js';

/** What goes to the target; the same for every attempt of a call. */
export interface UpstreamRequest {
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
}

/** Told by a transport while an attempt runs; nothing is told after `finished` or `failed`. */
export interface AttemptListener {
  readonly attempt: Attempt;
  /** There is a connection for this attempt, and what goes wrong now is no fault of the exit's. */
  connected(): void;
  /** `false`: the answer is not wanted, the transport gets rid of it and tells nothing more. */
  head(head: ResponseHead): boolean;
  /** The accepted answer was passed on in full. */
  finished(): void;
  /**
   * No answer, or an accepted one that broke off; the transport has cut the client's off then.
   * @param usedConnection it had carried an answer before, so the target may have closed it meanwhile
   */
  failed(error: unknown, usedConnection?: boolean): void;
}

/** Ends an attempt that nobody waits for; the listener hears nothing more. */
export type Cancel = () => void;

/** Sends one attempt: head or error out. */
export type Transport = (
  request: UpstreamRequest,
  egress: Egress | undefined,
  listener: AttemptListener,
) => Cancel;
