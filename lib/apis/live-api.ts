import type { Duplex } from 'node:stream';
import { type Exchange, type Handler, sameExchange } from '../core/exchange.js';
import type { Api, ApiParts } from './part-list.js';
import type { PartSources } from './parts.js';

/** All stages of an API, in their order. */
export interface Stages {
  /** Handles calls. */
  readonly handle: Handler;
  /** Handles handshakes of WebSockets. */
  readonly upgrade: Handler;
  /** Whether the proxy listens for handshakes by itself. */
  readonly ws: boolean;
  /** Protocols that clients may switch to. */
  readonly upgrades: readonly string[];
}

/** Puts the stages of an API in their order. @param countDetached stage to put behind the cache */
export type Assemble = (countDetached: Handler) => Stages;

/** An API with one version of its configuration, and a count of the calls in progress. */
export class LiveApi implements Stages {
  readonly name: string;
  readonly parts: ApiParts;
  /** What an application sees of it. */
  readonly api: Api;
  /** Nobody else writes its responses: no cache, and no listener or plugin of the user. */
  readonly ownWriters: boolean;
  /** The options that the parts were created from. */
  readonly sources: () => PartSources;
  readonly handle: Handler;
  readonly upgrade: Handler;
  readonly ws: boolean;
  readonly upgrades: readonly string[];
  #active = 0;
  #whenIdle: (() => void) | undefined;

  constructor(
    name: string,
    parts: ApiParts,
    { sources, ownWriters }: Pick<LiveApi, 'sources' | 'ownWriters'>,
    assemble: Assemble,
  ) {
    this.name = name;
    this.parts = parts;
    const { forward, ...shown } = parts;
    this.api = Object.freeze({ name, ...shown });
    this.sources = sources;
    this.ownWriters = ownWriters;
    const { handle, upgrade, ws, upgrades } = assemble(this.#countDetached);
    this.handle = handle;
    this.upgrade = upgrade;
    this.ws = ws;
    this.upgrades = upgrades;
  }

  /** Calls in progress, with WebSockets and what the cache requests by itself. */
  get active(): number {
    return this.#active;
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
    const exchange = sameExchange(req, res);
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
