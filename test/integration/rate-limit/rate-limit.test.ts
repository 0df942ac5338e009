import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { cache } from '../../../lib/cache/cache.js';
import type { Handler } from '../../../lib/core/exchange.js';
import type { RateLimitHandler } from '../../../lib/rate-limit/rate-limit.js';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import { retry } from '../../../lib/retry/retry.js';
import { begin, call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import type { Served } from '../../support/serve.js';
import { until, within } from '../../support/until.js';
import {
  hangUp,
  silence,
  startUpstream,
  status,
  type Upstream,
  type UpstreamResponse,
} from '../../support/upstream.js';
import { opened } from './testing.js';

const MINUTE = 60_000;

interface Setup {
  limiter: RateLimitHandler;
  upstream: Upstream;
  proxy: Served;
  /** Statuses of calls made one after the other. */
  gets(times: number, headers?: Record<string, string>): Promise<number[]>;
}

async function limited(
  options: RateLimitOptions,
  script: UpstreamResponse | UpstreamResponse[] = status(200),
  ...more: Handler[]
): Promise<Setup> {
  const limiter = opened(options);
  const upstream = await startUpstream(script);
  const proxy = await startForward({ target: upstream.url }, limiter, ...more);
  return {
    limiter,
    upstream,
    proxy,
    async gets(times, headers) {
      const statuses: number[] = [];
      for (let i = 0; i < times; i++) statuses.push((await call(proxy.url, { headers })).status);
      return statuses;
    },
  };
}

/** Counts the calls that begin to wait. */
function queuedBy(limiter: RateLimitHandler): () => number {
  let queued = 0;
  limiter.on('queued', () => queued++);
  return () => queued;
}

describe('rateLimit() with a limit', () => {
  it('refuses the call that is one too many, and the upstream does not see it', async () => {
    const { gets, proxy, upstream } = await limited({ name: 'weather', limit: 3, windowMs: MINUTE });
    expect(await gets(3)).to.deep.equal([200, 200, 200]);
    const refused = await call(proxy.url);
    expect(refused.status).to.equal(429);
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).to.be.within(1, 60);
    expect(refused.headers).to.include({
      'ratelimit-policy': '"weather";q=3;w=60',
      ratelimit: `"weather";r=0;t=${seconds}`,
      'proxy-status': 'resilient-proxy-out; error=http_request_denied',
    });
    expect(refused.json()).to.deep.equal({
      error: `Rate limit of "weather" reached (3 per 60 s, configured). Please try again in ${seconds} seconds`,
      code: 'ERR_RATE_LIMITED',
    });
    expect(upstream.requests).to.have.length(3);
  });

  it('quotes any name in its headers', async () => {
    const { proxy } = await limited({ name: 'a"b\\c\né', limit: 1, windowMs: MINUTE });
    await call(proxy.url);
    expect((await call(proxy.url)).headers['ratelimit-policy']).to.equal('"a\\"b\\\\c??";q=1;w=60');
  });

  it('allows calls again when the window has ended', async () => {
    const { gets } = await limited({ limit: 2, windowMs: 150 });
    const statuses: number[] = [];
    while (statuses.filter((code) => code === 200).length < 6) statuses.push(...(await gets(1)));
    expect(statuses).to.include(429);
  });

  it('has a quota for each key', async () => {
    const key: RateLimitOptions['key'] = (req) => req.headers['x-tenant'] as string | undefined;
    const { gets } = await limited({ limit: 1, windowMs: MINUTE, key });
    expect(await gets(2, { 'x-tenant': 'a' })).to.deep.equal([200, 429]);
    expect(await gets(2, { 'x-tenant': 'b' })).to.deep.equal([200, 429]);
    expect(await gets(2)).to.deep.equal([200, 429]);
  });

  it('passes on the error of a key that throws', async () => {
    const key = () => {
      throw new Error('no tenant');
    };
    const { gets, proxy, upstream } = await limited({ limit: 1, key });
    expect(await gets(1)).to.deep.equal([500]);
    expect(proxy.errors).to.have.length(1);
    expect(upstream.requests).to.have.length(0);
  });

  for (const name of ['key', 'scope', 'cost'] as const)
    it(`fails a call whose ${name} is a promise`, async () => {
      const promising = () => Promise.reject(new Error('no tenant'));
      const { gets, upstream } = await limited({ limit: 1, [name]: promising });
      expect(await gets(1)).to.deep.equal([500]);
      expect(upstream.requests).to.have.length(0);
    });

  it('lets a burst through on top', async () => {
    const { gets } = await limited({ limit: 1, windowMs: MINUTE, burst: { limit: 2, windowMs: MINUTE } });
    expect(await gets(5)).to.deep.equal([200, 200, 200, 429, 429]);
  });

  it('counts a call once that passes it twice', async () => {
    const limiter = opened({ limit: 2, windowMs: MINUTE });
    const upstream = await startUpstream(status(200));
    const proxy = await startForward({ target: upstream.url }, limiter, limiter);
    const statuses = [await call(proxy.url), await call(proxy.url), await call(proxy.url)];
    expect(statuses.map((response) => response.status)).to.deep.equal([200, 200, 429]);
  });

  it('emits an event for what it refuses', async () => {
    const { gets, limiter } = await limited({ name: 'weather', limit: 1, windowMs: MINUTE });
    const events: unknown[] = [];
    limiter.on('limited', ({ retryAfterMs, ...event }) => {
      expect(retryAfterMs).to.be.within(1, MINUTE);
      events.push(event);
    });
    await gets(2);
    expect(events).to.deep.equal([{ api: 'weather', because: 'quota' }]);
  });
});

