import { expect } from 'chai';
import type { PurgeTarget } from '../../../lib/cache/store/store.js';
import { startRedis } from '../../support/redis.js';
import { eventually, until } from '../../support/until.js';
import { API, bodyAt, connectedStore, KEY, stored, under, variant, written } from './redis-fixture.js';

const OTHER = '{rpo:other}:/cities:';

describe('redisStore().purge()', () => {
  it('removes what another process stored, by key', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    await stored(one, KEY, 'sunny');
    expect(await other.purge({ key: KEY })).to.equal(1);
    expect(await other.purge({ key: KEY })).to.equal(0);
    expect(await bodyAt(one, KEY)).to.equal(undefined);
    expect(await server.control.dbsize()).to.equal(0);
  });

  it('removes everything that carries a tag, of one API only', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    const maps = '{rpo:maps}:';
    await stored(one, `${API}/a:`, 'a', { tags: ['rain', 'wind'] });
    await stored(one, `${API}/b:`, 'b', { tags: ['rain'] });
    await stored(one, `${API}/c:`, 'c', { tags: ['wind', 'a tag with: {odd} *?[x] characters'] });
    await stored(one, `${maps}/d:`, 'd', { api: maps, tags: ['rain'] });
    expect(await other.purge({ api: API, tag: 'rain' })).to.equal(2);
    expect(await bodyAt(one, `${API}/a:`)).to.equal(undefined);
    expect(await bodyAt(one, `${API}/c:`)).to.equal('c');
    expect(await bodyAt(one, `${maps}/d:`)).to.equal('d');
    expect(await other.purge({ api: API, tag: 'a tag with: {odd} *?[x] characters' })).to.equal(1);
    expect(await other.purge({ api: API, tag: 'unknown' })).to.equal(0);
  });

  it('removes everything below a path, and no neighbour', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    const inside = [`${API}/cities/`, `${API}/cities/a:`, `${API}/cities/~b:~digest`, `${API}/cities/*?[x]:`];
    const outside = [
      `${API}/cities:`,
      `${API}/cities.old/a:`,
      `${API}/Cities/a:`,
      '{rpo:weather2}:/cities/a:',
    ];
    for (const key of [...inside, ...outside])
      await stored(one, key, 'x', { api: key.slice(0, key.indexOf('}') + 2) });
    expect(await other.purge({ prefix: `${API}/cities/` })).to.equal(inside.length);
    for (const key of inside) expect(await bodyAt(one, key), key).to.equal(undefined);
    for (const key of outside) expect(await bodyAt(one, key), key).to.equal('x');
    expect(await other.purge({ prefix: API })).to.equal(3);
    expect(await other.purge({ prefix: '{rpo:weather2}:' })).to.equal(1);
    expect(await server.control.dbsize()).to.equal(0);
  });

  it('removes thousands in pages, without ever scanning all keys', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    for (let i = 0; i < 1201; i++) store.set(`${API}/${i}:`, [variant('x')], under({ tags: ['rain'] }));
    await written(store);
    expect(await store.purge({ api: API, tag: 'rain' })).to.equal(1201);
    expect(await server.control.dbsize()).to.equal(0);
    const calls = await server.commandCalls();
    expect(calls).to.include.keys('zrange', 'unlink').and.to.not.have.any.keys('keys', 'scan', 'smembers');
  });

  it('removes what is still on its way', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    for (const target of [{ key: KEY }, { prefix: `${API}/c` }, { api: API, tag: 'rain' }] as PurgeTarget[]) {
      store.set(KEY, [variant('sunny')], under({ tags: ['rain'] }));
      expect(await store.purge(target)).to.equal(1);
      expect(await bodyAt(store, KEY), JSON.stringify(target)).to.equal(undefined);
    }
  });

  it('keeps what is stored after a deletion', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    await stored(store, KEY, 'old');
    store.delete(KEY);
    store.set(KEY, [variant('new')], under());
    await written(store);
    expect(await bodyAt(store, KEY)).to.equal('new');
    expect(await store.purge({ prefix: API })).to.equal(1);
  });

  it('is announced to other processes once Redis has removed it, and not to its own', async () => {
    const server = await startRedis();
    const [one, other] = [await connectedStore(server), await connectedStore(server)];
    const stranger = await connectedStore(server, { prefix: 'other:' });
    const heard: string[] = [];
    const hear = (name: string) => (target: PurgeTarget | undefined) => {
      if (target) heard.push(`${name} ${JSON.stringify(target)}`);
    };
    one.onPurge(hear('one'));
    const stop = other.onPurge(hear('other'));
    stranger.onPurge(hear('stranger'));
    await eventually(
      async () =>
        (await server.control.pubsub('NUMSUB', 'rpo:purge', 'other:purge')).join() ===
        'rpo:purge,2,other:purge,1',
      'all to listen',
    );
    await server.control.publish('rpo:purge', 'not JSON');
    await server.control.publish('rpo:purge', '{"sender":"x","target":{"key":1}}');
    await one.purge({ key: KEY });
    await one.purge({ prefix: API });
    one.delete(KEY);
    await one.purge({ api: API, tag: 'rain' });
    await until(() => heard.length === 4);
    expect(heard).to.deep.equal([
      `other {"key":"${KEY}"}`,
      `other {"prefix":"${API}"}`,
      `other {"key":"${KEY}"}`,
      `other {"api":"${API}","tag":"rain"}`,
    ]);
    stop();
    await eventually(
      async () => (await server.control.pubsub('NUMSUB', 'rpo:purge')).join() === 'rpo:purge,1',
      'it to listen no more',
    );
  });

  it('removes again what reached Redis between the purge of another process and its news', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    const heard: (PurgeTarget | undefined)[] = [];
    store.onPurge((target) => heard.push(target));
    await eventually(
      async () => (await server.control.pubsub('NUMSUB', 'rpo:purge')).join() === 'rpo:purge,1',
      'it to listen',
    );
    const news = (target: PurgeTarget) =>
      server.control.publish('rpo:purge', JSON.stringify({ sender: 'x', target }));
    for (const target of [{ key: KEY }, { prefix: API }, { api: API, tag: 'rain' }]) {
      store.set(KEY, [variant('late', { tags: ['rain'] })], under({ tags: ['rain'] }));
      store.set(OTHER, [variant('other')], under({ api: '{rpo:other}:' }));
      await written(store);
      await news(target);
      await eventually(async () => (await server.control.exists(KEY)) === 0, 'it to be removed');
      expect(await server.control.exists(OTHER)).to.equal(1);
    }
    expect(heard.filter(Boolean)).to.have.length(3);
  });

  it('hides what Redis fails to remove, until it succeeds', async () => {
    const server = await startRedis();
    const store = await connectedStore(server);
    const targets: PurgeTarget[] = [{ key: `${API}/a:` }, { prefix: `${API}/b` }, { api: API, tag: 'rain' }];
    for (const name of ['a', 'b', 'c', 'd'])
      await stored(store, `${API}/${name}:`, name, { tags: name === 'c' ? ['rain'] : [] });
    await server.control.acl('SETUSER', 'default', '-eval');
    for (const target of targets) expect(await store.purge(target)).to.equal(0);
    for (const name of ['a', 'b', 'c']) expect(await bodyAt(store, `${API}/${name}:`)).to.equal(undefined);
    expect(await bodyAt(store, `${API}/d:`)).to.equal('d');
    expect(await server.control.exists(`${API}/a:`, `${API}/b:`, `${API}/c:`)).to.equal(3);
    await server.control.acl('SETUSER', 'default', '+eval');
    await eventually(async () => {
      await store.get(`${API}/a:`);
      return (await server.control.exists(`${API}/a:`, `${API}/b:`, `${API}/c:`)) === 0;
    }, 'the purges to be made up for');
    await stored(store, `${API}/a:`, 'new');
    expect(await bodyAt(store, `${API}/a:`)).to.equal('new');
  });

  it('is carried out later where Redis was away', async () => {
    const server = await startRedis();
    const [one, other] = [
      await connectedStore(server, { commandTimeoutMs: 20, circuit: { failures: 1, resetMs: 20 } }),
      await connectedStore(server),
    ];
    await stored(other, `${API}/a:`, 'a', { tags: ['rain'] });
    await stored(other, `${API}/b:`, 'b');
    await stored(other, `${API}/c:`, 'c');
    server.stall();
    await one.get(KEY);
    expect(one.health().circuitIsOpen).to.equal(true);
    expect(await one.purge({ api: API, tag: 'rain' })).to.equal(0);
    one.delete(`${API}/b:`);
    server.resume();
    await eventually(
      async () => (await server.control.exists(`${API}/a:`, `${API}/b:`)) === 0,
      'the purges to be made up for',
    );
    expect(await bodyAt(other, `${API}/c:`)).to.equal('c');
  });
});
