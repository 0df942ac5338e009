import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { type RedisStore, redisStore } from '../../../lib/cache/store/redis/store.js';
import { onCleanup } from '../../support/cleanup.js';
import { unusedPort } from '../../support/listening.js';
import { startRedis } from '../../support/redis.js';
import { eventually, until, within } from '../../support/until.js';
import { API, bodyAt, connectedStore, KEY, stored, under, variant, written } from './redis-fixture.js';

const HASTY = { commandTimeoutMs: 20, circuit: { failures: 3, resetMs: 20 } };

describe('redisStore() without a Redis that replies', () => {
  it('misses at once, stores nothing and throws nothing where there never was one', async () => {
    const store = redisStore({ redis: `redis://127.0.0.1:${await unusedPort()}` });
    onCleanup(() => store.close());
    expect(store.get(KEY)).to.equal(undefined);
    store.set(KEY, [variant('sunny')], under());
    store.delete(KEY);
    expect(await store.purge({ prefix: API })).to.equal(0);
    await until(() => store.health().lastError === 'ECONNREFUSED');
    expect(store.health()).to.include({ usable: false, circuitIsOpen: false, notStored: 1 });
    expect(store.get(KEY)).to.equal(undefined);
  });

  it('goes on when Redis is killed between the look-up and the store, and finds it again', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    expect(await store.get(KEY)).to.equal(undefined);
    await server.kill();
    store.set(KEY, [variant('sunny')], under());
    await written(store);
    expect(await store.get(KEY)).to.equal(undefined);
    expect(store.health().notStored).to.equal(1);
    await server.restart();
    await until(() => store.isUsable());
    await stored(store, KEY, 'cloudy');
    expect(await bodyAt(store, KEY)).to.equal('cloudy');
  });

  it('misses on look-ups in flight when the connection breaks', async () => {
    const server = await startRedis();
    const store = await connectedStore(server, { commandTimeoutMs: 60_000 });
    await stored(store, KEY, 'sunny');
    server.stall();
    const lookUps = Promise.all([store.get(KEY), store.get(KEY)]);
    await server.kill();
    expect(await within(lookUps, 'the look-ups')).to.deep.equal([undefined, undefined]);
    await server.restart();
    await until(() => store.isUsable());
    expect(await within(Promise.resolve(store.get(KEY)), 'a look-up')).to.equal(undefined);
  });

  it('uses a stalled Redis only until the circuit opens, and again once it replies', async () => {
    const server = await startRedis();
    const store = await connectedStore(server, HASTY);
    await stored(store, KEY, 'sunny');
    server.stall();
    for (let i = 0; i < HASTY.circuit.failures; i++) {
      expect(store.health().circuitIsOpen, `after ${i}`).to.equal(false);
      expect(await store.get(KEY)).to.equal(undefined);
    }
    expect(store.health()).to.include({ usable: false, circuitIsOpen: true, lastError: 'TIMEOUT' });
    for (let i = 0; i < 100; i++) expect(store.get(KEY)).to.equal(undefined);
    store.set(KEY, [variant('cloudy')], under());
    server.resume();
    await until(() => store.isUsable());
    expect(await bodyAt(store, KEY)).to.equal('sunny');
    const { mget, eval: scripts } = await server.commandCalls();
    expect(mget).to.equal(HASTY.circuit.failures + 1);
    expect(scripts).to.equal(1);
  });

  it('sends one probe at a time while the circuit is open', async () => {
    const server = await startRedis();
    const store = await connectedStore(server, {
      commandTimeoutMs: 20,
      circuit: { failures: 1, resetMs: 20 },
    });
    server.stall();
    await store.get(KEY);
    const calls = Promise.all(Array.from({ length: 50 }, () => store.get(KEY)));
    expect(await calls).to.deep.equal(Array.from({ length: 50 }));
    server.resume();
    await until(() => store.isUsable());
    const { mget, exists } = await server.commandCalls();
    expect(mget).to.equal(1);
    expect(exists).to.be.within(1, 5);
  });

  it('does not mistake a busy process for a slow Redis', async () => {
    const server = await startRedis();
    const store = await connectedStore(server, { ...HASTY, commandTimeoutMs: 50 });
    await stored(store, KEY, 'sunny');
    const lookUps = Array.from({ length: 5 }, () => bodyAt(store, KEY));
    // Sent now, and the reply arrives while nobody reads.
    await new Promise((resolve) => setImmediate(resolve));
    const busyUntil = performance.now() + 200;
    while (performance.now() < busyUntil);
    expect(await Promise.all(lookUps)).to.deep.equal(Array.from({ length: 5 }, () => 'sunny'));
    expect(store.health().circuitIsOpen).to.equal(false);
  });

  it('keeps serving look-ups while Redis has no room for more', async () => {
    const server = await startRedis();
    const store = await connectedStore(server, HASTY);
    await stored(store, KEY, 'sunny');
    await server.control.config('SET', 'maxmemory', '1');
    for (let i = 0; i < 10; i++) store.set(`${API}/${i}:`, [variant('x')], under());
    await written(store);
    expect(store.health()).to.include({ usable: true, lastError: 'OOM', notStored: 10 });
    expect(await bodyAt(store, KEY)).to.equal('sunny');
  });

  it('misses what no response can carry, whoever wrote it', async () => {
    const store = await connectedStore(await startRedis());
    for (const changes of [
      { statusText: 'O\r\nX: y' },
      { statusText: 'O\0' },
      { status: 99 },
      { rawHeaders: ['X', 'a\r\nY: b'] },
      { rawHeaders: ['X Y', 'a'] },
    ]) {
      store.set(KEY, [variant('sunny', changes)], under());
      await written(store);
      expect(await store.get(KEY), JSON.stringify(changes)).to.equal(undefined);
    }
    await stored(store, KEY, 'cloudy');
    expect(await bodyAt(store, KEY)).to.equal('cloudy');
  });

  it('works with a client of the application that queues what it cannot send', async () => {
    const server = await startRedis();
    const client = new Redis(server.port);
    onCleanup(() => client.disconnect());
    client.on('error', () => {});
    const store = await connectedStore(server, { redis: client });
    await server.kill();
    await until(() => client.status === 'reconnecting');
    expect(store.get(KEY)).to.equal(undefined);
    store.set(KEY, [variant('sunny')], under());
    await server.restart();
    await until(() => store.isUsable());
    expect(await server.control.dbsize()).to.equal(0);
  });

  it('shows the password nowhere', async () => {
    const server = await startRedis({ password: 's3cret' });
    const shown: unknown[] = [];
    const watched = ['error', 'warn', 'log'] as const;
    const original = { ...console };
    for (const name of watched) console[name] = (...args: unknown[]) => void shown.push(args);
    onCleanup(() => Object.assign(console, original));
    const stores: RedisStore[] = [
      redisStore({ redis: server.url }),
      redisStore({ redis: server.url.replace('s3cret', 'wr0ng') }),
      redisStore({ redis: { host: server.host, port: server.port } }),
    ];
    onCleanup(() => Promise.all(stores.map((store) => store.close())));
    const [right, wrong, none] = stores;
    await until(() => right?.isUsable() === true);
    await until(() => wrong?.health().lastError === 'WRONGPASS');
    await until(() => none?.health().lastError === 'NOAUTH');
    for (const store of stores) {
      store.set(KEY, [variant('x')], under());
      store.onPurge(() => {});
      await store.get(KEY);
      await store.purge({ key: KEY });
    }
    await server.kill();
    await until(() => right?.isUsable() === false);
    const seen = JSON.stringify([shown, stores.map((store) => [store.health(), store.counts()])]);
    expect(seen).to.not.include('s3cret').and.not.include('wr0ng');
    expect(shown).to.deep.equal([]);
  });

  it('leaves nothing open when it is closed: the process exits by itself', async () => {
    const server = await startRedis();
    for (const stalled of [false, true]) {
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', CHILD], {
        env: { ...process.env, REDIS_URL: server.url },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      onCleanup(() => child.kill('SIGKILL'));
      const exited = once(child, 'exit');
      await within(once(child.stdout, 'data'), 'the process to have used the store', 15_000);
      if (stalled) server.stall();
      child.stdin.end('close\n');
      expect(await within(exited, 'the process to end', 15_000)).to.deep.equal([0, null]);
      server.resume();
    }
    await eventually(
      async () => ((await server.control.client('LIST')) as string).trim().split('\n').length === 1,
      'the connections to be gone',
    );
  });
});

const CHILD = `
import { once } from 'node:events';
import { redisStore } from '${new URL('../../../lib/cache/store/redis/store.ts', import.meta.url)}';
process.on('unhandledRejection', () => process.exit(7));
const store = redisStore({ redis: process.env.REDIS_URL });
while (!store.isUsable()) await new Promise((resolve) => setTimeout(resolve, 5));
store.onPurge(() => {});
const key = '{rpo:child}:/:';
const lease = await store.lease(key, 60_000);
store.lease(key, 60_000);
await store.get(key);
console.log('used');
await once(process.stdin, 'data');
process.stdin.destroy();
store.get(key);
store.delete(key);
lease.release();
await store.close();
await store.close();
store.set(key, [], { api: '{rpo:child}:', tags: [], keepUntil: Date.now() + 1000 });
if (store.get(key) !== undefined) process.exit(8);
`;
