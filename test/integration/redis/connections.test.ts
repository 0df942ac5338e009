import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { parseConfig } from '../../../lib/config/load-config.js';
import { closeClient, openRedis, type RedisConnection } from '../../../lib/redis/client.js';
import { type ResilientProxy, resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { listening, unusedPort } from '../../support/listening.js';
import { redisCluster, startRedis } from '../../support/redis.js';
import { startClusterOfSix, startSentinels } from '../../support/redis-topologies.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

/** A proxy of one API with a limit of two calls, once Redis is in use. */
async function startProxy(redis: RedisConnection) {
  const upstream = await startUpstream(text('ok'));
  const proxy = resilientProxy({
    redis,
    apis: {
      x: {
        target: upstream.url,
        rateLimit: { limit: 2 },
        concurrency: { limit: 2 },
        cache: { ttlMs: 60_000 },
        retry: false,
      },
    },
  });
  onCleanup(() => proxy.close());
  const { url } = await serve(proxy);
  const get = async (path = '/') => (await call(`${url}/x${path}`)).status;
  return { proxy, get };
}

const isUp = ({ redis }: ResilientProxy) => redis?.status().state === 'up';
const up = (proxy: ResilientProxy) => until(() => isUp(proxy), 'Redis to be in use', 15_000);

/** The connection that a file describes. */
const fromFile = (redis: string): RedisConnection =>
  parseConfig(`redis: ${redis}\napis: { x: { target: "http://127.0.0.1:9" } }`, { env: {} }).config
    .redis as RedisConnection;

/** Two processes keep to one limit, since Redis counts for them. */
async function share(redis: () => RedisConnection): Promise<void> {
  const [one, two] = [await startProxy(redis()), await startProxy(redis())];
  await Promise.all([up(one.proxy), up(two.proxy)]);
  expect([await one.get('/a'), await two.get('/b'), await one.get('/c')]).to.deep.equal([200, 200, 429]);
  await until(() => one.proxy.redis?.status().processes === 2);
}

/** A Redis that wants TLS and a certificate of its clients, and the files that have both. */
async function startTlsRedis() {
  const { ca, cert, key } = credentials('DNS:redis.internal');
  const folder = mkdtempSync(join(tmpdir(), 'rpo-redis-tls-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, pem: string) => {
    writeFileSync(join(folder, name), pem);
    return join(folder, name);
  };
  const files = { ca: file('ca.pem', ca), cert: file('cert.pem', cert), key: file('key.pem', key) };
  const port = await unusedPort();
  await startRedis({
    flags: [
      ...['--tls-port', `${port}`, '--tls-ca-cert-file', files.ca],
      ...['--tls-cert-file', files.cert, '--tls-key-file', files.key],
    ],
  });
  return { port, files, ca, cert, key };
}

describe('resilientProxy() with Redis', () => {
  it('takes a client in code, and leaves it as it is', async () => {
    const { url } = await startRedis();
    const client = new Redis(url);
    onCleanup(() => client.disconnect());
    const listeners = client.getMaxListeners();
    const { proxy, get } = await startProxy(client);
    await up(proxy);
    expect(await get()).to.equal(200);
    await proxy.close();
    expect([client.status, Object.isFrozen(client), Object.isFrozen(client.options)]).to.deep.equal([
      'ready',
      false,
      false,
    ]);
    expect(client.getMaxListeners()).to.equal(listeners);
    expect(client.eventNames().filter((name) => client.listenerCount(name) > 0)).to.deep.equal([]);
    expect(await client.ping()).to.equal('PONG');
  });

  it('takes a client with a prefix of its own', async () => {
    const { url, control } = await startRedis();
    const client = new Redis(url);
    onCleanup(() => client.disconnect());
    const { proxy, get } = await startProxy({ client, prefix: 'shop' });
    await up(proxy);
    expect(await get()).to.equal(200);
    await proxy.stats?.flush();
    await until(() => isUp(proxy));
    const keys = await control.keys('*');
    expect(keys.filter((key) => /:(in-flight|quota):/.test(key))).to.have.length(2);
    for (const key of keys) expect(key).to.match(/^\{?shop/);
  });

  it('shares nothing between prefixes', async () => {
    const { url } = await startRedis();
    const [one, two] = [
      await startProxy({ url, prefix: 'one' }),
      await startProxy(fromFile(`{ url: "${url}", prefix: two }`)),
    ];
    await Promise.all([up(one.proxy), up(two.proxy)]);
    for (const { get } of [one, two]) {
      expect([await get('/a'), await get('/b'), await get('/c')]).to.deep.equal([200, 200, 429]);
    }
    expect([one, two].map(({ proxy }) => proxy.redis?.status().processes)).to.deep.equal([1, 1]);
  });

  it('counts no processes of before the clock of Redis went back', async () => {
    const { url, control } = await startRedis();
    await control.zadd('{rpo}processes', Math.round(Date.now() / 1000) + 3600, 'killed');
    const [one] = [await startProxy(url), await startProxy(url)];
    await until(() => one.proxy.redis?.status().processes === 2);
    expect(await control.zscore('{rpo}processes', 'killed')).to.equal(null);
  });

  it('merges what stands beside a URL', async () => {
    const { port } = await startRedis({ password: 's3cret' });
    const url = `redis://127.0.0.1:${port}`;
    await share(() => fromFile(`{ url: "${url}", password: s3cret }`));
    const { proxy } = await startProxy({ url, password: 's3cret' });
    await up(proxy);
  });

  it('connects as a user of the access list, to a database of its own', async () => {
    const { port, control } = await startRedis();
    await control.call('ACL', 'SETUSER', 'app', 'on', '>s3cret', '~*', '&*', '+@all');
    await control.call('ACL', 'SETUSER', 'default', 'off');
    await share(() => fromFile(`{ host: 127.0.0.1, port: ${port}, username: app, password: s3cret, db: 3 }`));
    const client = new Redis({ port, username: 'app', password: 's3cret', db: 3 });
    onCleanup(() => client.disconnect());
    expect(await client.dbsize()).to.be.above(0);
    await client.select(0);
    expect(await client.dbsize()).to.equal(0);
  });

  it('needs no more of an access list than recipes/many-processes.md says', async () => {
    const recipe = readFileSync('recipes/many-processes.md', 'utf8');
    const [keys = '', commands = ''] = [...recipe.matchAll(/`((?:~|\+@)[^`]+)`/g)].map(([, rules]) => rules);
    expect(keys).to.match(/^~/);
    const { port, control } = await startRedis();
    const rules = [...keys.split(' '), ...commands.split(' ')];
    await control.call('ACL', 'SETUSER', 'app', 'on', '>s3cret', 'resetchannels', ...rules);
    const redis = `redis://app:s3cret@127.0.0.1:${port}`;
    await share(() => redis);
    const { proxy, get } = await startProxy(redis);
    await up(proxy);
    await get();
    await proxy.apis.get('x')?.cache?.purge({ prefix: '/' });
    await proxy.stats?.flush();
    await proxy.stats?.view({ api: 'x', period: 'all' });
    expect(proxy.redis?.status()).to.deep.include({ state: 'up', refused: {} });
  });

  it('connects to a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rpo-socket-'));
    onCleanup(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'redis.sock');
    await startRedis({ flags: ['--unixsocket', path] });
    await share(() => fromFile(`{ path: "${path}" }`));
    const { proxy } = await startProxy(path);
    await up(proxy);
  });

  it('connects by TLS, with an authority and a certificate of its own', async () => {
    const { port, files } = await startTlsRedis();
    const tls = `{ ca: "${files.ca}", cert: "${files.cert}", key: "${files.key}", servername: redis.internal }`;
    await share(() => fromFile(`{ host: 127.0.0.1, port: ${port}, tls: ${tls} }`));
    const { proxy } = await startProxy(`rediss://127.0.0.1:${port}`);
    const untrusted = /has a certificate of an unknown authority \(redis\.tls\.ca\)/;
    await until(() => untrusted.test(proxy.redis?.status().message ?? ''));
  });

  it('speaks TLS to the nodes of a Cluster whose URLs say so', async () => {
    const heard: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {}).once('data', (bytes) => heard.push(bytes) && socket.destroy());
    });
    const { port } = await listening(server);
    await startProxy({ cluster: [`rediss://127.0.0.1:${port}`], password: 's3cret' });
    await until(() => heard.length > 0);
    const handshake = 22;
    expect(heard[0]?.[0]).to.equal(handshake);
  });

  it('can be closed at any moment of a TLS handshake', async () => {
    const { port, ca, cert, key } = await startTlsRedis();
    for (const tls of [
      {},
      { ca, servername: 'redis.internal' },
      { ca, cert, key, servername: 'redis.internal' },
    ]) {
      for (let moment = 0; moment < 40; moment++) {
        const { client } = openRedis({ host: '127.0.0.1', port, tls });
        client.on('error', () => {});
        for (let turns = 0; turns < moment; turns++) await new Promise((resolve) => setImmediate(resolve));
        await closeClient(client);
      }
    }
  }).timeout(20_000);

  it('finds the primary by Sentinels, and the next one when it is lost', async () => {
    const { sentinels, primary, replica } = await startSentinels({ password: 'watch3r' });
    const nodes = sentinels.map((port) => `{ host: 127.0.0.1, port: ${port} }`).join(', ');
    const redis = `{ sentinels: [${nodes}], name: main, sentinelPassword: watch3r }`;
    await share(() => fromFile(redis));
    const { proxy, get } = await startProxy(fromFile(redis));
    await up(proxy);
    await primary.kill();
    await until(() => proxy.redis?.status().state === 'down', undefined, 10_000);
    expect(await get('/meanwhile')).to.equal(200);
    await up(proxy);
    const role = (await replica.control.role()) as unknown[];
    expect(role[0]).to.equal('master');
    expect(Number(await replica.control.zcard('{rpo}processes'))).to.be.above(0);
  }).timeout(60_000);

  it('leaves a primary that hangs as soon as Sentinels have another one', async () => {
    const { sentinels, primary, replica } = await startSentinels({ password: 'watch3r' });
    const { proxy, get } = await startProxy({
      sentinels: sentinels.map((port) => ({ host: '127.0.0.1', port })),
      name: 'main',
      sentinelPassword: 'watch3r',
      // What hangs is not noticed by its silence.
      socketTimeout: 600_000,
    });
    await up(proxy);
    primary.stall();
    onCleanup(() => primary.resume());
    await until(() => proxy.redis?.status().state === 'down', undefined, 10_000);
    await up(proxy);
    expect(await get('/a')).to.equal(200);
    expect(await replica.control.keys('*quota*')).to.have.length(1);
    primary.resume();
    // It reads what was sent while it hung, and then that the connections were closed.
    const ours = async () =>
      String(await primary.control.client('LIST'))
        .split('\n')
        .filter((line) => / name= .* cmd=(eval|subscribe|exists|get) /.test(line));
    const giveUpAt = performance.now() + 5000;
    while ((await ours()).length > 0 && performance.now() < giveUpAt);
    expect(await ours()).to.deep.equal([]);
  }).timeout(60_000);

  it('leaves the Sentinels too when it is closed while its primary is lost', async () => {
    const { sentinels, primary, replica } = await startSentinels();
    const { proxy } = await startProxy({
      sentinels: sentinels.map((port) => ({ host: '127.0.0.1', port })),
      name: 'main',
    });
    await up(proxy);
    const sentinel = new Redis({ host: '127.0.0.1', port: sentinels[0] ?? 0 });
    onCleanup(() => sentinel.disconnect());
    const watching = async () => / cmd=subscribe /.test(String(await sentinel.client('LIST')));
    expect(await watching()).to.equal(true);
    await replica.kill();
    await primary.kill();
    await until(() => proxy.redis?.status().state === 'down', undefined, 10_000);
    await proxy.close();
    while (await watching());
  }).timeout(60_000);

  it('connects to a Cluster, and goes on when a primary is lost', async () => {
    const nodes = await startClusterOfSix();
    const redis = `{ cluster: [{ host: 127.0.0.1, port: ${nodes[0]?.port} }, { host: 127.0.0.1, port: ${nodes[1]?.port} }] }`;
    await share(() => fromFile(redis));
    const { proxy, get } = await startProxy(fromFile(redis));
    await up(proxy);
    nodes[0]?.child.kill('SIGKILL');
    for (let i = 0; i < 40; i++) {
      expect(await get(`/${i}`)).to.be.oneOf([200, 429]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await up(proxy);
  }).timeout(60_000);

  it('leaves a primary that was demoted behind one name, with its subscriptions too', async () => {
    const [old, next] = [await startRedis(), await startRedis()];
    let to = old.port;
    const name = createServer((client) => {
      const server = connect(to, '127.0.0.1');
      client.pipe(server).pipe(client);
      client.on('error', () => {}).on('close', () => server.destroy());
      server.on('error', () => {}).on('close', () => client.destroy());
    });
    const { port, connections } = await listening(name);
    const { proxy, get } = await startProxy(`redis://127.0.0.1:${port}`);
    await up(proxy);
    await until(() => connections.open === 2, 'a connection for commands, and one for all channels');
    await old.control.replicaof('127.0.0.1', next.port);
    to = next.port;
    await until(() => connections.closed === 2, undefined, 5000);
    await until(() => connections.open === 2 && isUp(proxy), undefined, 5000);
    expect(await get()).to.equal(200);
    expect(await next.control.keys('*quota*')).to.have.length(1);
    const channels = await next.control.pubsub('CHANNELS', 'rpo:*');
    expect(channels).to.have.members(['rpo:purge', 'rpo:circuits']);
  });

  it('refuses what contradicts itself, and shows no password', async () => {
    const { port } = await redisCluster();
    const url = 'redis://:s3cret@127.0.0.1:6379/2';
    const refusals: [redis: RedisConnection, message: RegExp][] = [
      [{ url, password: 'other' }, /^redis\.password must not be set, since redis\.url says it$/],
      [{ url, host: 'a' }, /^redis\.host must not be set, since redis\.url says it$/],
      [{ url, db: 3 }, /^redis\.db must not be set, since redis\.url says it$/],
      [{ url: 'redis://:s3cret@[' }, /^redis\.url must be a redis: or rediss: URL$/],
      [{ url, path: '/run/redis.sock' }, /^redis\.path must not stand beside redis\.url$/],
      [{ cluster: [`127.0.0.1:${port}`], db: 1 }, /^redis\.db must be 0: a Cluster has no other database$/],
      [{ cluster: 'a' as unknown as string[] }, /^redis\.cluster must be a list of nodes/],
      [{ cluster: ['a:b'] }, /^redis\.cluster must be a list of nodes/],
      [{ cluster: ['a:70000'] }, /^redis\.cluster must be a list of nodes/],
      [{ cluster: [{ host: 'a', port: 0 }] }, /^redis\.cluster must be a list of nodes/],
      [{ sentinels: [], name: 'main' }, /^redis\.sentinels must be a list of \{ host, port \}$/],
      [
        { sentinels: ['a:26379'] as unknown as { host: string }[], name: 'main' },
        /^redis\.sentinels must be a list/,
      ],
      [{ sentinels: [{ port: 26_379 }], name: 'main' }, /^redis\.sentinels must be a list/],
      [{ host: 'a', port: 70_000 }, /^redis\.port must be a port from 1 to 65535; received 70000$/],
      [{ host: 'a', port: 'x' as unknown as number }, /^redis\.port must be a port/],
      [{ host: 'a', db: 'two' as unknown as number }, /^redis\.db must be the number of a database/],
      [{ host: 'a', db: -1 }, /^redis\.db must be the number of a database; received -1$/],
      [{ url: 'rediss://a', tls: false }, /^redis\.tls must not be false, since redis\.url begins with/],
      [{ tls: 'yes' as unknown as boolean }, /^redis\.tls must be true, false or options of tls/],
      [{ sentinels: [{ host: 'a' }] }, /^redis\.name must name the group of masters/],
      [{ prefix: 'a b' }, /^redis\.prefix must be 1 to 100 characters without spaces and braces/],
      [{ commandTimeoutMs: 0 }, /^redis\.commandTimeoutMs must be from 1 to 60000; received 0$/],
      [{ onStoreLoss: 'ignore' as 'local' }, /^redis\.onStoreLoss must be 'local', 'divided' or 'reject'/],
    ];
    for (const [redis, message] of refusals) {
      const make = () => resilientProxy({ redis, apis: { x: { target: 'http://127.0.0.1:9' } } });
      expect(make).to.throw(TypeError, message).and.not.include({ message: 's3cret' });
    }
    const text = '{ url: "redis://:s3cret@127.0.0.1", password: other }';
    expect(() => fromFile(text)).to.throw(/redis\.password must not be set, since redis\.url says it$/);
  });
});
