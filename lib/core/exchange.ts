import { IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { DetachedResponse } from './detached-response.js';
import type { EgressPolicy } from './egress.js';
import type { ProxyError } from './errors.js';
import type { Upgrade } from './upgrade.js';

export type { Egress, EgressPolicy } from './egress.js';

/** A middleware as Connect, Express and Polka call it. Nothing that Express adds is used. */
export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** Status line and fields of an answer, as received; `rawHeaders` is flat: name, value, name, value. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly rawHeaders: readonly string[];
}

/** How one attempt ended, as far as it is known when its head or its error arrives. */
export type AttemptOutcome =
  | { readonly kind: 'answer'; readonly head: ResponseHead }
  | {
      readonly kind: 'failure';
      readonly error: ProxyError;
      /** Name of the error class in `retryOnErrors`; `undefined` where trying again cannot help. */
      readonly retryClass: RetryClass | undefined;
      /** Nothing of the call can have reached the target: refused, host not found. */
      readonly unsent: boolean;
      /** A kept connection that the target had closed in the meantime: no failure of the target's. */
      readonly staleConnection: boolean;
    }
  | { readonly kind: 'abandoned' };

/** Classes of connection errors, by the names the OpenResty gateway used. */
export type RetryClass = 'timeout' | 'connection refused' | 'connection reset' | 'socket' | 'host not found';

/** One try to get the answer from the target. */
export interface Attempt {
  /** 1 for the first; attempts through another exit and the one on a fresh connection count on. */
  readonly number: number;
  /** When it began, on the clock of `performance.now()`: after all waits for an exit or a guard. */
  startedAt: number;
  /** From its begin to its head or error. */
  durationMs: number;
  /** How long it waited before it began: for an exit, and for what the guards let it wait for. */
  waitedMs: number;
  /** Name of the exit it went through; `undefined` is direct. */
  egress: string | undefined;
  /** `undefined` while it runs. */
  outcome: AttemptOutcome | undefined;
}

/** What an attempt asks for, and where. */
export interface SentRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly target: { readonly origin: string };
}

/** Asked around every attempt. One object may serve many exchanges. */
export interface Guard {
  /** Says no before an attempt begins: the error ends the call. A promise makes the attempt wait. */
  before?(attempt: Attempt, exchange: Exchange): ProxyError | undefined | Promise<ProxyError | undefined>;
  /**
   * Asked when it goes out, all guards agreeing; it must not throw.
   * @returns flat fields that take the place of those of the same names, for this attempt alone
   */
  sending?(attempt: Attempt, exchange: Exchange, request: SentRequest): readonly string[] | undefined;
  /** Learns how it ended, once, at its head or error; `attempt.outcome` is set. */
  after?(attempt: Attempt, exchange: Exchange): void;
  /** Learns that an accepted answer broke off before its end. */
  cut?(attempt: Attempt, exchange: Exchange, error: ProxyError): void;
  /** Whether another attempt would be refused now; asked before an answer is given up for a retry. */
  blocks?(exchange: Exchange): boolean;
  /** When calls through this exit are allowed again, in epoch milliseconds; 0 is now. For a rotation. */
  readyAt?(egress: string | undefined): number;
}

/** Decides which attempts are followed by another; set by `retry()`, driven by the attempt loop. */
export interface RetryPolicy {
  /** Up to this many bytes of a request body are kept to be sent again. */
  readonly maxBodyBytes: number;
  /** Bound on the whole call up to the accepted head, back-off included. */
  readonly totalTimeoutMs: number;
  /** Whether a call by this method may be sent twice. */
  resends(method: string): boolean;
  /** Milliseconds to wait before the next attempt; `undefined` passes this outcome on. */
  delayAfter(outcome: AttemptOutcome, call: RetryContext): number | undefined;
  /** Runs `again` until it resolves; entered only when a first attempt has failed. */
  drive(again: (giveUp: (error: Error) => void) => Promise<void>): Promise<void>;
}

