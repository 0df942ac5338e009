import type { IncomingMessage } from 'node:http';
import type { Attempt } from '../core/attempt.js';
import { CallsInProgress } from '../core/calls-in-progress.js';
import { announcesBody, type Exchange, type Limit, type Permit, UNKNOWN_API } from '../core/exchange.js';
import { measureBody, measureResponse } from '../core/meter.js';
import type { CountedSocket } from '../core/upgrade.js';
import { endedCall, messageOf } from '../http/outcome.js';
import { blameOf, countAttemptEnd, countAttempts, countCall } from './count-call.js';
import type { Delta } from './digest/delta.js';
import { OTHERS } from './digest/tally.js';
import { LiveApi, type LivePath } from './live-api.js';
import type { OpenCounts } from './open-counts.js';
import { pathNamer } from './path-patterns.js';
import { pathName } from './path-template.js';
import { SPANS, spanStart } from './periods.js';
import { redactedMessage, redactedPath } from './redaction.js';
import { Running } from './running.js';
import { isSlow } from './slow-calls.js';

/** Options of a {@link Recorder}. */
export interface RecorderOptions {
  readonly name: string;
  readonly maxApis: number;
  readonly maxPaths: number;
  readonly recentErrors: number;
  readonly path?: ((req: IncomingMessage) => string | undefined) | undefined;
  readonly paths: readonly string[];
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** How a request is counted whose path a later stage may rewrite, or that has a name. */
interface Named {
  readonly url: string;
  readonly name: string | undefined;
}

/**
 * Counts each request when its response has closed, and passes on what was counted when it is sealed. Per request it
 * increments counters and appends a few numbers to arrays.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #nameOf: (url: string) => string;
  readonly #clock: () => number;
  readonly #sealed: (api: string, delta: Delta) => void;
  readonly #apis = new Map<string, LiveApi>();
  readonly #running: Running;
  /** Start and end of the minute that is being recorded. */
  #from = 0;
  #to = 0;
  #recorded = 0;
  #named: WeakMap<Exchange, Named> | undefined;
  /** Attempts that have outlived the call they were made for: others wait for the same response. */
  #late: Map<Attempt, LivePath> | undefined;
  #slowMs: ReadonlyMap<string, number> = new Map();

