import { Agent, get } from 'node:http';
import type { Handler } from '../../../lib/core/exchange.js';
import { realTime, type Time } from '../../../lib/core/time.js';
import { type RateLimitHandler, rateLimit } from '../../../lib/rate-limit/rate-limit.js';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { type ToyTime, toyTime } from '../../support/toy-time.js';
import { until } from '../../support/until.js';
import { startUpstream, type Upstream, type UpstreamResponse } from '../../support/upstream.js';

/** A limiter that is closed after the test. */
export function opened(options: RateLimitOptions = {}, time?: Time): RateLimitHandler {
  const limiter = rateLimit(options, time);
  onCleanup(() => limiter.close());
  return limiter;
}

/** Calls in one window of an API. */
export interface ApiWindow {
  ok: number;
  refused: number;
}

/** Where an API stands in its window. */
interface Standing {
  readonly left: number;
  readonly endsInMs: number;
  readonly limit: number;
  readonly windowMs: number;
  /** The API's time of day. */
  readonly now: number;
}

/** Rate limit headers of a response. */
export type Advertise = (standing: Standing) => Record<string, string>;

const upSeconds = (ms: number) => `${Math.ceil(ms / 1000)}`;

/** The forms in which APIs advertise limits; a 429 has `Retry-After` too. */
export const FORMS = {
  'three headers with seconds': ({ left, endsInMs, limit }) => ({
    'RateLimit-Limit': `${limit}`,
    'RateLimit-Remaining': `${left}`,
    'RateLimit-Reset': upSeconds(endsInMs),
  }),
  'structured headers': ({ left, endsInMs, limit, windowMs }) => ({
    'RateLimit-Policy': `"api";q=${limit};w=${windowMs / 1000}`,
    RateLimit: `"api";r=${left};t=${upSeconds(endsInMs)}`,
  }),
  'an instant in seconds': ({ left, endsInMs, limit, now }) => ({
    'X-RateLimit-Limit': `${limit}`,
    'X-RateLimit-Remaining': `${left}`,
    'X-RateLimit-Reset': upSeconds(now + endsInMs),
  }),
  'an instant in milliseconds': ({ left, endsInMs, limit, now }) => ({
    'X-RateLimit-Limit': `${limit}`,
    'X-RateLimit-Remaining': `${left}`,
    'X-RateLimit-Reset': `${Math.ceil(now + endsInMs)}`,
  }),
  'Retry-After alone': () => ({}),
} satisfies Record<string, Advertise>;

/** An API with a limit for each window. A window begins with the first call after the last one has ended. */
export interface LimitedApi {
  readonly url: string;
  readonly upstream: Upstream;
  /** All windows; the last one may still go on. */
  readonly windows: readonly ApiWindow[];
}

/** @param time the API's own: it also says so in `Date` */
export async function startLimitedApi(
  limit: number,
  windowMs: number,
  advertise: Advertise,
  time: Time = realTime,
): Promise<LimitedApi> {
  const windows: ApiWindow[] = [];
  let endsAt = 0;
  const upstream = await startUpstream((_req, res) => {
    const now = time.steady();
    if (now >= endsAt) {
      endsAt = now + windowMs;
      windows.push({ ok: 0, refused: 0 });
    }
    const window = windows.at(-1) ?? { ok: 0, refused: 0 };
    const ok = window.ok < limit;
    if (ok) window.ok++;
    else window.refused++;
    const endsInMs = endsAt - now;
    const wall = time.wall();
    const headers = advertise({ left: limit - window.ok, endsInMs, limit, windowMs, now: wall });
    headers.Date = new Date(wall).toUTCString();
    if (!ok) headers['Retry-After'] = upSeconds(endsInMs);
    res.writeHead(ok ? 200 : 429, headers).end();
  });
  return { url: upstream.url, upstream, windows };
}

/** Clients that call again after each response, until the test is over. @returns counts by status */
export function keepCalling(urls: readonly string[], clients: number): Record<number, number> {
  const agent = new Agent({ keepAlive: true });
  const counts: Record<number, number> = {};
  let over = false;
  onCleanup(() => {
    over = true;
    agent.destroy();
  });
  const again = (url: string): void => {
    if (over) return;
    const req = get(url, { agent }, (res) => {
      counts[res.statusCode ?? 0] = (counts[res.statusCode ?? 0] ?? 0) + 1;
      res.on('close', () => again(url)).resume();
    });
    req.on('error', () => {});
  };
  for (let i = 0; i < clients; i++) again(urls[i % urls.length] ?? '');
  return counts;
}

/**
 * Lets time pass, to the next timer each time, whenever all of these clients wait in the queue, until the API has begun so
 * many windows.
 */
export async function passWindows(
  api: LimitedApi,
  windows: number,
  limiter: RateLimitHandler,
  clients: number,
  time: ToyTime,
): Promise<void> {
  while (api.windows.length < windows) {
    const allWait = () => limiter.status()[0]?.queued === clients;
    await until(() => allWait() || api.windows.length >= windows, `${clients} calls to wait`);
    if (allWait()) time.advanceToNext();
  }
}

/**
 * Sums over windows that have ended. Leaves out the first, in which the limit is learned, and the second, in which calls
 * may arrive on a busy machine that were sent before anything was known.
 */
export function onceLearned(windows: readonly ApiWindow[]): { ok: number[]; refused: number } {
  const ended = windows.slice(2, -1);
  return {
    ok: ended.map(({ ok }) => ok),
    refused: ended.reduce((sum, { refused }) => sum + refused, 0),
  };
}

/** A limiter in front of an upstream, with time that passes only when it is told to. */
export interface Setup {
  limiter: RateLimitHandler;
  upstream: Upstream;
  url: string;
  advance(ms: number): void;
  gets(times: number, headers?: Record<string, string>): Promise<number[]>;
}

/** A {@link Setup}. @param more stages behind the limiter */
export async function learning(
  script: UpstreamResponse | UpstreamResponse[],
  options: RateLimitOptions = {},
  ...more: Handler[]
): Promise<Setup> {
  const time = toyTime();
  const limiter = opened(options, time);
  const upstream = await startUpstream(script);
  const { url } = await startForward({ target: upstream.url }, limiter, ...more);
  return {
    limiter,
    upstream,
    url,
    advance: time.advance,
    async gets(times, headers) {
      const statuses: number[] = [];
      for (let i = 0; i < times; i++) statuses.push((await call(url, { headers })).status);
      return statuses;
    },
  };
}
