import { expect } from 'chai';
import { type RedisStore, redisStore } from '../../../lib/cache/store/redis/store.js';
import { onCleanup } from '../../support/cleanup.js';
import { unusedPort } from '../../support/listening.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { eventually, within } from '../../support/until.js';
import { connectedStore, KEY, under, variant } from './redis-fixture.js';

const LONG = 60_000;

describe('redisStore().lease()', () => {
  it('is granted to one of many processes', async () => {
    const server = await startRedis();
    const stores = await Promise.all([1, 2, 3, 4].map(() => connectedStore(server)));
    const requested = stores.map((store) => store.lease(KEY, LONG));
    const first = await Promise.race(requested);
    // One that hears nothing of the release goes on in place of its holder.
    await listening(server, stores.length - 1);
    first?.release();
    const leases = await Promise.all(requested);
    expect(leases.filter((lease) => lease !== undefined)).to.deep.equal([first]);
  });

  it('wakes those who wait when it is released', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    await hears(server, other);
    const lease = await one.lease(KEY, LONG);
    const waiting = other.lease(KEY, LONG);
    await listening(server);
    lease?.release();
    expect(await within(waiting, 'the one who waits')).to.equal(undefined);
    expect(await other.lease(KEY, LONG)).to.have.property('release');
  });

  it('wakes those who wait when the value is stored', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    await one.lease(KEY, LONG);
    const waiting = other.lease(KEY, LONG);
    await listening(server);
    one.set(KEY, [variant('sunny')], under());
    expect(await within(waiting, 'the one who waits')).to.equal(undefined);
    expect(await other.get(KEY)).to.have.length(1);
  });

  it('is found free by those who missed the release', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    await one.lease(KEY, LONG);
    const waiting = other.lease(KEY, LONG);
    await server.control.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await lapse(server);
    expect(await within(waiting, 'the one who waits')).to.include({ waited: true });
  });

  it('ends by itself when its holder dies', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    await one.lease(KEY, LONG);
    await one.close();
    const looks = async () => (await server.commandCalls()).pttl ?? 0;
    const before = await looks();
    const waiting = other.lease(KEY, LONG);
    await eventually(async () => (await looks()) > before, 'the other to wait');
    await hasten(server);
    expect(await within(waiting, 'the one who waits')).to.include({ waited: true });
  });

  it('goes to one of those who wait when its holder fails, and the others wait for that one', async () => {
    const server = await startRedis();
    const holder = await connectedStore(server);
    const others = await Promise.all([1, 2, 3].map(() => connectedStore(server)));
    for (const other of others) await hears(server, other);
    const lease = await holder.lease(KEY, LONG);
    const ended: unknown[] = [];
    const waiting = others.map((other) =>
      other.lease(KEY, LONG).then((next) => {
        ended.push(next);
        return next;
      }),
    );
    await listening(server, 3);
    lease?.release(true);
    const next = await within(Promise.race(waiting), 'the next one');
    expect(next).to.include({ waited: true });
    await listening(server, 2);
    expect(ended).to.have.length(1);
    next?.release();
    const leases = await within(Promise.all(waiting), 'the others');
    expect(leases.filter((one) => one !== undefined)).to.deep.equal([next]);
  });

  it('is waited for no longer than its lifetime', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    await one.lease(KEY, LONG);
    expect(await within(other.lease(KEY, 50), 'the one who waits')).to.equal(undefined);
  });

  it('is not released by a holder whose time was up', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    const lapsed = await one.lease(KEY, LONG);
    await lapse(server);
    const held = await other.lease(KEY, LONG);
    expect(held).to.have.property('release');
    const before = (await server.commandCalls()).eval ?? 0;
    lapsed?.release();
    await eventually(async () => ((await server.commandCalls()).eval ?? 0) > before, 'the release');
    expect(await server.control.dbsize()).to.equal(1);
  });

  it('is short, and renewed while it is held', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    await store.lease(KEY, LONG);
    const [, [name = '']] = await server.control.scan(0);
    // What is added to it by finding out stays below 1.2 s too.
    expect(await server.control.pttl(name)).to.be.within(1, 1100);
    await server.control.pexpire(name, 900);
    await eventually(async () => (await server.control.pttl(name)) > 900, 'it to be renewed');
  });

  it('is released although Redis is too slow for look-ups', async () => {
    const server = await startRedis();
    const hasty = { commandTimeoutMs: 20, circuit: { failures: 1, resetMs: 60_000 } };
    const store = await connectedStore(server, hasty);
    const lease = await store.lease(KEY, LONG);
    server.stall();
    await store.get(`${KEY}other`);
    expect(store.health().circuitIsOpen).to.equal(true);
    lease?.release();
    server.resume();
    await eventually(async () => (await server.control.dbsize()) === 0, 'the release');
    expect((await server.commandCalls()).del).to.equal(1);
  });

  it('is granted to every process while there is no Redis', async () => {
    const store = redisStore({ redis: { host: '127.0.0.1', port: await unusedPort() } });
    onCleanup(() => store.close());
    const leases = await Promise.all([store.lease(KEY, LONG), store.lease(KEY, LONG)]);
    for (const lease of leases) lease?.release();
    expect(leases.every((lease) => lease !== undefined)).to.equal(true);
  });

  it('releases those who wait when Redis dies, and when the store is closed', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    await one.lease(KEY, LONG);
    const closed = other.lease(KEY, LONG);
    await listening(server);
    await other.close();
    expect(await within(closed, 'the closed one')).to.equal(undefined);
    const another = await connectedStore(server);
    await hears(server, another);
    const orphan = another.lease(KEY, LONG);
    await listening(server);
    await server.kill();
    expect(await within(orphan, 'the one without Redis')).to.equal(undefined);
  });
});

/** Removes the only lease there is, as its expiry would. */
async function lapse({ control }: RedisServer): Promise<void> {
  const [, [name = '']] = await control.scan(0);
  await control.del(name);
}

/** Leaves a lease a moment to live, which it had for longer, and no longer than it was for. */
async function hasten({ control }: RedisServer): Promise<void> {
  const [, [name = '']] = await control.scan(0);
  expect(await control.pttl(name)).to.be.within(1, LONG);
  await control.pexpire(name, 100);
}

/** Resolves once the store has a connection to listen on. */
async function hears({ control }: RedisServer, store: RedisStore): Promise<void> {
  store.onPurge(() => {});
  await eventually(
    async () => (await control.pubsub('NUMSUB', 'rpo:purge')).join() !== 'rpo:purge,0',
    'the store to listen',
  );
}

/** Resolves once somebody waits for the lease by listening. */
function listening({ control }: RedisServer, count = 1): Promise<void> {
  return eventually(async () => {
    const [channel] = (await control.pubsub('CHANNELS', '*lease*')) as string[];
    if (channel === undefined) return false;
    const [, listeners] = (await control.pubsub('NUMSUB', channel)) as [string, number];
    return Number(listeners) >= count;
  }, 'somebody to listen');
}
