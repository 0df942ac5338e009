import { expect } from 'chai';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import type { OnStoreLoss } from '../../../lib/redis/settings.js';
import { type ResilientProxy, resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, type TargetResponse } from '../../support/client.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { json, startUpstream } from '../../support/upstream.js';
import { heldUpstream } from '../concurrency/testing.js';

type Algorithm = 'sliding' | 'fixed';

const TEN_CALLS: RateLimitOptions = { limit: 10 };
const TEN_RESPONSES: RateLimitOptions = {
  limits: [{ limit: 100, windowMs: 60_000, unit: 'tokens' }],
  cost: '/used',
};

/** Two processes with a limit of ten calls for both. */
async function startTwo(
  redis: RedisServer,
  onStoreLoss: OnStoreLoss | undefined,
  algorithm: Algorithm,
  rateLimit = TEN_CALLS,
) {
  const upstream = await startUpstream(json({ used: 10 }));
  const start = async () => {
    const proxy = resilientProxy({
      redis: { url: redis.url, ...(onStoreLoss && { onStoreLoss }) },
      stats: false,
      apis: { x: { target: upstream.url, rateLimit: { ...rateLimit, algorithm }, retry: false } },
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    return { proxy, get: () => call(`${url}/x/`) };
  };
  const both = [await start(), await start()];
  await until(() => both.every(sees));
  return both;
}

/** Whether a process sees Redis, and the other process. */
function sees({ proxy: { redis } }: { proxy: ResilientProxy }): boolean {
  return redis?.status().state === 'up' && redis.status().processes === 2;
}

/** How many of 15 calls each process lets pass. */
async function passing(both: Awaited<ReturnType<typeof startTwo>>): Promise<number[]> {
  const counts = both.map(async ({ get }) => {
    let passed = 0;
    for (let i = 0; i < 15; i++) passed += Number((await get()).status === 200);
    return passed;
  });
  return Promise.all(counts);
}

describe('limits while Redis is lost', () => {
  for (const algorithm of ['sliding', 'fixed'] as const) {
    for (const [onStoreLoss, expected] of [
      [undefined, [10, 10]],
      ['local', [10, 10]],
      ['divided', [5, 5]],
      ['reject', [0, 0]],
    ] as const) {
      it(`are kept so with onStoreLoss ${onStoreLoss ?? 'by default'}: ${expected}, ${algorithm}`, async () => {
        const redis = await startRedis();
        const both = await startTwo(redis, onStoreLoss, algorithm);
        await redis.kill();
        await until(() => both.every(({ proxy }) => proxy.redis?.status().state === 'down'));
        expect(await passing(both)).to.deep.equal(expected);
      });
    }
  }

  it('are divided by what responses tell that they have used', async () => {
    const redis = await startRedis();
    const both = await startTwo(redis, 'divided', 'sliding', TEN_RESPONSES);
    await redis.kill();
    await until(() => both.every(({ proxy }) => proxy.redis?.status().state === 'down'));
    expect(await passing(both)).to.deep.equal([5, 5]);
  });

  describe('of requests in flight', () => {
    /** Two processes with a limit of five requests in flight for both, and an upstream that holds them. */
    async function startHolding(redis: RedisServer, onStoreLoss: OnStoreLoss | undefined, queue: number) {
      const upstream = await heldUpstream();
      const start = async () => {
        const proxy = resilientProxy({
          redis: { url: redis.url, ...(onStoreLoss && { onStoreLoss }) },
          stats: false,
          apis: { x: { target: upstream.url, concurrency: { limit: 5, queue }, retry: false } },
        });
        onCleanup(() => proxy.close());
        const { url } = await serve(proxy);
        return { proxy, get: () => call(`${url}/x/`) };
      };
      const both = [await start(), await start()];
      await until(() => both.every(sees));
      return { upstream, both };
    }

    for (const [onStoreLoss, expected] of [
      [undefined, 5],
      ['divided', 2],
      ['reject', 0],
    ] as const)
      it(`are kept so with onStoreLoss ${onStoreLoss ?? 'by default'}: ${expected} in each process`, async () => {
        const redis = await startRedis();
        const { both, upstream } = await startHolding(redis, onStoreLoss, 0);
        await redis.kill();
        await until(() => both.every(({ proxy }) => proxy.redis?.status().state === 'down'));
        const calls = both.flatMap(({ get }) => Array.from({ length: 8 }, get));
        let refused = 0;
        for (const one of calls) void one.then(({ status }) => (refused += Number(status === 503)));
        await until(() => refused + upstream.held.length === calls.length);
        expect([upstream.held.length, refused]).to.deep.equal([2 * expected, 16 - 2 * expected]);
        expect(both[0]?.proxy.redis?.status().localDecisions.concurrency).to.be.above(0);
        while (upstream.held.length > 0) upstream.respond();
      });

    it('refuse, and let wait, until Redis is back', async () => {
      const redis = await startRedis();
      const { both, upstream } = await startHolding(redis, 'reject', 1);
      const [one] = both;
      await redis.kill();
      await until(() => one?.proxy.redis?.status().state === 'down');
      const waiting = one?.get();
      await until(() => statusOf(one)?.waiting === 1);
      const refused = await one?.get();
      expect(refused?.status).to.equal(503);
      expect(refused?.json()).to.deep.equal({
        error:
          'Requests to "x" at once cannot be counted while Redis is lost (onStoreLoss: reject), 1 waiting; the queue is full. Please try again later',
        code: 'ERR_CONCURRENCY_LIMIT',
      });
      await redis.restart();
      await until(() => upstream.held.length === 1, undefined, 10_000);
      upstream.respond();
      expect((await waiting)?.status).to.equal(200);
    });

    it('are counted again after a single command that Redis left without a reply', async () => {
      const redis = await startRedis();
      const { both, upstream } = await startHolding(redis, 'reject', 0);
      const [one] = both;
      redis.stall();
      expect((await one?.get())?.status).to.equal(503);
      redis.resume();
      let passed: Promise<TargetResponse> | undefined;
      const begun = performance.now();
      while (upstream.held.length === 0) {
        expect(performance.now() - begun).to.be.below(5000);
        passed = one?.get();
        await Promise.race([passed, until(() => upstream.held.length > 0)]);
      }
      upstream.respond();
      expect((await passed)?.status).to.equal(200);
    });

    const statusOf = (one: { proxy: ResilientProxy } | undefined) =>
      one?.proxy.apis.get('x')?.concurrency?.status()[0];
  });

  it('say why a call is refused', async () => {
    const redis = await startRedis();
    const [one] = await startTwo(redis, 'reject', 'sliding');
    await redis.kill();
    await until(() => one?.proxy.redis?.status().state === 'down');
    const response = await one?.get();
    expect(response?.status).to.equal(429);
    expect(response?.headers).to.include({ 'retry-after': '1' });
    expect(response?.json()).to.deep.equal({
      error:
        'Rate limit of "x" cannot be checked while Redis is lost (onStoreLoss: reject). Please try again in 1 seconds',
      code: 'ERR_RATE_LIMITED',
    });
    await redis.restart();
    await until(() => one?.proxy.redis?.status().state === 'up');
    expect((await one?.get())?.status).to.equal(200);
  });
});
