import { type CacheHandler, cache } from '../../../lib/cache/cache.js';
import type { CacheOptions } from '../../../lib/cache/cache-options.js';
import { apiSite } from '../../../lib/cache/cache-site.js';
import type { Handler } from '../../../lib/core/exchange.js';
import { onCleanup } from '../../support/cleanup.js';
import { type CallOptions, call, type TargetResponse } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import type { Served } from '../../support/serve.js';
import { startUpstream, type Upstream, type UpstreamResponse } from '../../support/upstream.js';

/** A clock that runs, and can be advanced. */
export class TestClock {
  #aheadMs = 0;
  readonly now = (): number => Date.now() + this.#aheadMs;

  advance(ms: number): void {
    this.#aheadMs += ms;
  }
}

/** A cache in front of `forward()` and a real upstream, on a clock set by the test. */
export interface CachedUpstream {
  readonly upstream: Upstream;
  readonly proxy: Served;
  readonly handler: CacheHandler;
  readonly clock: TestClock;
  get(path?: string, headers?: Record<string, string>): Promise<TargetResponse>;
  send(method: string, path?: string, options?: CallOptions): Promise<TargetResponse>;
}

/** A cache on a clock set by the test, closed after it. */
export function openCache(options: CacheOptions, clock = new TestClock(), target?: string): CacheHandler {
  // Two of them are two processes of one application, although each has an upstream of its own.
  const site = { ...apiSite({ target, changeOrigin: true }), identity: 'one' };
  const handler = cache(options, site, clock.now);
  onCleanup(() => handler.close());
  return handler;
}

/** @param stages between the cache and `forward()` */
export async function cached(
  script: UpstreamResponse | readonly UpstreamResponse[],
  options: CacheOptions = {},
  { stages = [], clock = new TestClock() }: { stages?: Handler[]; clock?: TestClock } = {},
): Promise<CachedUpstream> {
  const upstream = await startUpstream(script);
  const handler = openCache(options, clock, upstream.url);
  const proxy = await startForward({ target: upstream.url }, handler, ...stages);
  return {
    upstream,
    proxy,
    handler,
    clock,
    get: (path = '/', headers = {}) => call(proxy.url + path, { headers }),
    send: (method, path = '/', rest = {}) => call(proxy.url + path, { method, ...rest }),
  };
}

/** Responds with a running number, so that a test sees which request a response belongs to. */
export function counted(
  headers: Record<string, string | string[]> = {},
  { clock = new TestClock(), status = 200 }: { clock?: TestClock; status?: number } = {},
): UpstreamResponse {
  let count = 0;
  return (req, res) => {
    const respond = (): void => {
      count++;
      const body = `answer ${count}`;
      res.writeHead(status, {
        date: new Date(clock.now()).toUTCString(),
        'content-type': 'text/plain',
        'content-length': Buffer.byteLength(body),
        ...headers,
      });
      res.end(req.method === 'HEAD' ? undefined : body);
    };
    if (req.complete) respond();
    else req.resume().on('end', respond);
  };
}

/** What our cache says it did. */
export function cacheStatus(response: TargetResponse | undefined): string {
  return response?.lines('cache-status').at(-1) ?? '';
}