/** What a retry policy may look at. */
export interface RetryContext {
  readonly exchange: Exchange;
  readonly method: string;
  /** Attempts made that count against `maxAttempts`. */
  readonly attemptsMade: number;
  /** Time since the call began. */
  readonly elapsedMs: number;
  /** All that was sent of the body can be sent again. */
  readonly replayable: boolean;
  /** The target tells it from a new call when it comes once more. */
  readonly keyed: boolean;
}

/** What the cache did with a call. */
export type CacheVerdict = 'hit' | 'miss' | 'stale' | 'revalidated' | 'bypass' | 'coalesced';

const EXCHANGE: unique symbol = Symbol('resilient-proxy-out.exchange');

/**
 * The record of one call on its way through the stages. Stages write what they learn and never
 * subscribe to one another; statistics read it once, when it has settled.
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
  /** Asked around every attempt, in the order of the stages. */
  readonly guards: Guard[] = [];
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

  constructor(req: IncomingMessage, res: ServerResponse, detached = false) {
    this.req = req;
    this.res = res;
    this.detached = detached;
    this.originalUrl = req.url ?? '/';
    res.once('close', () => this.#close());
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

  /** Calls back once when nobody waits any more before the answer was complete. */
  onAbandon(listener: () => void): void {
    this.#onAbandon ??= [];
    this.#onAbandon.push(listener);
  }

  /** Calls back once when the response has closed, however it ended. */
  onSettled(listener: (exchange: Exchange) => void): void {
    this.#onSettled ??= [];
    this.#onSettled.push(listener);
  }

  #close(): void {
    this.#closed = true;
    if (this.#holds === 0) this.#abandon();
    const listeners = this.#onSettled;
    this.#onSettled = undefined;
    if (listeners) for (const listener of listeners) listener(this);
    // Express' change of prototypes lets requests grow old on Node 20: what hangs on them would with them.
    (this.req as Marked)[EXCHANGE] = undefined;
  }

  #abandon(): void {
    const listeners = this.#onAbandon;
    this.#onAbandon = undefined;
    if (listeners) for (const listener of listeners) listener();
  }
}

interface Marked {
  [EXCHANGE]?: Exchange;
}

/** The record of this call; begins one where no stage has yet. */
export function exchangeOf(req: IncomingMessage, res: ServerResponse): Exchange {
  const marked = req as Marked;
  const known = marked[EXCHANGE];
  if (known) return known;
  const exchange = new Exchange(req, res);
  marked[EXCHANGE] = exchange;
  return exchange;
}

/** The record of this call, where a stage has begun one. */
export function knownExchange(req: IncomingMessage): Exchange | undefined {
  return (req as Marked)[EXCHANGE];
}

/** Whether a body follows the head of a request (RFC 9112 §6). */
export function announcesBody(req: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers;
  return coding !== undefined || (length !== undefined && length !== '0');
}

/** What a detached call asks for; what is left out is as in the call it comes from. */
export interface DetachedRequest {
  method?: string;
  url?: string;
  /** Flat, as Node's `rawHeaders`. */
  rawHeaders?: readonly string[];
  body?: Buffer;
}

/**
 * A call without a client, with a request and a response of its own: the answer goes to whoever wraps
 * the response. Run it by `parent.rest`, which is there where the rest of the chain is ours.
 */
export function detach(parent: Exchange, request: DetachedRequest = {}): Exchange {
  const req = new IncomingMessage(new Socket());
  req.method = request.method ?? parent.req.method;
  req.url = request.url ?? parent.req.url;
  req.httpVersion = '1.1';
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  setRawHeaders(req, request.rawHeaders ?? parent.req.rawHeaders);
  if (request.body) req.push(request.body);
  req.push(null);
  req.complete = true;
  const res = new DetachedResponse(req);
  const exchange = new Exchange(req, res, true);
  exchange.api = parent.api;
  exchange.rest = parent.rest;
  (req as Marked)[EXCHANGE] = exchange;
  return exchange;
}

function setRawHeaders(req: IncomingMessage, rawHeaders: readonly string[]): void {
  req.rawHeaders = [...rawHeaders];
  const headers: Record<string, string | string[] | undefined> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = String(rawHeaders[i]).toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? rawHeaders[i + 1] : `${before}, ${rawHeaders[i + 1]}`;
  }
  req.headers = headers;
}
