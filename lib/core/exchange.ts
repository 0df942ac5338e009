import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Attempt, BodyReader, LimitOf, PermitOf } from './attempt.js';
import { takeChangedHeaders } from './changed-headers.js';
import type { EgressPolicy } from './egress.js';
import type { EndedCall } from './ended-call.js';
import type { ProxyError } from './errors.js';
import { closeWithConnection } from './in-line.js';
import { prepareRequest } from './prepared-request.js';
import type { RetryContextOf, RetryPolicyOf } from './retry-policy.js';
import type { Upgrade } from './upgrade.js';

/** A middleware as Connect, Express and Polka call it. Nothing that Express adds is used. */
export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** What may refuse an attempt of a call, or make it wait. */
export type Limit = LimitOf<Exchange>;

/** What an attempt of a call holds of a {@link Limit}. */
export type Permit = PermitOf<Exchange>;

/** Decides which attempts of a call are followed by another. */
export type RetryPolicy = RetryPolicyOf<Exchange>;

/** What a {@link RetryPolicy} may look at. */
export type RetryContext = RetryContextOf<Exchange>;

/** Who may have a use for a response that nobody waits for. */
export interface Keeper {
  /** The last one who waited has left. The call goes on if it is held now. */
  left(): void;
}

/** What the cache did with a call. */
export type CacheVerdict = 'hit' | 'miss' | 'stale' | 'revalidated' | 'bypass' | 'coalesced';

/** The name under which calls to APIs that are not configured are counted, all together: clients invent names. */
export const UNKNOWN_API = '(unknown)';

const EXCHANGE: unique symbol = Symbol('resilient-proxy-out.exchange');

/**
 * The record of one call on its way through the stages: the first stage creates it, the others find it. Stages write
 * what they learn and never subscribe to one another. Statistics read it once, when the response has closed.
 */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Name of the API; empty if a middleware stands alone and has no name. */
  api = '';
  /** By which it is found in the logs of several systems; `undefined` where nobody has given it one. */
  requestId: string | undefined = undefined;
  /** When the call began, on the clock of `performance.now()`. */
  readonly startedAt = performance.now();
  /** What an API's own name has taken from the path before the call began; empty if nothing. */
  mount = '';
  /** `req.url` when the call began, before any stage rewrote it. */
  readonly originalUrl: string;
  /** Every attempt, in order. */
  readonly attempts: Attempt[] = [];
  /** Checked before every attempt, in the order of the stages. One that admits an attempt is notified of its end. */
  readonly limits: Limit[] = [];
  /** Stages that judge responses by their bodies; `undefined` if there are none. */
  bodyReaders: BodyReader[] | undefined = undefined;
  /** Sees the body of the response that `forward()` passes on, chunk by chunk. */
  bodyTap: ((chunk: Uint8Array) => void) | undefined = undefined;
  retry: RetryPolicy | undefined = undefined;
  egress: EgressPolicy | undefined = undefined;
  /** Set if the client requests a WebSocket. */
  upgrade: Upgrade | undefined = undefined;
  /** How long the target may take from the last byte of the request to its head; the smallest that a stage has set. */
  attemptTimeoutMs: number | undefined = undefined;
  /** Longest pause of the client in a body that is read before the call goes on; 0 is no limit. */
  bodyTimeoutMs = 30_000;
  /** Least bytes per second of such a body; 0 is no limit. */
  minBodyRate = 0;
  /** Milliseconds in which such a body was read: the client's time, which does not count against the call's. */
  readAheadMs = 0;
  /** Name and value of the header by which the target recognises a repeated call; the same for each attempt. */
  idempotencyKey: readonly [name: string, value: string] | undefined = undefined;
  /** Milliseconds that the call waited for a quota before its first attempt. */
  queuedMs = 0;
  /** The response tells the client how the call went. */
  explained = false;
  /**
   * Request headers, in lower case, that the application has set or changed while the call was sent: whatever decides by
   * those of the client has not seen them.
   */
  headersSetLate: Set<string> | undefined = undefined;
  /** When the cache passed the call on, on the clock of `performance.now()`; set if the call is explained. */
  passedCacheAt: number | undefined = undefined;
  /** What the cache did; `undefined` if there was none. */
  cache: CacheVerdict | undefined = undefined;
  /** The cache has responded 504: it has no response, and the client wants none of the target. */
  onlyIfCached = false;
  /** The error that was sent in place of the upstream's response. */
  error: ProxyError | undefined = undefined;
  /** What broke off the target's response after its head had been sent to the client. */
  cut: ProxyError | undefined = undefined;
  /** What came of the call, once its response has closed and somebody has asked. @internal */
  ended: EndedCall | undefined = undefined;
  /** When the accepted head was passed on, on the clock of `performance.now()`. */
  respondedAt: number | undefined = undefined;
  /** Bytes of bodies that `forward()` and error responses wrote; other writers are not counted. */
  bytesOut = 0;
  /** Nobody else writes the response: {@link bytesOut} is all of it. */
  ownWriters = false;
  /**
   * The stages after the current one, callable with another request and response: a {@link detach | detached call}
   * runs them. `undefined` in front of a foreign handler, whose `next()` is bound to one response.
   */
  rest: Handler | undefined = undefined;
  /** Asked before a call is abandoned, whether that is better finished: it then holds it. */
  keeper: Keeper | undefined = undefined;
  /** The call never had a client: a background revalidation. */
  readonly detached: boolean;
  /** The call that a detached one was made for; that may have ended by then. */
  cause: Exchange | undefined = undefined;

  /** Its place among the open calls of a server. @internal */
  place = -1;
  /** Its place among the calls in progress that are counted. @internal */
  countedPlace = -1;

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
    prepareRequest(req);
    // No close of it would be told any more.
    if (ended || res.closed || res.destroyed) this.#closed = true;
    else {
      res.on('close', closed);
      if (res.socket === null && !detached) closeWithConnection(req, res);
    }
  }

  /** Adds one who judges responses by their bodies; `undefined` is none. */
  readBodies(reader: BodyReader | undefined): void {
    if (!reader) return;
    this.bodyReaders ??= [];
    this.bodyReaders.push(reader);
  }

  /** Nobody waits for the response any more. Use this instead of the response's own `closed`. */
  get abandoned(): boolean {
    return this.#closed && this.#holds === 0;
  }

  /** An upgrade cannot be sent in absolute form: what follows is not HTTP. */
  get tunnel(): boolean {
    return this.upgrade !== undefined;
  }

  /** The response has closed: complete, broken off, or left by its client. */
  get settled(): boolean {
    return this.#closed;
  }

  /**
   * Keeps the call alive after its client has gone, for others that wait for the same response.
   * @returns releases the hold; the last release of a call without a client abandons it
   */
  hold(): () => void {
    this.#holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds--;
      if (this.abandoned) this.keeper?.left();
      if (this.abandoned) this.#abandon();
    };
  }

  /**
   * Calls back once when nobody waits any more, whether or not the response was complete; at once if that is so
   * already.
   */
  onAbandon(listener: () => void): void {
    if (this.abandoned) return listener();
    // A list that begins with its element has room for one, an empty one that grows makes room for seventeen.
    if (this.#onAbandon) this.#onAbandon.push(listener);
    else this.#onAbandon = [listener];
  }

  /** Calls back once when the response has closed, however it ended; at once if it has. */
  onSettled(listener: (exchange: Exchange) => void): void {
    if (this.#closed) return listener(this);
    this.#onSettled ??= [];
    this.#onSettled.push(listener);
  }

  /** Called when the response has closed. @internal */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#holds === 0) this.keeper?.left();
    if (this.#holds === 0) this.#abandon();
    const listeners = this.#onSettled;
    this.#onSettled = undefined;
    if (listeners) for (const listener of listeners) listener(this);
    // Express changes the prototype of requests, which makes them reach the old generation on Node 20, together with
    // all that they refer to. The mark left here says that there was a call and that it has ended: one that comes
    // back late must not begin another.
    (this.req as Marked)[EXCHANGE] = ENDED;
  }

  #abandon(): void {
    const listeners = this.#onAbandon;
    this.#onAbandon = undefined;
    if (listeners) for (const listener of listeners) listener();
  }
}

