import type { Duplex } from 'node:stream';
import type { BreakerHandler } from '../breaker/breaker.js';
import type { CacheHandler } from '../cache/cache.js';
import { type Exchange, exchangeOf, type Handler } from '../core/exchange.js';
import type { ProxyRotateHandler } from '../proxy-rotate/proxy-rotate.js';
import type { RateLimitHandler } from '../rate-limit/rate-limit.js';
import type { RetryHandler } from '../retry/retry.js';
import type { ForwardHandler } from '../upstream/forward.js';
import type { Api } from './api.js';
import type { ApiParts, PartSources } from './parts.js';

/** All stages of an API, in their order. */
export interface Stages {
  /** Handles calls. */
  readonly handle: Handler;
  /** Handles handshakes of WebSockets. */
  readonly upgrade: Handler;
  /** Whether the proxy listens for handshakes by itself. */
  readonly ws: boolean;
}

/** Puts the parts of an API in their order. @param countDetached stage to put behind the cache */
export type Assemble = (parts: ApiParts, countDetached: Handler) => Stages;

/** An API with one version of its configuration, and a count of the calls in progress. */
export class LiveApi implements Api, Stages {
  readonly name: string;
  readonly cache: CacheHandler | undefined;
  readonly rateLimit: RateLimitHandler | undefined;
  readonly breaker: BreakerHandler | undefined;
  readonly retry: RetryHandler | undefined;
  readonly proxyRotate: ProxyRotateHandler | undefined;
  readonly forward: ForwardHandler;
  /** Nobody else writes its responses: no cache, and no listener or plugin of the user. */
  readonly ownWriters: boolean;
  /** The options that the parts were created from. */
  readonly sources: PartSources;
  readonly handle: Handler;
  readonly upgrade: Handler;
  readonly ws: boolean;
  #active = 0;
  #whenIdle: (() => void) | undefined;

  constructor(
    name: string,
    parts: ApiParts,
    { sources, ownWriters }: Pick<LiveApi, 'sources' | 'ownWriters'>,
    assemble: Assemble,
  ) {
    this.name = name;
    this.cache = parts.cache;
    this.rateLimit = parts.rateLimit;
    this.breaker = parts.breaker;
    this.retry = parts.retry;
    this.proxyRotate = parts.proxyRotate;
    this.forward = parts.forward;
    this.sources = sources;
    this.ownWriters = ownWriters;
    const { handle, upgrade, ws } = assemble(parts, this.#countDetached);
    this.handle = handle;
    this.upgrade = upgrade;
    this.ws = ws;
  }

  /** Counts a call until nobody waits for it. */
  enter(exchange: Exchange): void {
    this.#active++;
    exchange.onAbandon(this.#left);
  }

  /** Counts a WebSocket until it is closed, its handshake included. */
  enterSocket(socket: Duplex): void {
    if (socket.closed) return;
    this.#active++;
    socket.once('close', this.#left);
  }

  /** Calls back once, when no call is in progress; no new calls may come after this. */
  whenIdle(idle: () => void): void {
    this.#whenIdle = idle;
    this.#callIfIdle();
  }

  // The cache's own requests have no client whose call was counted.
  readonly #countDetached: Handler = (req, res, next) => {
    const exchange = exchangeOf(req, res);
    if (exchange.detached) this.enter(exchange);
    next();
  };

  // One function for all calls, so that none of them creates a closure.
  readonly #left = (): void => {
    this.#active--;
    // In the next turn, all other listeners to the end of this call have run.
    if (this.#active === 0 && this.#whenIdle) setImmediate(this.#callIfIdle);
  };

  readonly #callIfIdle = (): void => {
    if (this.#active > 0) return;
    const idle = this.#whenIdle;
    this.#whenIdle = undefined;
    idle?.();
  };
}
