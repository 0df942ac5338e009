import { expect } from 'chai';
import type { LimitStatus } from '../../../lib/core/egress-status.js';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import { retry } from '../../../lib/retry/retry.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { toyTime } from '../../support/toy-time.js';
import { until } from '../../support/until.js';
import { startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';
import {
  type Advertise,
  FORMS,
  keepCalling,
  learning,
  onceLearned,
  opened,
  passWindows,
  startLimitedApi,
} from './testing.js';

const left = (remaining: number, seconds: number, limit = 100) =>
  status(200, {
    'RateLimit-Limit': `${limit}`,
    'RateLimit-Remaining': `${remaining}`,
    'RateLimit-Reset': `${seconds}`,
  });

describe('rateLimit() with advertised limits', () => {
  it('changes nothing for an API that advertises nothing', async () => {
    const { gets, limiter } = await learning(status(200));
    expect(await gets(5)).to.deep.equal(Array(5).fill(200));
    expect(limiter.status()).to.deep.equal([]);
  });

  it('passes a 429 on, and then refuses calls itself until its Retry-After is over', async () => {
    const script = [status(429, { 'Retry-After': '30' }), status(200)];
    const { gets, url, upstream, advance } = await learning(script, { name: 'weather' });
    expect(await gets(3)).to.deep.equal([429, 429, 429]);
    const refused = await call(url);
    expect(refused.json()).to.deep.equal({
      error: 'The API "weather" has asked for a pause. Please try again in 30 seconds',
      code: 'ERR_RATE_LIMITED',
    });
    expect(refused.headers).to.include({ 'retry-after': '30', ratelimit: '"weather";r=0;t=30' });
    expect(upstream.requests).to.have.length(1);
    advance(29_999);
    expect(await gets(1)).to.deep.equal([429]);
    advance(1);
    expect(await gets(3)).to.deep.equal([200, 200, 200]);
    expect(upstream.requests).to.have.length(4);
  });

  it('refuses calls at zero, before the target does', async () => {
    const { gets, url, upstream, advance } = await learning([left(1, 20), left(0, 20), left(99, 60)]);
    expect(await gets(4)).to.deep.equal([200, 200, 429, 429]);
    const refused = await call(url);
    expect(refused.headers).to.include({ 'ratelimit-policy': '"default";q=100;w=20' });
    expect(refused.json()).to.deep.equal({
      error:
        'Rate limit of "default" reached (100 per 20 s, advertised by the API). Please try again in 20 seconds',
      code: 'ERR_RATE_LIMITED',
    });
    expect(upstream.requests).to.have.length(2);
    advance(20_000);
    expect(await gets(2)).to.deep.equal([200, 200]);
  });

  it('counts calls under way, so that no more go at once than remain', async () => {
    const waiting: (() => void)[] = [];
    const held: UpstreamResponse = (_req, res) => void waiting.push(() => res.writeHead(200).end());
    const { gets, url, upstream, limiter } = await learning([left(5, 60), held]);
    await gets(1);
    let refused = 0;
    limiter.on('limited', () => refused++);
    const calls = Array.from({ length: 20 }, () => call(url));
    await until(() => refused === 15 && waiting.length === 5, '15 refusals and 5 calls under way');
    for (const release of waiting) release();
    const statuses = (await Promise.all(calls)).map((response) => response.status);
    expect(statuses.filter((code) => code === 200)).to.have.length(5);
    expect(upstream.requests).to.have.length(6);
  });

  it('keeps a limit for each credential, and shows none of them', async () => {
    const response: UpstreamResponse = (req, res) => {
      const limited = req.headers.authorization === 'Bearer greedy-secret';
      res.writeHead(limited ? 429 : 200, limited ? { 'Retry-After': '30' } : {}).end();
    };
    const { gets, limiter, upstream, url } = await learning(response, { name: 'weather' });
    const events: unknown[] = [];
    limiter.on('limitExhausted', (event) => events.push(event));
    expect(await gets(2, { authorization: 'Bearer greedy-secret' })).to.deep.equal([429, 429]);
    expect(await gets(2, { authorization: 'Bearer modest' })).to.deep.equal([200, 200]);
    expect(upstream.requests).to.have.length(3);
    const [limit, ...others] = limiter.status() as [LimitStatus];
    expect(others).to.deep.equal([]);
    expect(limit).to.deep.include({
      api: 'weather',
      proxy: undefined,
      state: 'exhausted',
      remaining: 0,
      limit: undefined,
      resetsAt: 1_700_000_030_000,
      queued: 0,
    });
    expect(events).to.deep.equal([
      { api: 'weather', limit: '/', credential: limit.credential, proxy: undefined, retryAfterMs: 30_000 },
    ]);
    const refused = await call(url, { headers: { authorization: 'Bearer greedy-secret' } });
    expect(JSON.stringify([limit, events, refused.rawHeaders, refused.text])).to.not.contain('secret');
  });

  it('forgets limits beyond maxKeys, first those of which nothing is known', async () => {
    const response: UpstreamResponse = (req, res) => {
      const limited = req.headers['x-api-key'] === 'greedy';
      res.writeHead(limited ? 429 : 200, limited ? { 'Retry-After': '30' } : {}).end();
    };
    const { gets, upstream } = await learning(response, { maxKeys: 3 });
    await gets(1, { 'x-api-key': 'greedy' });
    for (let i = 0; i < 20; i++) await gets(1, { 'x-api-key': `${i}` });
    expect(upstream.requests).to.have.length(21);
    expect(await gets(1, { 'x-api-key': 'greedy' })).to.deep.equal([429]);
    expect(upstream.requests).to.have.length(21);
  });

  it('emits an event when a limit is exhausted and when it is available again', async () => {
    const { gets, limiter, advance } = await learning([left(0, 5), left(99, 60)]);
    const events: string[] = [];
    limiter.on('limitExhausted', () => events.push('exhausted'));
    limiter.on('limitAvailable', () => events.push('available'));
    await gets(3);
    expect(events).to.deep.equal(['exhausted']);
    advance(5000);
    await gets(3);
    expect(events).to.deep.equal(['exhausted', 'available']);
  });

  it('sends calls again after maxPauseMs, whatever the target says', async () => {
    const script = [status(429, { 'Retry-After': 'Fri, 31 Dec 9999 23:59:59 GMT' }), status(200)];
    const { gets, advance } = await learning(script, { maxPauseMs: 60_000 });
    await gets(1);
    advance(59_999);
    expect(await gets(1)).to.deep.equal([429]);
    advance(1);
    expect(await gets(1)).to.deep.equal([200]);
  });

  for (const value of ['banana', '-5', '', '1e9', '\u00e9']) {
    it(`pauses for a second after a 429 with Retry-After: ${JSON.stringify(value)}`, async () => {
      const script = [status(429, { 'Retry-After': value }), status(200)];
      const { gets, advance } = await learning(script);
      expect(await gets(2)).to.deep.equal([429, 429]);
      advance(1000);
      expect(await gets(1)).to.deep.equal([200]);
    });

    it(`does not pause after a 503 with Retry-After: ${JSON.stringify(value)}`, async () => {
      const { gets } = await learning([status(503, { 'Retry-After': value }), status(200)]);
      expect(await gets(2)).to.deep.equal([503, 200]);
    });
  }

  it('pauses after a 503 that gives a time', async () => {
    const { gets } = await learning([status(503, { 'Retry-After': '30' }), status(200)]);
    expect(await gets(2)).to.deep.equal([503, 429]);
  });

  it('learns nothing with learn: false', async () => {
    const script = [status(429, { 'Retry-After': '30' }), status(200)];
    const { gets, limiter } = await learning(script, { limit: 5, learn: false });
    expect(await gets(2)).to.deep.equal([429, 200]);
    expect(limiter.status()).to.deep.equal([]);
  });

  it('takes nothing from the quota during a pause', async () => {
    const script = [status(429, { 'Retry-After': '30' }), status(200)];
    const { gets, advance } = await learning(script, { limit: 3, windowMs: 3_600_000 });
    await gets(10);
    advance(30_000);
    expect(await gets(3)).to.deep.equal([200, 200, 429]);
  });

  it('holds a retry back until the Retry-After of the target is over', async () => {
    const time = toyTime();
    const limiter = opened({}, time);
    const upstream = await startUpstream([status(429, { 'Retry-After': '0.01' }), status(200)]);
    const { url } = await startForward({ target: upstream.url }, limiter, retry({ initialDelayMs: 1 }));
    const response = call(url);
    await until(() => limiter.status()[0]?.queued === 1, 'the retry to wait');
    time.advance(9);
    await new Promise((resolve) => setImmediate(resolve));
    expect([limiter.status()[0]?.queued, upstream.requests.length]).to.deep.equal([1, 1]);
    time.advance(2);
    expect((await response).status).to.equal(200);
    expect(upstream.requests).to.have.length(2);
  });
});

describe('rateLimit() in front of an API with far too many calls', () => {
  const QUEUE: RateLimitOptions = { onLimit: 'queue', maxWaitMs: 20_000 };
  const { 'Retry-After alone': _, ...forms } = FORMS;

  for (const [form, advertise] of Object.entries<Advertise>(forms)) {
    it(`uses up each window and is never refused if the API advertises ${form}`, async () => {
      const time = toyTime();
      const api = await startLimitedApi(30, 1000, advertise, time);
      const limiter = opened(QUEUE, time);
      const { url } = await startForward({ target: api.url }, limiter);
      keepCalling([url], 40);
      await passWindows(api, 6, limiter, 40, time);
      expect(onceLearned(api.windows)).to.deep.equal({ ok: [30, 30, 30], refused: 0 });
    });
  }

  it('refuses calls itself before the API does', async () => {
    const time = toyTime();
    const api = await startLimitedApi(30, 500, FORMS['an instant in milliseconds'], time);
    const { url } = await startForward({ target: api.url }, opened({}, time));
    const counts = keepCalling([url], 10);
    const allowed = () => api.windows.reduce((sum, { ok }) => sum + ok, 0);
    // No call is under way to the API, nor a response of it to a client.
    const usedUp = () => api.windows.at(-1)?.ok === 30 && counts[200] === allowed();
    for (let refused = 0; api.windows.length < 6; refused = counts[429] ?? 0) {
      await until(
        () => usedUp() && (counts[429] ?? 0) >= refused + 10,
        'refusals behind the last of a window',
      );
      time.advance(500);
    }
    expect(onceLearned(api.windows)).to.deep.equal({ ok: [30, 30, 30], refused: 0 });
    expect(counts[429]).to.be.above(30);
  });

  it('is refused about once a window if the API sends nothing but Retry-After', async () => {
    const time = toyTime();
    const api = await startLimitedApi(100, 1000, FORMS['Retry-After alone'], time);
    const limiter = opened(QUEUE, time);
    const { url } = await startForward({ target: api.url }, limiter);
    keepCalling([url], 40);
    await passWindows(api, 7, limiter, 40, time);
    const { ok, refused } = onceLearned(api.windows);
    expect(refused).to.be.at.most(4);
    for (const used of ok) expect(used).to.be.at.least(95);
  });
});
