import { expect } from 'chai';
import { Cluster, Redis } from 'ioredis';
import { encodeEntry } from '../../../lib/cache/store/entry-codec.js';
import { expiryKey, indexKey, tagKey } from '../../../lib/cache/store/redis/keys.js';
import type { RedisStoreOptions } from '../../../lib/cache/store/redis/options.js';
import { redisStore } from '../../../lib/cache/store/redis/store.js';
import { listenerWarningsSeen, onCleanup } from '../../support/cleanup.js';
import { redisCluster, startRedis } from '../../support/redis.js';
import { eventOf, eventually, until } from '../../support/until.js';
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

describe('redisStore()', () => {
  it('returns heads and bodies to other processes unchanged', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    const set = [variant(BINARY, { varyKey: 'a' }), variant('', { varyKey: 'b', status: 404 })];
    one.set(KEY, set, under());
    await written(one);
    const found = await other.get(KEY);
    expect(found?.map(({ meta }) => meta)).to.deep.equal(set.map(({ meta }) => meta));
    expect(Buffer.from(found?.[0]?.body ?? []).equals(BINARY)).to.equal(true);
    expect(found?.[1]?.body.length).to.equal(0);
  });

  it('misses what was never stored', async () => {
    const store = await connectedStore(await startRedis());
    expect(await store.get(KEY)).to.equal(undefined);
  });

  it('sends one command for a hit, and one for a store', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    const monitor = await server.control.monitor();
    onCleanup(() => monitor.disconnect());
    const commands: string[] = [];
    monitor.on('monitor', (_time: string, [name = '']: string[], source: string) => {
      if (source !== 'lua') commands.push(name.toLowerCase());
    });
    await stored(store, KEY, 'sunny', { tags: ['rain', 'wind'] });
    expect(await bodyAt(store, KEY)).to.equal('sunny');
    await server.control.echo('end');
    await until(() => commands.includes('echo'));
    expect(commands).to.deep.equal(['eval', 'mget', 'echo']);
  });

  it('has Redis drop a value when it is of no more use', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    await stored(store, KEY, 'sunny', { keepUntil: Date.now() + 30_000, tags: ['rain'] });
    for (const key of await allKeys(server.control)) {
      const left = await server.control.pttl(key);
      expect(left, key).to.be.within(20_000, 30_000);
    }
  });

  it('does not store what is already of no more use', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    store.set(KEY, [variant('old')], under({ keepUntil: Date.now() - 1 }));
    expect(await bodyAt(store, KEY)).to.equal(undefined);
    expect(await server.control.dbsize()).to.equal(0);
  });

  it('lets a list of tagged keys live as long as the longest-lived of them', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    await stored(store, `${API}/a:`, 'a', { tags: ['rain'], keepUntil: Date.now() + 90_000 });
    await stored(store, `${API}/b:`, 'b', { tags: ['rain'], keepUntil: Date.now() + 30_000 });
    const [list = ''] = (await allKeys(server.control)).filter((key) => key.includes('tag:'));
    expect(await server.control.pttl(list)).to.be.above(80_000);
  });

  it('removes expired keys from its lists while it stores others', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    await stored(store, `${API}/long:`, 'a', { tags: ['rain'] });
    for (const name of ['x', 'y', 'z'])
      await stored(store, `${API}/${name}:`, 'b', { tags: ['rain'], keepUntil: Date.now() + 20 });
    await eventually(async () => (await server.control.exists(`${API}/z:`)) === 0, 'the expiry');
    await stored(store, `${API}/new:`, 'c', { tags: ['rain'] });
    const rain = tagKey('{rpo:weather}', 'rain');
    for (const key of [indexKey('{rpo:weather}'), expiryKey('{rpo:weather}'), rain]) {
      const kept = (await server.control.zrange(key, 0, '-1')).filter((member) => member !== rain);
      expect(kept.sort(), key).to.deep.equal([`${API}/long:`, `${API}/new:`]);
    }
  });

  it('reads back at once what Redis does not have yet', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    server.stall();
    const set = [variant('sunny')];
    store.set(KEY, set, under());
    expect(store.get(KEY)).to.equal(set);
    expect(store.counts().entries).to.equal(1);
    server.resume();
    await written(store);
    expect(store.get(KEY)).to.be.a('promise');
    expect(await bodyAt(store, KEY)).to.equal('sunny');
  });

  it('reads what was set last while the one before is still on its way', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    store.set(KEY, [variant('first')], under());
    store.set(KEY, [variant('second')], under());
    expect(await bodyAt(store, KEY)).to.equal('second');
    await written(store);
    expect(await bodyAt(store, KEY)).to.equal('second');
  });

  it('stores nothing more while Redis is too far behind', async () => {
    const server = await startRedis();
    const store = await connectedStore(server, { maxPendingBytes: 5000 });
    server.stall();
    for (const name of ['a', 'b', 'c']) store.set(`${API}/${name}:`, [variant(Buffer.alloc(2000))], under());
    expect(store.get(`${API}/b:`)).to.be.an('array');
    expect(store.health().notStored).to.equal(1);
    server.resume();
    await written(store);
    expect(await store.get(`${API}/c:`)).to.equal(undefined);
  });

  it('drops the older variants where all of them together are too large', async () => {
    const store = await connectedStore(await startRedis(), { maxEntryBytes: 10 });
    store.set(KEY, [variant('123456'), variant('7890'), variant('x')], under());
    await written(store);
    expect((await store.get(KEY))?.map(({ body }) => Buffer.from(body).toString())).to.deep.equal([
      '123456',
      '7890',
    ]);
  });

  it('ends what it has where the value that replaces it is too large, or is over', async () => {
    const server = await startRedis();
    const store = await connectedStore(server, { maxEntryBytes: 10 });
    for (const [next, keepUntil] of [
      [variant('12345678901'), Date.now() + 60_000],
      [variant('new'), Date.now() - 1],
    ] as const) {
      await stored(store, KEY, 'old');
      store.set(KEY, [next], under({ keepUntil }));
      await eventually(async () => (await store.get(KEY)) === undefined, 'the older value to be gone');
      store.set(KEY, [variant('old')], under());
      store.set(KEY, [next], under({ keepUntil }));
      expect(store.get(KEY)).not.to.be.an('array');
      await written(store);
      await eventually(async () => (await server.control.exists(KEY)) === 0, 'it to be gone from Redis');
    }
  });

  it('misses on what it cannot read, drops it and counts it', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    const value = encodeEntry([variant('sunny')]);
    const damaged = Buffer.from(value);
    damaged[damaged.length - 1] = 0;
    const older = Buffer.from(value);
    older[4] = 0;
    const unreadable = {
      damaged,
      older,
      cut: value.subarray(0, 40),
      foreign: Buffer.from('{}'),
      empty: Buffer.alloc(0),
    };
    let corrupt = 0;
    for (const [name, bytes] of Object.entries(unreadable)) {
      await server.control.set(KEY, bytes);
      expect(await store.get(KEY), name).to.equal(undefined);
      expect(store.counts().corrupt, name).to.equal(++corrupt);
      await eventually(async () => (await server.control.exists(KEY)) === 0, `${name} to be dropped`);
    }
  });

  it('misses on keys of another type, and replaces them', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    await server.control.lpush(KEY, 'a list');
    expect(await store.get(KEY)).to.equal(undefined);
    expect(store.health().circuitIsOpen).to.equal(false);
    await stored(store, KEY, 'sunny');
    expect(await bodyAt(store, KEY)).to.equal('sunny');
  });

  it('uses the client it is given, and leaves it open', async () => {
    const server = await startRedis();
    const client = new Redis(server.port, { keyPrefix: 'app:', lazyConnect: true });
    onCleanup(() => client.disconnect());
    const store = await connectedStore(server, { redis: client });
    await stored(store, KEY, 'sunny', { tags: ['rain'] });
    expect(await server.control.exists(`app:${KEY}`)).to.equal(1);
    expect(await bodyAt(store, KEY)).to.equal('sunny');
    expect(await store.purge({ api: API, tag: 'rain' })).to.equal(1);
    expect(await allKeys(server.control)).to.deep.equal([]);
    await store.close();
    expect(await client.ping()).to.equal('PONG');
    expect(client.listenerCount('ready') + client.listenerCount('error')).to.equal(0);
  });

  it('can share a client with many others', async () => {
    const server = await startRedis();
    const client = new Redis(server.port);
    onCleanup(() => client.disconnect());
    const limit = client.getMaxListeners();
    const stores = await Promise.all(
      Array.from({ length: 12 }, () => connectedStore(server, { redis: client })),
    );
    await Promise.all(stores.map((store) => store.close()));
    expect(client.getMaxListeners()).to.equal(limit);
    expect(listenerWarningsSeen()).to.deep.equal([]);
  });

  it('keeps everything that belongs to an API in one slot of a cluster', async () => {
    const server = await redisCluster();
    const cluster = new Cluster([{ host: server.host, port: server.port }], { enableAutoPipelining: true });
    onCleanup(() => cluster.disconnect());
    await eventOf(cluster, 'ready');
    const store = await connectedStore(server, { redis: cluster });
    await stored(store, KEY, 'sunny', { tags: ['rain', 'wind'] });
    await stored(store, '{rpo:maps}:/tiles:', 'blue', { api: '{rpo:maps}:', tags: ['rain'] });
    expect(await bodyAt(store, KEY)).to.equal('sunny');
    // Releases are heard from the start once there is a connection for messages.
    store.onPurge(() => {});
    await eventually(
      async () => ((await server.control.pubsub('CHANNELS')) as string[]).length > 0,
      'the subscription',
    );
    const lease = await store.lease(KEY, 5000);
    const polls = async () => (await server.commandCalls()).pttl ?? 0;
    const before = await polls();
    const second = store.lease(KEY, 5000);
    // Its first poll comes after its subscription.
    await eventually(async () => (await polls()) > before, 'the second to wait');
    lease?.release();
    expect(await second).to.equal(undefined);
    expect(await store.purge({ api: API, tag: 'rain' })).to.equal(1);
    expect(await store.purge({ prefix: '{rpo:maps}:/tiles' })).to.equal(1);
    expect(store.health().lastError).to.equal(undefined);
    const values = (await allKeys(server.control)).filter((key) => key.includes('}:'));
    expect(values).to.deep.equal([]);
  });

  it('refuses invalid options, and shows no part of a URL', () => {
    const refused: [RedisStoreOptions, RegExp][] = [
      [{ redis: 'localhost' }, /^redis must be an ioredis client/],
      [{ redis: 'redis://:s3cret@local host:1' }, /^redis must be a redis: or rediss: URL$/],
      [{ redis: 'http://:s3cret@localhost' }, /received a string of \d+ characters$/],
      [{ redis: 'redis://h', commandTimeoutMs: 0 }, /^commandTimeoutMs must be at least 1; received 0$/],
      [{ redis: 'redis://h', circuit: { failures: 0 } }, /^circuit.failures must be at least 1/],
    ];
    for (const [options, message] of refused) {
      expect(() => redisStore(options))
        .to.throw(message)
        .with.property('message')
        .that.does.not.include('s3cret');
    }
  });
});

async function allKeys(control: Redis): Promise<string[]> {
  const [, keys] = await control.scan(0, 'COUNT', 1000);
  return keys;
}
