import { expect } from 'chai';
import { redisStore } from '../../../lib/cache/store/redis/store.js';
import { onCleanup } from '../../support/cleanup.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { eventually, until } from '../../support/until.js';
import { KEY, under, variant, written } from './redis-fixture.js';

const SECOND = 1000;

describe('redisStore() of processes whose clocks differ', () => {
  async function storeAhead(server: RedisServer, aheadMs: number) {
    const now = () => Date.now() + aheadMs;
    const store = redisStore({ redis: server.url, commandTimeoutMs: 1000 }, now);
    onCleanup(() => store.close());
    await until(() => store.isUsable());
    return { store, now };
  }

  for (const [one, other] of [
    [0, 50],
    [50, 0],
    [-3600, 3600],
  ] as const) {
    it(`reads what is ${one} s ahead from ${other} s ahead as equally old`, async () => {
      const server = await startRedis();
      const writer = await storeAhead(server, one * SECOND);
      const reader = await storeAhead(server, other * SECOND);
      const told = (now: () => number) => ({
        bornAt: now() - 10 * SECOND,
        freshUntil: now() + 50 * SECOND,
        keepUntil: now() + 60 * SECOND,
      });
      // Each asks Redis for its time once it is connected.
      await eventually(async () => {
        const times = told(writer.now);
        writer.store.set(KEY, [variant('x', times)], under({ keepUntil: times.keepUntil }));
        await written(writer.store);
        const [found] = (await reader.store.get(KEY)) ?? [];
        const want = told(reader.now);
        return found !== undefined && Math.abs(found.meta.freshUntil - want.freshUntil) < 5 * SECOND;
      }, 'both to know the clock of Redis');
      const [found] = (await reader.store.get(KEY)) ?? [];
      const want = told(reader.now);
      expect(found?.meta.bornAt).to.be.closeTo(want.bornAt, 5 * SECOND);
      expect(found?.meta.keepUntil).to.be.closeTo(want.keepUntil, 5 * SECOND);
      expect(await server.control.pttl(KEY)).to.be.within(50 * SECOND, 60 * SECOND);
    });
  }
});
