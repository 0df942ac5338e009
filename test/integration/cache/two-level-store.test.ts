import { expect } from 'chai';
import { MemoryStore } from '../../../lib/cache/store/memory-store.js';
import type { RedisStoreOptions } from '../../../lib/cache/store/redis/options.js';
import type { RedisStore } from '../../../lib/cache/store/redis/store.js';
import type { CacheStore } from '../../../lib/cache/store/store.js';
import { twoLevelStore } from '../../../lib/cache/store/two-level-store.js';
import { onCleanup } from '../../support/cleanup.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { eventually, until } from '../../support/until.js';
import type { UpstreamResponse } from '../../support/upstream.js';
import {
  API,
  BINARY,
  bodyAt,
  connectedStore,
  KEY,
  stored,
  under,
  variant,
  written,
} from './redis-fixture.js';
import { cached } from './testing.js';

/** One process with a clock of its own. */
interface Level2 {
  readonly store: CacheStore;
  readonly memory: MemoryStore;
  readonly shared: RedisStore;
  clock: number;
}

describe('twoLevelStore()', () => {
  it('returns values from memory at once, for as long as they are young', async () => {
    const server = await startRedis();
    const one = await process(server);
    one.store.set(KEY, [variant('sunny')], under());
    await written(one.shared);
    expect(one.store.get(KEY)).to.be.an('array');
    one.clock += 4999;
    expect(one.store.get(KEY)).to.be.an('array');
    expect((await server.commandCalls()).mget).to.equal(undefined);
    one.clock += 1;
    expect(one.store.get(KEY)).to.be.a('promise');
    expect(await bodyAt(one.store, KEY)).to.equal('sunny');
    one.clock += 4999;
    expect(one.store.get(KEY)).to.be.an('array');
    expect((await server.commandCalls()).mget).to.equal(1);
  });

  it('keeps what another process stored, with the body unchanged', async () => {
    const server = await startRedis();
    const [one, other] = [await process(server), await process(server)];
    one.store.set(KEY, [variant(BINARY)], under());
    await written(one.shared);
    for (const _ of ['from Redis', 'from memory']) {
      const [found] = (await other.store.get(KEY)) ?? [];
      expect(Buffer.from(found?.body ?? []).equals(BINARY)).to.equal(true);
    }
    expect((await server.commandCalls()).mget).to.equal(1);
    expect(other.store.counts().entries).to.equal(1);
  });

  it('finds with getAnew() what another process has stored, although its own value is young', async () => {
    const server = await startRedis();
    const [one, other] = [await process(server), await process(server)];
    one.store.set(KEY, [variant('old')], under());
    await written(one.shared);
    await stored(other.shared, KEY, 'new');
    expect(await bodyAt(one.store, KEY)).to.equal('old');
    const [found] = (await one.store.getAnew?.(KEY)) ?? [];
    expect(Buffer.from(found?.body ?? []).toString()).to.equal('new');
    expect(await bodyAt(one.store, KEY)).to.equal('new');
  });

  it('reads Redis once for many equal look-ups at the same time', async () => {
    const server = await startRedis();
    const [one, other] = [await process(server), await process(server)];
    await stored(one.shared, KEY, 'sunny');
    const found = await Promise.all(Array.from({ length: 20 }, () => bodyAt(other.store, KEY)));
    expect(new Set(found)).to.deep.equal(new Set(['sunny']));
    expect(await Promise.all([other.store.get(`${API}/a:`), other.store.get(`${API}/a:`)])).to.deep.equal([
      undefined,
      undefined,
    ]);
    expect((await server.commandCalls()).mget).to.equal(2);
  });

  it('applies the purges of other processes, by key, prefix and tag', async () => {
    const server = await startRedis();
    const [one, other] = [await process(server), await process(server)];
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names)
      await stored(one.shared, `${API}/${name}:`, name, { tags: name === 'c' ? ['rain'] : [] });
    for (const name of names) await bodyAt(other.store, `${API}/${name}:`);
    await listening(server, 2);
    await one.store.purge({ key: `${API}/a:` });
    await one.store.purge({ prefix: `${API}/b` });
    await one.store.purge({ api: API, tag: 'rain' });
    one.store.delete(`${API}/d:`);
    await until(() => other.memory.counts().entries === 1);
    for (const name of ['a', 'b', 'c', 'd'])
      expect(await bodyAt(other.store, `${API}/${name}:`), name).to.equal(undefined);
    expect(other.store.get(`${API}/e:`)).to.be.an('array');
  });

  it('applies a purge that it missed after maxAgeMs at the latest', async () => {
    const server = await startRedis();
    const one = await process(server);
    one.store.set(KEY, [variant('sunny')], under());
    await written(one.shared);
    await server.control.del(KEY);
    expect(await bodyAt(one.store, KEY)).to.equal('sunny');
    one.clock += 5000;
    expect(await bodyAt(one.store, KEY)).to.equal(undefined);
    expect(one.memory.counts().entries).to.equal(0);
  });

  it('purges its own memory and Redis', async () => {
    const server = await startRedis();
    const one = await process(server);
    one.store.set(KEY, [variant('sunny')], under());
    await written(one.shared);
    expect(await one.store.purge({ prefix: API })).to.equal(1);
    expect(await bodyAt(one.store, KEY)).to.equal(undefined);
  });

  it('does not bring back from a look-up what was purged or replaced meanwhile', async () => {
    const server = await startRedis();
    const one = await process(server);
    for (const meanwhile of ['purge', 'delete', 'set'] as const) {
      await stored(one.shared, KEY, 'old');
      const found = bodyAt(one.store, KEY);
      if (meanwhile === 'purge') await one.store.purge({ prefix: API });
      if (meanwhile === 'delete') one.store.delete(KEY);
      if (meanwhile === 'set') one.store.set(KEY, [variant('new')], under());
      const expected = meanwhile === 'set' ? 'new' : undefined;
      expect(await found, meanwhile).to.equal(expected);
      expect(await bodyAt(one.store, KEY), meanwhile).to.equal(expected);
    }
  });

  it('serves from memory while Redis is away, however old the values are', async () => {
    const server = await startRedis();
    const one = await process(server);
    one.store.set(KEY, [variant('sunny')], under());
    await written(one.shared);
    one.clock += 3_600_000;
    await server.kill();
    await until(() => !one.shared.isUsable());
    expect(await bodyAt(one.store, KEY)).to.equal('sunny');
    one.store.set(`${API}/a:`, [variant('a')], under());
    expect(await bodyAt(one.store, `${API}/a:`)).to.equal('a');
    await server.restart();
    await until(() => one.shared.isUsable());
    expect(await bodyAt(one.store, KEY)).to.equal(undefined);
  });

  it('stores nothing that was requested before another process had it removed', async () => {
    const server = await startRedis();
    const processes = [await process(server), await process(server)] as const;
    let version = 1;
    const held: (() => void)[] = [];
    const respond: UpstreamResponse = (req, res) => {
      const body = String(version);
      if (req.headers['x-held']) held.push(() => res.end(body));
      else res.end(body);
    };
    const [writing, reading] = [
      await cached(respond, { store: processes[0].store }),
      await cached(respond, { store: processes[1].store }),
    ];
    let heard = 0;
    processes[1].shared.onPurge(() => heard++);
    await listening(server, 2);
    const slow = reading.get('/', { 'x-held': '1' });
    await until(() => held.length === 1);
    version = 2;
    await writing.send('PUT');
    await until(() => heard === 1, 'the news to arrive');
    held[0]?.();
    expect((await slow).text).to.equal('1');
    for (const { get } of [reading, writing]) expect((await get()).text).to.equal('2');
  });

  it('shares leases, and adds up the values that could not be read', async () => {
    const server = await startRedis();
    const [one, other] = [await process(server), await process(server)];
    await server.control.set(KEY, 'unreadable');
    expect(await one.store.get(KEY)).to.equal(undefined);
    expect(one.store.counts()).to.deep.equal({ entries: 0, bytes: 0, evictions: 0, corrupt: 1 });
    expect(await one.store.lease?.(KEY, 60_000)).to.have.property('release');
    expect(await other.store.lease?.(KEY, 50)).to.equal(undefined);
  });
});

async function process(server: RedisServer, options: Partial<RedisStoreOptions> = {}): Promise<Level2> {
  const memory = new MemoryStore();
  const shared = await connectedStore(server, options);
  const level2: Level2 = {
    memory,
    shared,
    clock: 0,
    store: twoLevelStore({ memory, shared, now: () => level2.clock }),
  };
  onCleanup(() => level2.store.close());
  return level2;
}

/** Resolves once so many processes receive purges. */
function listening({ control }: RedisServer, processes: number): Promise<void> {
  return eventually(
    async () => (await control.pubsub('NUMSUB', 'rpo:purge')).join() === `rpo:purge,${processes}`,
    'all to listen',
  );
}
