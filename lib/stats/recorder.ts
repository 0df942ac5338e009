import type { IncomingMessage } from 'node:http';
import type { Blame, ProxyError } from '../core/errors.js';
import { announcesBody, type Exchange, type Limit, type Permit } from '../core/exchange.js';
import { messageOf, resultOf } from './call-outcome.js';
import type { Delta } from './digest/delta.js';
import { bump, bumpName, OTHERS } from './digest/tally.js';
import { LiveApi, type LivePath } from './live-api.js';
import { measureBody, measuredBody, measuredResponse, measureResponse } from './meter.js';
import { pathName } from './path-template.js';
import { SPANS, spanStart } from './periods.js';
import { redactedMessage, redactedPath } from './redaction.js';

/** Options of a {@link Recorder}. */
export interface RecorderOptions {
  readonly name: string;
  readonly maxApis: number;
  readonly maxPaths: number;
  readonly recentErrors: number;
  readonly path?: ((req: IncomingMessage) => string | undefined) | undefined;
}

const DIRECT = 'direct';
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/**
 * Counts each request when its response has closed, and passes on what was counted when it is sealed. Per request it
 * increments counters and appends two numbers to arrays.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #clock: () => number;
  readonly #sealed: (api: string, delta: Delta) => void;
  readonly #apis = new Map<string, LiveApi>();
  /** Start and end of the minute that is being recorded. */
  #from = 0;
  #to = 0;
  #recorded = 0;
  #cuts: WeakMap<Exchange, ProxyError> | undefined;

  readonly #permit: Permit = {
    end: ({ outcome, end }, exchange) => {
      if (outcome?.kind !== 'response' || end?.kind !== 'failure') return;
      this.#cuts ??= new WeakMap();
      this.#cuts.set(exchange, end.error);
    },
  };

  /** Hears of responses that break off, and marks the calls that are watched already. */
  readonly #watch: Limit = { admit: () => this.#permit };

  constructor(options: RecorderOptions, clock: () => number, sealed: (api: string, delta: Delta) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#sealed = sealed;
  }

  /** Requests recorded since the last seal. */
  get recorded(): number {
    return this.#recorded;
  }

  /**
   * Counts a request when it is over; once, however often it passes.
   * @param ownWriters see {@link StatsHandler.watch}
   */
  watch(exchange: Exchange, ownWriters: boolean): void {
    const { req, res, limits } = exchange;
    if (limits.includes(this.#watch)) return;
    limits.push(this.#watch);
    if (!ownWriters) measureResponse(res);
    if (announcesBody(req)) measureBody(req);
    // A later stage may rewrite it.
    const url = req.url ?? '/';
    const name = this.#given(req);
    if (name === undefined && url === exchange.originalUrl) exchange.onSettled(this.#settled);
    else exchange.onSettled((settled) => this.#record(settled, url, name));
  }

  // One function for all requests: whatever is created per request lives as long as it does.
  readonly #settled = (exchange: Exchange): void => this.#record(exchange, exchange.originalUrl, undefined);

  /** Passes on what was recorded. */
  seal(): void {
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

  #record(exchange: Exchange, url: string, name: string | undefined): void {
    const now = this.#clock();
    if (now < this.#from || now >= this.#to) this.#turn(now);
    this.#recorded++;
    const endedAt = performance.now();
    const durationMs = Math.max(0, endedAt - exchange.startedAt);
    const api = this.#api(exchange.api || this.#options.name);
    const path = name === undefined ? api.pathOf(url) : api.path(name);
    const cut = exchange.res.writableFinished ? undefined : this.#cuts?.get(exchange);
    const failed = count(path, exchange, cut, durationMs);
    if (!failed) return;
    api.failed({
      time: now,
      status: exchange.res.headersSent ? exchange.res.statusCode : 0,
      code: (exchange.error ?? cut)?.code,
      by: blameOf(exchange, cut),
      message: redactedMessage(messageOf(exchange, cut)),
      method: exchange.req.method ?? '',
      path: redactedPath(url),
      requestId: requestId(exchange.req),
      durationMs,
      attempts: exchange.attempts.length,
      template: path.name,
    });
  }

  /** Begins another minute. It may be an earlier one, when the clock is set back. */
  #turn(now: number): void {
    if (this.#recorded > 0) this.seal();
    this.#from = spanStart('minute', now);
    this.#to = this.#from + SPANS.minute.lengthMs;
  }

  #api(name: string): LiveApi {
    const known = this.#apis.get(name);
    if (known) return known;
    const { maxApis, maxPaths, recentErrors } = this.#options;
    if (this.#apis.size >= maxApis && name !== OTHERS) return this.#api(OTHERS);
    const api = new LiveApi(name, maxPaths, recentErrors);
    this.#apis.set(name, api);
    return api;
  }
}

/**
 * Counts a request.
 * @returns whether it belongs among the recent errors
 */
function count(
  { tally, responseTimes, firstBytes }: LivePath,
  exchange: Exchange,
  cut: ProxyError | undefined,
  durationMs: number,
): boolean {
  const { req, res, error, cache, attempts, startedAt, respondedAt } = exchange;
  const result = resultOf(exchange, cut);
  const meter = measuredResponse(res);
  tally.total++;
  if (result !== 'left') tally[result]++;
  if (result === 'failure') bump(tally.failedBy, blameOf(exchange, cut));
  if (res.headersSent) {
    bump(tally.statusCodes, res.statusCode);
    const firstAt = respondedAt ?? meter?.firstByteAt ?? 0;
    // A head without a body may have been sent unobserved, as by `flushHeaders()`.
    firstBytes.add(firstAt > startedAt ? Math.min(firstAt - startedAt, durationMs) : durationMs);
    if (hasBody(req.method, res.statusCode)) tally.bytesOut += meter?.bytesOut ?? exchange.bytesOut;
  }
  // Only a complete response has a response time: a stream that its client left after an hour is not slow.
  if (result === 'success' || result === 'failure') responseTimes.add(durationMs);
  tally.bytesIn += measuredBody(req);
  if (cache) bump(tally.cache, cache);
  if (attempts.length > 0) {
    tally.attempts += attempts.length;
    if (attempts.length > 1) tally.retried++;
    for (const attempt of attempts) bumpName(tally.proxies, attempt.egress ?? DIRECT);
  }
  const code = (error ?? cut)?.code;
  if (code) bumpName(tally.errors, code);
  return result === 'failure' || code !== undefined;
}

/** A response of the target is its own doing, and no error. */
const blameOf = ({ error }: Exchange, cut: ProxyError | undefined): Blame => (error ?? cut)?.by ?? 'target';

const hasBody = (method: string | undefined, status: number): boolean =>
  method !== 'HEAD' && status !== 204 && status !== 304;

function requestId(req: IncomingMessage): string | undefined {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : undefined;
}
