import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { toyTime } from '../../support/toy-time.js';
import { until } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';
import { opened } from './testing.js';

describe('quotas() of rateLimit()', () => {
  it('lists the configured limits with what is left, and who waits for which', async () => {
    const time = toyTime();
    const limits = [{ limit: 10, windowMs: 60_000, unit: 'tokens' as const }];
    const limiter = opened({ name: 'x', limit: 5, windowMs: 1000, cost: 2, limits, onLimit: 'queue' }, time);
    const upstream = await startUpstream(status(200));
    const { url } = await startForward({ target: upstream.url }, limiter);
    const main = { api: 'x', name: 'limit', limit: 5, windowMs: 1000, waitingKeys: 0 };
    const tokens = { api: 'x', name: 'tokens per 60 s', limit: 10, windowMs: 60_000, waitingKeys: 0 };
    await call(url);
    expect(limiter.quotas()).to.deep.equal([
      { ...main, remaining: 3, queued: 0 },
      { ...tokens, remaining: 8, queued: 0 },
    ]);
    await call(url);
    const waiting = [call(url), call(url)];
    await until(() => limiter.quotas()[0]?.queued === 2, 'two calls to wait');
    expect(limiter.quotas()[0]).to.deep.equal({ ...main, remaining: 1, queued: 2, waitingKeys: 1 });
    time.advance(1010);
    await Promise.all(waiting);
    expect(limiter.quotas()).to.deep.equal([
      { ...main, remaining: 1, queued: 0 },
      { ...tokens, remaining: 2, queued: 0 },
    ]);
  });

  it('tells nothing of what is left where each key has its own, but who waits', async () => {
    const time = toyTime();
    const key = ({ url = '' }) => url;
    const limiter = opened({ limit: 1, onLimit: 'queue', maxWaitMs: 100_000, key }, time);
    const upstream = await startUpstream(status(200));
    const { url } = await startForward({ target: upstream.url }, limiter);
    await Promise.all(['/a', '/b'].map((path) => call(url + path)));
    const waiting = ['/a', '/a', '/b'].map((path) => call(url + path));
    await until(() => limiter.quotas()[0]?.queued === 3, 'three calls to wait');
    expect(limiter.quotas()[0]).to.include({ remaining: undefined, waitingKeys: 2 });
    time.advance(61_000);
    time.advance(61_000);
    await Promise.race(waiting);
    await limiter.close();
    await Promise.all(waiting);
  });

  it('are in egress(), where any is configured', async () => {
    const apis = {
      a: { target: 'http://127.0.0.1:9', rateLimit: { limit: 3 } },
      b: { target: 'http://127.0.0.1:9' },
    };
    const proxy = resilientProxy({ apis });
    onCleanup(() => proxy.close());
    expect(proxy.egress().quotas?.map(({ api, remaining }) => [api, remaining])).to.deep.equal([['a', 3]]);
    const other = resilientProxy({ name: 'b', target: 'http://127.0.0.1:9', rateLimit: {} });
    onCleanup(() => other.close());
    expect(other.egress()).to.deep.equal({ proxies: [], limits: [] });
  });
});