/** Replaces the record of a call that has ended. */
const ENDED = 'ended';

/** One function for all calls: no closure for each. */
function closed(this: ServerResponse): void {
  const known = (this.req as Marked)[EXCHANGE];
  if (known instanceof Exchange) known.close();
}

interface Marked {
  [EXCHANGE]?: Exchange | typeof ENDED;
}

/**
 * The record of this call: the one that an earlier stage created, or a new one. If a call of this request has ended,
 * the record is that of an ended call: nothing may be sent for it. What the application has changed in the headers
 * since an earlier stage counts from here on.
 */
export function exchangeOf(req: IncomingMessage, res: ServerResponse): Exchange {
  const known = (req as Marked)[EXCHANGE];
  if (known === ENDED) return new Exchange(req, res, false, true);
  if (!known) return new Exchange(req, res);
  takeChangedHeaders(req);
  return known;
}

/** The same where nothing of the application has run since an earlier stage. */
export const sameExchange = (req: IncomingMessage, res: ServerResponse): Exchange =>
  knownExchange(req) ?? exchangeOf(req, res);

/** The record of this call while it is in progress; never creates one. */
export function knownExchange(req: IncomingMessage): Exchange | undefined {
  const known = (req as Marked)[EXCHANGE];
  return known === ENDED ? undefined : known;
}

/** Whether a body follows the head of a request (RFC 9112 §6). */
export function announcesBody(req: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers;
  if (coding !== undefined || length !== undefined) return coding !== undefined || length !== '0';
  // HTTP/2 has frames instead: the head says whether it is the last one (RFC 9113 §8.1).
  return req.httpVersionMajor === 2 && (req as Framed).stream?.endAfterHeaders === false;
}

/** A request of Node's HTTP/2 server. */
interface Framed extends IncomingMessage {
  readonly stream?: { readonly endAfterHeaders: boolean };
}
