import { expect } from 'chai';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { toyTime } from '../../support/toy-time.js';
import { until } from '../../support/until.js';
import { startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';
import { opened } from './testing.js';

type Headers = Record<string, string>;

/** An API with these headers on each path, or each method of one, in front of which is a limiter. */
async function limited(
  paths: Record<string, Headers | [status: number, headers: Headers]>,
  options: RateLimitOptions = {},
  more: { transport?: 'undici' | 'node' } = {},
) {
  const respond: UpstreamResponse = (req, res) => {
    const path = new URL(req.url ?? '/', 'http://x').pathname;
    const found = paths[`${req.method} ${path}`] ?? paths[path] ?? {};
    const [code, headers] = Array.isArray(found) ? found : [200, found];
    res.writeHead(code, headers).end();
  };
  const time = toyTime();
  const limiter = opened(options, time);
  const upstream = await startUpstream(respond);
  const { url } = await startForward({ target: upstream.url, ...more }, limiter);
  return {
    limiter,
    upstream,
    time,
    paths,
    get: async (path: string, method = 'GET') => (await call(url + path, { method })).status,
  };
}

const SEARCH = 'x-ratelimit-resource';
const github = (resource: string, remaining: number, limit: number): Headers => ({
  'x-ratelimit-limit': `${limit}`,
  'x-ratelimit-remaining': `${remaining}`,
  'x-ratelimit-reset': '50',
  [SEARCH]: resource,
});

for (const transport of ['undici', 'node'] as const) {
  describe(`rateLimit() and limits with names, on ${transport}`, () => {
    it('refuses calls on the limit that is used up, and no others', async () => {
      const it = await limited(
        { '/repos/a': github('core', 4990, 5000), '/search/code': github('search', 0, 30) },
        {},
        { transport },
      );
      await it.get('/repos/a');
      await it.get('/search/code');
      expect(await it.get('/repos/a')).to.equal(200);
      expect(await it.get('/repos/b/c')).to.equal(200);
      expect(await it.get('/search/users?q=x')).to.equal(429);
      expect(it.upstream.requests).to.have.length(4);
    });
  });
}

describe('rateLimit() and limits with names', () => {
  it('lists each limit by its name', async () => {
    const it = await limited({ '/a': github('core', 7, 10), '/b': github('search', 0, 30) });
    await it.get('/a');
    await it.get('/b');
    const rows = it.limiter
      .status()
      .map(({ name, state, remaining, limit }) => [name, state, remaining, limit]);
    expect(rows).to.have.deep.members([
      ['core', 'available', 7, 10],
      ['search', 'exhausted', 0, 30],
    ]);
  });

  it('obeys all policies of a response', async () => {
    const policies = (second: number, day: number): Headers => ({
      RateLimit: `"second";r=${second};t=1, "day";r=${day};t=3600`,
      'RateLimit-Policy': '"second";q=5;w=1, "day";q=10;w=86400',
    });
    const it = await limited({ '/a': policies(4, 1) });
    await it.get('/a');
    it.time.advance(1000);
    it.paths['/a'] = policies(4, 0);
    expect(await it.get('/a')).to.equal(200);
    it.time.advance(2000);
    expect(await it.get('/a')).to.equal(429);
    expect(it.limiter.status().map(({ name, state }) => [name, state])).to.have.deep.members([
      ['second', 'available'],
      ['day', 'exhausted'],
    ]);
  });

  it('keeps the partitions of a policy apart', async () => {
    const policy = (key: string, left: number): Headers => ({
      RateLimit: `"default";r=${left};t=50;pk=:${key}:`,
      'RateLimit-Policy': `"default";q=100;w=60;pk=:${key}:`,
    });
    const it = await limited({ '/acme/a': policy('YWNtZQ==', 0), '/umbrella/a': policy('dW1i', 50) });
    await it.get('/umbrella/a');
    await it.get('/acme/a');
    expect(await it.get('/umbrella/a')).to.equal(200);
    expect(await it.get('/acme/a')).to.equal(429);
    expect(await it.get('/umbrella/a')).to.equal(200);
    const rows = it.limiter.status().map(({ name, remaining }) => [name, remaining]);
    expect(rows).to.have.deep.members([
      ['default dW1i', 50],
      ['default YWNtZQ==', 0],
    ]);
  });

  it('obeys the points of Atlassian beside the limit of an endpoint', async () => {
    const jira = (points: number): Headers => ({
      'X-RateLimit-Limit': '400',
      'X-RateLimit-Remaining': '399',
      'Beta-RateLimit': `"tenant-app-quota";r=${points};t=2788`,
    });
    const it = await limited({ '/issue': jira(0), '/search': jira(10) });
    await it.get('/search');
    await it.get('/issue');
    expect(await it.get('/search')).to.equal(429);
    it.time.advance(2_788_000);
    expect(await it.get('/search')).to.equal(200);
  });

  it('keeps the buckets of channels apart', async () => {
    const bucket = (remaining: number): Headers => ({
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': `${remaining}`,
      'x-ratelimit-reset-after': '50.5',
      'x-ratelimit-bucket': 'abcd1234',
    });
    const it = await limited({ '/channels/1/messages': bucket(0), '/channels/2/messages': bucket(4) });
    await it.get('/channels/1/messages');
    expect(await it.get('/channels/2/messages')).to.equal(200);
    expect(await it.get('/channels/1/messages')).to.equal(429);
    expect(await it.get('/channels/2/messages')).to.equal(200);
  });

  it('takes nothing from a limit for a response that tells of none', async () => {
    const it = await limited({ '/a': github('core', 1, 10) });
    await it.get('/a');
    for (let i = 0; i < 5; i++) expect(await it.get('/status')).to.equal(200);
    expect(it.limiter.status()[0]).to.include({ name: 'core', remaining: 1 });
    it.paths['/a'] = github('core', 0, 10);
    expect(await it.get('/a')).to.equal(200);
    expect(await it.get('/a')).to.equal(429);
    expect(await it.get('/status')).to.equal(200);
  });
});

describe('rateLimit() and limits without names', () => {
  const TOO_MANY: [number, Headers] = [429, { 'Retry-After': '30' }];

  it('closes one path after its 429, and the API when a second path is refused as well', async () => {
    const it = await limited({ '/a': TOO_MANY, '/b': TOO_MANY });
    expect(await it.get('/a')).to.equal(429);
    expect(await it.get('/c')).to.equal(200);
    expect(it.upstream.requests).to.have.length(2);
    expect(await it.get('/a?again')).to.equal(429);
    expect(it.upstream.requests).to.have.length(2);
    expect(await it.get('/b')).to.equal(429);
    expect(it.upstream.requests).to.have.length(3);
    expect(await it.get('/c')).to.equal(429);
    expect(it.upstream.requests).to.have.length(3);
  });

  it('takes ids for one path', async () => {
    const it = await limited({ '/users/1': TOO_MANY });
    await it.get('/users/1');
    expect(await it.get('/users/2')).to.equal(429);
    expect(it.upstream.requests).to.have.length(1);
  });

  const plain = (remaining: number, limit = 100, reset = 50): Headers => ({
    'x-rate-limit-limit': `${limit}`,
    'x-rate-limit-remaining': `${remaining}`,
    'x-rate-limit-reset': `${reset}`,
  });

  it('takes a limit on which a second path counts on for that of the API', async () => {
    const it = await limited({ '/a': plain(2), '/b': plain(1), '/c': plain(0) });
    for (const path of ['/a', '/b', '/c']) expect(await it.get(path)).to.equal(200);
    expect(await it.get('/d')).to.equal(429);
    expect(it.upstream.requests).to.have.length(3);
  });

  it('keeps limits of different sizes apart', async () => {
    const it = await limited({ '/a': plain(0, 15), '/b': plain(899, 900) });
    await it.get('/a');
    expect(await it.get('/b')).to.equal(200);
    expect(await it.get('/b')).to.equal(200);
    expect(await it.get('/a')).to.equal(429);
  });

  it('keeps equal limits apart that count each for itself', async () => {
    const it = await limited({ '/a': plain(0, 15, 700), '/b': plain(14, 15, 900) });
    await it.get('/a');
    expect(await it.get('/b')).to.equal(200);
    expect(await it.get('/b')).to.equal(200);
    expect(await it.get('/a')).to.equal(429);
  });

  it('keeps limits of different sizes of the methods of a path apart', async () => {
    const it = await limited({ '/tweets': plain(899, 900), 'POST /tweets': plain(0, 17) });
    await it.get('/tweets');
    expect(await it.get('/tweets', 'POST')).to.equal(200);
    expect(await it.get('/tweets')).to.equal(200);
    expect(await it.get('/tweets', 'POST')).to.equal(429);
    expect(await it.get('/tweets')).to.equal(200);
    expect(it.upstream.requests).to.have.length(4);
  });

  for (const code of [403, 503, 529])
    it(`stops all calls after a ${code} with Retry-After`, async () => {
      const it = await limited({ '/a': [code, { 'Retry-After': '30' }] });
      expect(await it.get('/a')).to.equal(code);
      expect(await it.get('/b')).to.equal(429);
      it.time.advance(30_000);
      expect(await it.get('/b')).to.equal(200);
    });

  it('goes on after a 403 that gives no time', async () => {
    const it = await limited({ '/a': [403, {}] });
    await it.get('/a');
    expect(await it.get('/a')).to.equal(403);
  });

  it('stops all calls after a 429 for the whole API', async () => {
    const it = await limited({ '/a': [429, { 'Retry-After': '30', 'X-RateLimit-Global': 'true' }] });
    await it.get('/a');
    expect(await it.get('/b')).to.equal(429);
    expect(it.upstream.requests).to.have.length(1);
  });
});

describe('rateLimit({ scope })', () => {
  const TOO_MANY: [number, Headers] = [429, { 'Retry-After': '30' }];

  it('api: one refusal closes the whole API', async () => {
    const it = await limited({ '/a': TOO_MANY }, { scope: 'api' });
    await it.get('/a');
    expect(await it.get('/b')).to.equal(429);
    expect(it.upstream.requests).to.have.length(1);
  });

  it('path: no refusal closes more than its path', async () => {
    const it = await limited({ '/a': TOO_MANY, '/b': TOO_MANY }, { scope: 'path' });
    for (const path of ['/a', '/b', '/c']) await it.get(path);
    expect(await it.get('/c')).to.equal(200);
    expect(await it.get('/a')).to.equal(429);
    expect(it.upstream.requests).to.have.length(4);
  });

  it('a function names the limit of a call', async () => {
    const scope = (req: { url?: string | undefined }) => (req.url?.includes('model=big') ? 'big' : 'small');
    const it = await limited({ '/big': TOO_MANY }, { scope });
    await it.get('/big?model=big');
    expect(await it.get('/other?model=big')).to.equal(429);
    expect(await it.get('/other?model=small')).to.equal(200);
    expect(it.limiter.status().map(({ name }) => name)).to.deep.equal(['big']);
  });

  it('fails a call whose function throws', async () => {
    const scope = () => {
      throw new Error('No scope');
    };
    const it = await limited({}, { scope });
    expect(await it.get('/')).to.equal(500);
    expect(it.upstream.requests).to.have.length(0);
  });
});

describe('rateLimit({ limitHeaders })', () => {
  it('reads the headers that an owner has mapped, with their unit', async () => {
    const limitHeaders = {
      remaining: 'X-Calls-Left',
      limit: 'X-Calls',
      reset: 'X-Calls-Again',
      resetUnit: 'ms' as const,
    };
    const headers = { 'x-calls-left': '0', 'x-calls': '7', 'x-calls-again': '2500' };
    const it = await limited({ '/a': headers }, { limitHeaders });
    expect(await it.get('/a')).to.equal(200);
    it.time.advance(2499);
    expect(await it.get('/a')).to.equal(429);
    expect(it.limiter.status()[0]).to.include({ remaining: 0, limit: 7 });
    it.time.advance(1);
    expect(await it.get('/a')).to.equal(200);
  });

  it('reads nothing from them by default', async () => {
    const it = await limited({ '/a': { 'x-calls-left': '0', 'x-calls-again': '2500' } });
    await it.get('/a');
    expect(await it.get('/a')).to.equal(200);
  });
});

describe('rateLimit() after a pause', () => {
  it('makes calls wait for the first response, instead of refusing them', async () => {
    const waiting: (() => void)[] = [];
    const slow: UpstreamResponse = (_req, res) => void waiting.push(() => res.writeHead(200).end());
    const time = toyTime();
    const limiter = opened({}, time);
    const upstream = await startUpstream([status(429, { 'Retry-After': '1' }), slow]);
    const { url } = await startForward({ target: upstream.url }, limiter);
    await call(url);
    time.advance(1000);
    const calls = Array.from({ length: 10 }, () => call(url));
    let queued = 0;
    limiter.on('queued', () => queued++);
    await until(() => waiting.length === 1 && queued === 9, 'nine calls to wait');
    for (const release of waiting.splice(0)) release();
    await until(() => waiting.length === 9, 'the others to go');
    for (const release of waiting.splice(0)) release();
    expect((await Promise.all(calls)).map((response) => response.status)).to.deep.equal(Array(10).fill(200));
  });

  it('refuses those who waited if the first response is a refusal again', async () => {
    const waiting: (() => void)[] = [];
    const again: UpstreamResponse = (_req, res) =>
      void waiting.push(() => res.writeHead(429, { 'Retry-After': '60' }).end());
    const time = toyTime();
    const limiter = opened({}, time);
    const upstream = await startUpstream([status(429, { 'Retry-After': '10' }), again]);
    const { url } = await startForward({ target: upstream.url }, limiter);
    await call(url);
    time.advance(10_000);
    let queued = 0;
    limiter.on('queued', () => queued++);
    const calls = Array.from({ length: 5 }, () => call(url));
    await until(() => waiting.length === 1 && queued === 4, 'four calls to wait');
    for (const release of waiting.splice(0)) release();
    const responses = await Promise.all(calls);
    expect(responses.map((response) => response.status)).to.deep.equal(Array(5).fill(429));
    expect(upstream.requests).to.have.length(2);
  });
});
