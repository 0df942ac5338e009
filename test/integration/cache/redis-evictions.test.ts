import { expect } from 'chai';
import { epochsKey, expiryKey, indexKey, tagKey } from '../../../lib/cache/store/redis/keys.js';
import { redisCluster, startRedis } from '../../support/redis.js';
import { API, bodyAt, connectedStore, stored, under, variant, written } from './redis-fixture.js';

const HASH_TAG = '{rpo:weather}';
const at = (path: string): string => `${API}${path}:`;

const servers = [
  ['Redis', startRedis],
  ['a Redis Cluster', redisCluster],
] as const;

for (const [name, start] of servers)
  describe(`redisStore().purge() after ${name} has evicted lists of keys`, () => {
    async function scene() {
      const server = await start();
      const evict = async (...keys: string[]): Promise<void> => {
        expect(await server.control.del(...keys)).to.equal(keys.length);
      };
      const [one, other] = [await connectedStore(server), await connectedStore(server)];
      return { server, evict, one, other };
    }

    it('removes what is below a path in every process', async () => {
      const { evict, one, other } = await scene();
      await stored(one, at('/cities/a'), 'old');
      await evict(indexKey(HASH_TAG));
      await other.purge({ prefix: `${API}/cities/` });
      expect(await bodyAt(one, at('/cities/a'))).to.equal(undefined);
      expect(await bodyAt(other, at('/cities/a'))).to.equal(undefined);
      await stored(one, at('/cities/a'), 'new');
      expect(await bodyAt(other, at('/cities/a'))).to.equal('new');
    });

    it('removes what is below a path where later responses are listed again', async () => {
      const { evict, one, other } = await scene();
      await stored(one, at('/cities/a'), 'old');
      await evict(indexKey(HASH_TAG));
      await stored(one, at('/cities/b'), 'listed');
      await stored(one, at('/lakes/a'), 'listed');
      expect(await other.purge({ prefix: `${API}/cities/` })).to.equal(1);
      expect(await bodyAt(one, at('/cities/a'))).to.equal(undefined);
      expect(await bodyAt(one, at('/cities/b'))).to.equal(undefined);
      expect(await bodyAt(one, at('/lakes/a'))).to.equal('listed');
    });

    it('keeps what nobody purges', async () => {
      const { evict, one, other } = await scene();
      await stored(one, at('/cities/a'), 'old', { tags: ['rain'] });
      await evict(indexKey(HASH_TAG), expiryKey(HASH_TAG), tagKey(HASH_TAG, 'rain'));
      await stored(one, at('/cities/b'), 'new', { tags: ['rain'] });
      await other.purge({ key: at('/cities/b') });
      expect(await bodyAt(one, at('/cities/a'))).to.equal('old');
    });

    it('removes what carries a tag, and nothing else', async () => {
      const { evict, one, other } = await scene();
      await stored(one, at('/a'), 'old', { tags: ['wind', 'rain'] });
      await stored(one, at('/b'), 'old', { tags: ['wind'] });
      await stored(one, at('/c'), 'old');
      await evict(tagKey(HASH_TAG, 'rain'));
      await other.purge({ api: API, tag: 'rain' });
      expect(await bodyAt(one, at('/a'))).to.equal(undefined);
      expect(await bodyAt(one, at('/b'))).to.equal('old');
      expect(await bodyAt(one, at('/c'))).to.equal('old');
      await stored(one, at('/a'), 'new', { tags: ['rain'] });
      expect(await bodyAt(other, at('/a'))).to.equal('new');
      expect(await other.purge({ api: API, tag: 'rain' })).to.equal(1);
      expect(await other.purge({ api: API, tag: 'wind' })).to.equal(1);
    });

    it('removes what carries a tag where later responses are listed again', async () => {
      const { evict, one, other } = await scene();
      await stored(one, at('/a'), 'old', { tags: ['rain'] });
      await stored(one, at('/b'), 'old', { tags: ['wind'] });
      await evict(tagKey(HASH_TAG, 'rain'));
      await stored(one, at('/c'), 'listed', { tags: ['rain'] });
      expect(await bodyAt(one, at('/a'))).to.equal('old');
      expect(await other.purge({ api: API, tag: 'rain' })).to.equal(1);
      for (const path of ['/a', '/c']) expect(await bodyAt(one, at(path)), path).to.equal(undefined);
      expect(await bodyAt(one, at('/b'))).to.equal('old');
    });

    it('removes what carries a tag where the list of tags was evicted too', async () => {
      const { evict, one, other } = await scene();
      await stored(one, at('/a'), 'old', { tags: ['rain'] });
      await evict(tagKey(HASH_TAG, 'rain'), expiryKey(HASH_TAG));
      await other.purge({ api: API, tag: 'rain' });
      expect(await bodyAt(one, at('/a'))).to.equal(undefined);
      await stored(one, at('/a'), 'old', { tags: ['rain'] });
      await evict(tagKey(HASH_TAG, 'rain'), expiryKey(HASH_TAG));
      await stored(one, at('/b'), 'listed', { tags: ['rain'] });
      await other.purge({ api: API, tag: 'rain' });
      for (const path of ['/a', '/b']) expect(await bodyAt(one, at(path)), path).to.equal(undefined);
    });

    it('does not take a list that a purge has emptied for an evicted one', async () => {
      const { one, other, server } = await scene();
      await stored(one, at('/a'), 'a', { tags: ['rain'] });
      await stored(one, at('/b'), 'b', { tags: ['wind'] });
      const before = await server.control.get(epochsKey(HASH_TAG));
      for (let i = 0; i < 3; i++) {
        await stored(one, at('/a'), 'a', { tags: ['rain'] });
        expect(await other.purge({ api: API, tag: 'rain' })).to.equal(1);
        expect(await other.purge({ prefix: `${API}/none` })).to.equal(0);
      }
      expect(await server.control.get(epochsKey(HASH_TAG))).to.equal(before);
      expect(await bodyAt(one, at('/b'))).to.equal('b');
    });

    it('remembers a bounded number of tags, and drops the older responses beyond it', async () => {
      const { evict, one, other, server } = await scene();
      await stored(one, at('/old'), 'old');
      for (let i = 0; i < 40; i++) {
        await stored(one, at(`/${i}`), 'x', { tags: [`tag ${i}`] });
        await evict(tagKey(HASH_TAG, `tag ${i}`));
        await other.purge({ api: API, tag: `tag ${i}` });
        if (i === 20) await stored(one, at('/later'), 'later');
        if (i === 31) expect(await bodyAt(one, at('/old'))).to.equal('old');
      }
      for (let i = 0; i < 40; i++) expect(await bodyAt(one, at(`/${i}`)), `${i}`).to.equal(undefined);
      expect(await bodyAt(one, at('/old'))).to.equal(undefined);
      expect(await bodyAt(one, at('/later'))).to.equal('later');
      expect(await server.control.strlen(epochsKey(HASH_TAG))).to.be.below(1200);
    });

    it('takes what it cannot tell for purged: the record of purges was evicted', async () => {
      const { evict, one, other } = await scene();
      await stored(one, at('/a'), 'old');
      await evict(epochsKey(HASH_TAG));
      expect(await bodyAt(other, at('/a'))).to.equal(undefined);
      await stored(one, at('/b'), 'new');
      expect(await bodyAt(other, at('/a'))).to.equal(undefined);
      expect(await bodyAt(other, at('/b'))).to.equal('new');
      expect(other.counts().corrupt).to.equal(0);
    });

    it('reads that record in the same command, and keeps it no longer than any value', async () => {
      const { one, server } = await scene();
      one.set(at('/a'), [variant('a')], under({ keepUntil: Date.now() + 60_000 }));
      one.set(at('/b'), [variant('b')], under({ keepUntil: Date.now() + 20_000 }));
      await written(one);
      const left = await server.control.pttl(epochsKey(HASH_TAG));
      expect(left).to.be.within(await server.control.pttl(at('/a')), 60_000);
      const before = await server.commandCalls();
      await one.get(at('/a'));
      const calls = await server.commandCalls();
      const more = Object.keys(calls).filter((command) => calls[command] !== before[command]);
      expect(more.sort()).to.deep.equal(['info', 'mget']);
    });
  });