  readonly #permit: Permit = {
    end: (attempt, exchange) => {
      const path = exchange.settled ? this.#late?.get(attempt) : undefined;
      if (!path) return;
      this.#late?.delete(attempt);
      this.#goOn();
      countAttemptEnd(path, attempt, exchange);
    },
  };

  /** Hears of attempts that end late, and marks the calls that are watched already. */
  readonly #watch: Limit = { admit: () => this.#permit };

  /** @param calls where the calls in progress are listed */
  constructor(
    options: RecorderOptions,
    clock: () => number,
    sealed: (api: string, delta: Delta) => void,
    calls = new CallsInProgress(),
  ) {
    this.#options = options;
    this.#nameOf = pathNamer(options.paths);
    this.#clock = clock;
    this.#sealed = sealed;
    this.#running = new Running(calls, {
      counts: ({ limits }) => limits.includes(this.#watch),
      pathOf: (exchange) => this.#pathOf(exchange),
      beforeCount: () => void this.#goOn(),
    });
  }

  /** Requests recorded since the last seal. */
  get recorded(): number {
    return this.#recorded;
  }

  /**
   * Counts a request when it is over; once, however often it passes. Of one that never had a client, such as a
   * revalidation in the background, only the attempts are counted.
   * @param ownWriters see {@link StatsHandler.watch}
   */
  watch(exchange: Exchange, ownWriters: boolean): void {
    const { req, res, limits } = exchange;
    if (limits.includes(this.#watch)) return;
    limits.push(this.#watch);
    // A later stage may rewrite it.
    const url = req.url ?? '/';
    const name = this.#given(req);
    if (name !== undefined || url !== exchange.originalUrl) {
      this.#named ??= new WeakMap();
      this.#named.set(exchange, { url, name });
    }
    if (exchange.detached) return exchange.onSettled(this.#settledBackground);
    if (!ownWriters) measureResponse(res);
    if (announcesBody(req)) measureBody(req);
    this.#running.begin(exchange);
    if (exchange.upgrade) this.#watchSocket(exchange);
    exchange.onSettled(this.#settled);
  }

  #watchSocket(exchange: Exchange): void {
    const { upgrade } = exchange;
    if (!upgrade) return;
    const before = upgrade.opened;
    upgrade.opened = (socket: CountedSocket) => {
      before?.(socket);
      this.#running.opened(socket, this.#pathOf(exchange));
    };
  }

  // One function for all requests: whatever is created per request lives as long as it does.
  readonly #settled = (exchange: Exchange): void => this.#record(exchange);

  readonly #settledBackground = (exchange: Exchange): void => {
    if (exchange.attempts.length === 0) return;
    this.#goOn();
    const path = this.#pathOf(exchange);
    countAttempts(path, exchange);
    this.#awaitLate(path, exchange);
  };

  /** Counts slow calls of these APIs from now on, by the milliseconds after which one is. */
  countSlow(slowMs: ReadonlyMap<string, number>): void {
    this.#slowMs = slowMs;
  }

  /** What is open of an API. */
  open(name: string): OpenCounts {
    return this.#running.open((api) => (api || this.#options.name) === name);
  }

  /** Passes on what was recorded, and what has passed of calls in progress. */
  seal(): void {
    this.#turn(this.#clock());
    this.#running.tell(performance.now());
    this.#sealAll();
  }

  #sealAll(): void {
    this.#recorded = 0;
    for (const api of this.#apis.values()) {
      const delta = api.seal(this.#from);
      if (delta) this.#sealed(api.name, delta);
    }
  }

  #given(req: IncomingMessage): string | undefined {
    const { path } = this.#options;
    if (!path) return undefined;
    try {
      const name: unknown = path(req);
      return typeof name === 'string' && name !== '' ? pathName(name) : undefined;
    } catch {
      return undefined;
    }
  }

  #record(exchange: Exchange): void {
    const now = this.#goOn();
    const api = this.#apiOf(exchange);
    const path = this.#pathOf(exchange, api);
    const failed = countCall(path, exchange, this.#running.end(exchange));
    this.#awaitLate(path, exchange);
    const slowMs = this.#slowMs.get(api.name);
    if (slowMs !== undefined && isSlow(exchange, slowMs)) path.tally.slow++;
    if (!failed) return;
    const { cut, durationMs } = endedCall(exchange);
    api.failed({
      time: now,
      status: exchange.res.headersSent ? exchange.res.statusCode : 0,
      code: (exchange.error ?? cut)?.code,
      by: blameOf(exchange, cut),
      message: redactedMessage(messageOf(exchange, cut)),
      method: exchange.req.method ?? '',
      path: redactedPath(this.#named?.get(exchange)?.url ?? exchange.originalUrl),
      requestId: exchange.requestId ?? requestId(exchange.req),
      durationMs,
      attempts: exchange.attempts.length,
      template: path.name,
    });
  }

  #awaitLate(path: LivePath, { attempts }: Exchange): void {
    for (const attempt of attempts) {
      if (attempt.end) continue;
      this.#late ??= new Map();
      this.#late.set(attempt, path);
    }
  }

  #goOn(): number {
    const now = this.#clock();
    this.#turn(now);
    this.#recorded++;
    return now;
  }

  /** Begins another minute where one is over. It may be an earlier one, when the clock is set back. */
  #turn(now: number): void {
    if (now >= this.#from && now < this.#to) return;
    if (this.#recorded > 0) this.#sealAll();
    this.#from = spanStart('minute', now);
    this.#to = this.#from + SPANS.minute.lengthMs;
  }

  #pathOf(exchange: Exchange, api = this.#apiOf(exchange)): LivePath {
    if (api.name === UNKNOWN_API) return api.path(OTHERS);
    const { url = exchange.originalUrl, name } = this.#named?.get(exchange) ?? {};
    return name === undefined ? api.pathOf(url) : api.path(name);
  }

  #apiOf({ api }: Exchange): LiveApi {
    return this.#api(api || this.#options.name);
  }

  #api(name: string): LiveApi {
    const known = this.#apis.get(name);
    if (known) return known;
    const { maxApis, maxPaths, recentErrors } = this.#options;
    if (this.#apis.size >= maxApis && name !== OTHERS) return this.#api(OTHERS);
    const api = new LiveApi(name, maxPaths, recentErrors, this.#nameOf);
    this.#apis.set(name, api);
    return api;
  }
}

function requestId(req: IncomingMessage): string | undefined {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : undefined;
}