describe('rateLimit() and attempts', () => {
  const QUICK = { initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false as const };

  it('takes one call from the quota for each attempt', async () => {
    const script = [status(503), status(503), status(200)];
    const { gets, upstream } = await limited({ limit: 4, windowMs: MINUTE }, script, retry(QUICK));
    expect(await gets(3)).to.deep.equal([200, 200, 429]);
    expect(upstream.requests).to.have.length(4);
  });

  const spaced: RateLimitOptions = { limit: 1, windowMs: MINUTE, algorithm: 'spaced' };
  const further: RateLimitOptions = { limits: [{ limit: 1, windowMs: MINUTE }] };
  const told = { 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' };
  const tooLate: [what: string, options: RateLimitOptions, headers?: Record<string, string>][] = [
    ['the quota', { limit: 1, windowMs: MINUTE }],
    ['maxWaitMs', { limit: 1, windowMs: 20_000, maxWaitMs: 100 }],
    ['a spaced quota', spaced],
    ['a further limit', further],
    ['the API', {}, told],
  ];
  for (const [what, options, headers = {}] of tooLate)
    it(`passes the last response on where ${what} allows no further attempt in time`, async () => {
      const script: UpstreamResponse = (_req, res) => res.writeHead(503, headers).end('theirs');
      const { proxy, upstream } = await limited(options, script, retry(QUICK));
      const response = await call(proxy.url);
      expect([response.status, response.text]).to.deep.equal([503, 'theirs']);
      expect(upstream.requests).to.have.length(1);
      expect((await call(proxy.url)).status).to.equal(429);
    });

  it('passes the last failure on where the quota allows no further attempt in time', async () => {
    const { proxy, upstream } = await limited({ limit: 1, windowMs: MINUTE }, hangUp, retry(QUICK));
    expect((await call(proxy.url)).json()).to.include({ code: 'ERR_UPSTREAM_RESET' });
    expect(upstream.requests).to.have.length(1);
  });

  it('makes an attempt where a burst allows it', async () => {
    const options = { limit: 1, windowMs: MINUTE, burst: { limit: 1, windowMs: MINUTE } };
    const { gets, upstream } = await limited(options, status(503), retry(QUICK));
    expect(await gets(2)).to.deep.equal([503, 429]);
    expect(upstream.requests).to.have.length(2);
  });

  it("lets a further attempt wait, even with onLimit: 'reject'", async () => {
    const script = [status(503), status(200)];
    const { gets, limiter } = await limited({ limit: 1, windowMs: 200 }, script, retry(QUICK));
    const queued = queuedBy(limiter);
    expect(await gets(1)).to.deep.equal([200]);
    expect(queued()).to.equal(1);
  });

  it('gives back the quota of a call that an open circuit refuses', async () => {
    const guard = breaker();
    const { gets } = await limited({ limit: 1, windowMs: MINUTE }, status(200), guard);
    guard.forceOpen();
    expect(await gets(3)).to.deep.equal([503, 503, 503]);
    guard.forceClose();
    expect(await gets(2)).to.deep.equal([200, 429]);
  });

  it('gives back the quota of a call that never reached the target', async () => {
    const limiter = opened({ limit: 1, windowMs: MINUTE });
    const proxy = await startForward({ target: `http://127.0.0.1:${await unusedPort()}` }, limiter);
    const responses = [await call(proxy.url), await call(proxy.url), await call(proxy.url)];
    expect(responses.map((response) => response.status)).to.deep.equal([502, 502, 502]);
  });

  it('gives nothing back for a call that was sent and got no response', async () => {
    const { gets } = await limited({ limit: 1, windowMs: MINUTE }, hangUp);
    expect(await gets(2)).to.deep.equal([502, 429]);
  });

  it('gives nothing back for a call whose client left while the target was at work', async () => {
    const { gets, proxy, upstream } = await limited({ limit: 1, windowMs: MINUTE }, silence);
    const client = begin(proxy.url);
    await until(() => upstream.requests.length === 1);
    client.destroy();
    await until(() => upstream.connections.open === 0);
    expect(await gets(1)).to.deep.equal([429]);
  });

  it('gives back the quota of a call that the cache serves', async () => {
    const { gets, upstream } = await limited({ limit: 2, windowMs: MINUTE }, status(200), cache());
    expect(await gets(5)).to.deep.equal([200, 200, 200, 200, 200]);
    expect(upstream.requests).to.have.length(1);
  });
});

describe('rateLimit() with a queue', () => {
  const QUEUE = { onLimit: 'queue' } as const;

  it('lets calls wait for their turn, first come, first served', async () => {
    const { limiter, proxy, upstream } = await limited({ ...QUEUE, limit: 2, windowMs: 150 });
    const queued = queuedBy(limiter);
    const calls = [call(`${proxy.url}/1`), call(`${proxy.url}/2`)];
    await until(() => upstream.requests.length === 2);
    for (let i = 3; i <= 7; i++) {
      calls.push(call(`${proxy.url}/${i}`));
      await until(() => queued() === i - 2 || upstream.requests.length === i);
    }
    expect((await Promise.all(calls)).map((response) => response.status)).to.deep.equal(Array(7).fill(200));
    expect(upstream.requests.slice(2).map(({ url }) => url)).to.deep.equal(['/3', '/4', '/5', '/6', '/7']);
  });

  it('drops a call whose client has left', async () => {
    const { limiter, proxy, upstream } = await limited({ ...QUEUE, limit: 1, windowMs: 300 });
    const queued = queuedBy(limiter);
    await call(`${proxy.url}/first`);
    const leaving = begin(`${proxy.url}/leaves`);
    await until(() => queued() === 1);
    const staying = call(`${proxy.url}/stays`);
    await until(() => queued() === 2);
    leaving.destroy();
    expect((await staying).status).to.equal(200);
    expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/first', '/stays']);
    // Its turn was not used up either.
    expect((await call(`${proxy.url}/next`)).status).to.equal(200);
  });

  it('refuses a call at once that would have to wait too long', async () => {
    const { gets, limiter } = await limited({ ...QUEUE, limit: 1, windowMs: MINUTE, maxWaitMs: 5000 });
    const queued = queuedBy(limiter);
    expect(await gets(2)).to.deep.equal([200, 429]);
    expect(queued()).to.equal(0);
  });

  it('refuses a call at once that would wait past the time for the whole call', async () => {
    const options = { ...QUEUE, limit: 1, windowMs: 8000 };
    const { gets, limiter } = await limited(options, status(200), retry({ totalTimeoutMs: 500 }));
    const queued = queuedBy(limiter);
    expect(await gets(2)).to.deep.equal([200, 429]);
    expect(queued()).to.equal(0);
  });

  it('refuses a call with a 429 when its waiting time is over', async () => {
    const { limiter, proxy } = await limited({ ...QUEUE, limit: 1, windowMs: 250, maxWaitMs: 300 });
    const queued = queuedBy(limiter);
    await call(proxy.url);
    const calls = Array.from({ length: 6 }, () => call(proxy.url));
    await until(() => queued() > 0);
    const statuses = (await Promise.all(calls)).map((response) => response.status).sort();
    expect(statuses.at(0)).to.equal(200);
    expect(statuses.at(-1)).to.equal(429);
  });

  it('refuses a call with a 503 when the queue is full', async () => {
    const { limiter, proxy } = await limited({ ...QUEUE, limit: 1, windowMs: 400, maxQueue: 2 });
    const queued = queuedBy(limiter);
    await call(proxy.url);
    const waiting = [call(proxy.url), call(proxy.url)];
    await until(() => queued() === 2);
    const refused = await call(proxy.url);
    expect(refused.status).to.equal(503);
    expect(refused.json()).to.deep.equal({
      error: 'Queue of "default" is full (maxQueue: 2). Please try again in 1 seconds',
      code: 'ERR_QUEUE_FULL',
    });
    expect(refused.headers).to.include({ 'retry-after': '1' });
    expect((await Promise.all(waiting)).map((response) => response.status)).to.deep.equal([200, 200]);
  });

  it('does not make calls of another quota wait', async () => {
    const key: RateLimitOptions['key'] = (req) => req.url;
    const options = { ...QUEUE, limit: 1, windowMs: MINUTE, maxWaitMs: 2 * MINUTE, key };
    const { limiter, proxy, upstream } = await limited(options);
    const queued = queuedBy(limiter);
    await call(`${proxy.url}/a`);
    const waiting = call(`${proxy.url}/a`);
    await until(() => queued() === 1);
    expect((await call(`${proxy.url}/b`)).status).to.equal(200);
    expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/a', '/b']);
    // It waited all the while.
    await limiter.close();
    expect((await waiting).status).to.equal(503);
  });

  it('refuses the waiting calls when it is closed', async () => {
    const { limiter, proxy } = await limited({ ...QUEUE, limit: 1, windowMs: 8000 });
    const queued = queuedBy(limiter);
    await call(proxy.url);
    const waiting = call(proxy.url);
    await until(() => queued() === 1);
    await limiter.close();
    const response = await within(waiting, 'the response');
    expect([response.status, response.json()]).to.deep.equal([
      503,
      { error: 'The proxy is shutting down', code: 'ERR_SHUTTING_DOWN' },
    ]);
  });
});
