import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Attempt, Limit } from './attempt.js';
import type { EgressPolicy } from './egress.js';
import type { ProxyError } from './errors.js';
import type { RetryPolicy } from './retry-policy.js';
import type { Upgrade } from './upgrade.js';

/** A middleware as Connect, Express and Polka call it. Nothing that Express adds is used. */
export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** What the cache did with a call. */
export type CacheVerdict = 'hit' | 'miss' | 'stale' | 'revalidated' | 'bypass' | 'coalesced';

const EXCHANGE: unique symbol = Symbol('resilient-proxy-out.exchange');

/**
 * The record of one call on its way through the stages, begun by the first of them and found by the others. Stages
 * write what they learn and never subscribe to one another; statistics read it once, when it has settled.
 */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Name of the API; empty where a middleware stands alone and was given none. */
  api = '';
  /** When the call began, on the clock of `performance.now()`. */
  readonly startedAt = performance.now();
  /** `req.url` when the call began, before any stage rewrote it. */
  readonly originalUrl: string;
  /** Every attempt, in order. */
  readonly attempts: Attempt[] = [];
  /** Asked before every attempt, in the order of the stages; what admits one hears its end. */
  readonly limits: Limit[] = [];
  retry: RetryPolicy | undefined = undefined;
  egress: EgressPolicy | undefined = undefined;
  /** Set where the client asks for a WebSocket. */
  upgrade: Upgrade | undefined = undefined;
  /** Bound on one attempt over queue, connect, TLS, upload and head; `undefined` leaves it to the transport. */
  attemptTimeoutMs: number | undefined = undefined;
  /** Name and value of the field by which the target knows this call again; the same for each attempt. */
  idempotencyKey: readonly [name: string, value: string] | undefined = undefined;
  /** How long the call waited before its first attempt, for a quota. */
  queuedMs = 0;
  /** Attempts are to know when their target had all of the request. */
  timed = false;
  /** The client is told how its call went. */
  explained = false;
  /** When the cache passed it on, on the clock of `performance.now()`; known where the call is explained. */
  passedCacheAt: number | undefined = undefined;
  /** What the cache did; `undefined` where none was asked. */
  cache: CacheVerdict | undefined = undefined;
  /** The error that was answered in place of an upstream's answer. */
  error: ProxyError | undefined = undefined;
  /** When the accepted head was passed on, on the clock of `performance.now()`. */
  answeredAt: number | undefined = undefined;
  /** Bytes of bodies that `forward()` and error answers gave to the response; other writers do not count theirs. */
  bytesOut = 0;
  /**
   * The stages after the one that runs now, callable with another request and response: what a
   * {@link detach | detached call} runs. `undefined` in front of a foreign handler, whose `next()` is
   * bound to one response.
   */
  rest: Handler | undefined = undefined;
  /** No client ever waited: a background revalidation. */
  readonly detached: boolean;

  #holds = 0;
  #closed = false;
  #onAbandon: (() => void)[] | undefined;
  #onSettled: ((exchange: Exchange) => void)[] | undefined;

  /**
   * Begins a call; that of a client which has left is over at once.
   * @param ended a call of this request has ended: this one is over too, whatever its response says
   */
  constructor(req: IncomingMessage, res: ServerResponse, detached = false, ended = false) {
    this.req = req;
    this.res = res;
    this.detached = detached;
    this.originalUrl = req.url ?? '/';
    if (!ended) (req as Marked)[EXCHANGE] = this;
    // No close of it would be told any more.
    if (ended || res.closed || res.destroyed) this.#closed = true;
    else res.on('close', closed);
  }

  /** Nobody waits for the answer any more. Asked in place of the response's own close. */
  get abandoned(): boolean {
    return this.#closed && this.#holds === 0;
  }

  /** It cannot go in absolute form: what follows is no HTTP. */
  get tunnel(): boolean {
    return this.upgrade !== undefined;
  }

  /** The response is closed: answered in full, cut, or left by its client. */
  get settled(): boolean {
    return this.#closed;
  }

  /**
   * Keeps the call going after its client has gone, as for others that wait for the same answer.
   * @returns lets go again; the last one to let go of a call without a client abandons it
   */
  hold(): () => void {
    this.#holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds--;
      if (this.abandoned) this.#abandon();
    };
  }

  /** Calls back once when nobody waits any more, whether the response was complete or not; at once where that is so. */
  onAbandon(listener: () => void): void {
    if (this.abandoned) return listener();
    this.#onAbandon ??= [];
    this.#onAbandon.push(listener);
  }

  /** Calls back once when the response has closed, however it ended; at once where it has. */
  onSettled(listener: (exchange: Exchange) => void): void {
    if (this.#closed) return listener(this);
    this.#onSettled ??= [];
    this.#onSettled.push(listener);
  }

  /** Hears that the response has closed. @internal */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#holds === 0) this.#abandon();
    const listeners = this.#onSettled;
    this.#onSettled = undefined;
    if (listeners) for (const listener of listeners) listener(this);
    // Express' change of prototypes lets requests grow old on Node 20: what hangs on them would with them. What is
    // left says that there was a call and that it has ended: one that comes back late must not begin another.
    (this.req as Marked)[EXCHANGE] = ENDED;
  }

  #abandon(): void {
    const listeners = this.#onAbandon;
    this.#onAbandon = undefined;
    if (listeners) for (const listener of listeners) listener();
  }
}

/** In place of the record of a call that has ended. */
const ENDED = 'ended';

/** One for all calls, which makes none of them an object of its own. */
function closed(this: ServerResponse): void {
  const known = (this.req as Marked)[EXCHANGE];
  if (known instanceof Exchange) known.close();
}

interface Marked {
  [EXCHANGE]?: Exchange | typeof ENDED;
}

/**
 * The record of this call: the one that a stage in front has begun, or a new one. Where a call of this request has
 * ended the record is of one that is over: nothing of it may be sent.
 */
export function exchangeOf(req: IncomingMessage, res: ServerResponse): Exchange {
  const known = (req as Marked)[EXCHANGE];
  if (known === ENDED) return new Exchange(req, res, false, true);
  return known ?? new Exchange(req, res);
}

/** The record of this call while it is under way; looking never makes one. */
export function knownExchange(req: IncomingMessage): Exchange | undefined {
  const known = (req as Marked)[EXCHANGE];
  return known === ENDED ? undefined : known;
}

/** Whether a body follows the head of a request (RFC 9112 §6). */
export function announcesBody(req: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers;
  return coding !== undefined || (length !== undefined && length !== '0');
}

/** Calls back once all of the request's body has been read; at once where it has none. */
export function onceUploaded(req: IncomingMessage, run: () => void): void {
  if (req.readableEnded || !announcesBody(req)) run();
  else req.once('end', run);
}
