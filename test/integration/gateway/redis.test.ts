import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { unusedPort } from '../../support/listening.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

type Json = Record<string, unknown>;

/** A gateway on a free port with one API, `x`, whose state is in Redis. */
async function startGateway(redis: string, server = '') {
  const upstream = await startUpstream(text('ok', { 'cache-control': 'max-age=60' }));
  const source = `
server: { port: 0, drainDelayMs: 0, ${server} }
redis: ${redis}
apis: { x: { target: "${upstream.url}", cache: { ttlMs: 60000 }, rateLimit: { limit: 1000 } } }`;
  const logs: Json[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const gateway = createGateway({ ...parseConfig(source, { env: {} }), logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  let paths = 0;
  const health = async () => ((await call(`${url}/health?verbose=1`)).json() as { redis: Json }).redis;
  return {
    ...gateway,
    url,
    logs,
    health,
    /** A call that no copy answers. */
    get: async () => (await call(`${url}/api/x/${paths++}`)).status,
    metrics: async () => (await call(`${url}/metrics`)).text,
    /** Resolves with the line about Redis that was logged last, once it matches. */
    told: async (pattern: RegExp) => {
      const last = () => logs.findLast(({ redis }) => redis !== undefined);
      await until(() => pattern.test(String(last()?.msg)), `a line ${pattern}`, 10_000);
      return last();
    },
  };
}

const lines = (logs: readonly Json[]) =>
  logs.filter(({ redis }) => redis !== undefined).map(({ msg }) => msg);
const connectionsTo = async ({ control }: RedisServer) =>
  Number(/total_connections_received:(\d+)/.exec(await control.info())?.[1]);
const quoted = ({ url }: RedisServer) => JSON.stringify(url);

describe('a gateway whose Redis', () => {
  it('is well says so where it is looked for, and logs nothing', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(`{ url: ${quoted(redis)}, commandTimeoutMs: 10000 }`);
    await until(() => gateway.proxy.redis?.status().state === 'up');
    expect(await gateway.get()).to.equal(200);
    expect(await gateway.health()).to.include({ state: 'up', timeouts: 0, processes: 1 });
    expect(await gateway.metrics())
      .to.match(/^resilient_proxy_redis_up 1$/m)
      .and.match(/^resilient_proxy_redis_timeouts_total 0$/m)
      .and.match(/^resilient_proxy_stats_unsent_calls \d$/m);
    expect(gateway.logs).to.deep.equal([]);
  });

  it('is absent at the start, comes, is killed and comes back logs one line for each change', async () => {
    const redis = await startRedis();
    await redis.kill();
    const gateway = await startGateway(quoted(redis));
    await gateway.told(/refuses connections \(ECONNREFUSED\): this process uses its own memory/);
    for (let i = 0; i < 5; i++) expect(await gateway.get()).to.equal(200);
    expect(await gateway.health()).to.include({ state: 'down', reason: 'ECONNREFUSED' });
    expect(await gateway.metrics())
      .to.match(/^resilient_proxy_redis_up 0$/m)
      .and.match(/^resilient_proxy_redis_local_decisions_total\{part="rateLimit"\} [1-9]/m)
      .and.match(/^resilient_proxy_redis_local_decisions_total\{part="cache"\} [1-9]/m);
    await redis.restart();
    await gateway.told(/in use again after \d+\.\d s/);
    await redis.kill();
    await gateway.told(/has closed the connection|refuses connections/);
    await redis.restart();
    await gateway.told(/in use again/);
    expect(lines(gateway.logs)).to.have.length(4);
  });

  it('does not reply is found out without any call, and a shutdown tells what it gave up', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.proxy.redis?.status().state === 'up');
    redis.stall();
    onCleanup(() => redis.resume());
    await gateway.told(/does not reply in time \(TIMEOUT\)/);
    expect(await gateway.get()).to.equal(200);
    expect(Number((await gateway.health()).timeouts)).to.be.above(0);
    gateway.server.closeAllConnections();
    await gateway.close();
    expect(gateway.logs.at(-1)).to.include({ calls: 1 });
    expect(String(gateway.logs.at(-1)?.msg)).to.match(/figures of calls were given up/);
  });

  it('refuses the password is told so once, without the password', async () => {
    const redis = await startRedis({ password: 'right' });
    const gateway = await startGateway(`redis://:wr0ngSecret@127.0.0.1:${redis.port}`);
    await gateway.told(/refuses the user name or the password \(WRONGPASS\)/);
    const times = () => connectionsTo(redis);
    const before = await times();
    expect(await gateway.get()).to.equal(200);
    const seen = { now: before };
    const watching = setInterval(async () => (seen.now = await times()), 50);
    await until(() => seen.now >= before + 3).finally(() => clearInterval(watching));
    expect(lines(gateway.logs)).to.have.length(1);
    const all = JSON.stringify([gateway.logs, await gateway.health(), await gateway.metrics()]);
    expect(all).not.to.include('wr0ngSecret');
  });

  it('has no such database is not used at all: not its database 0 either', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(`${redis.url}/99`);
    await gateway.told(/has no database of this number \(NODB\)/);
    for (let i = 0; i < 3; i++) expect(await gateway.get()).to.equal(200);
    expect(await redis.control.keys('*')).to.deep.equal([]);
    expect(lines(gateway.logs)).to.have.length(1);
  });

  it('is a read-only replica is told so, and left for the one that takes its place', async () => {
    const primary = await startRedis();
    const redis = await startRedis();
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.proxy.redis?.status().state === 'up');
    await redis.control.replicaof('127.0.0.1', primary.port);
    await gateway.told(/is a read-only replica \(READONLY\)/);
    expect(await gateway.get()).to.equal(200);
    const connections = () => connectionsTo(redis);
    const before = await connections();
    const seen = { now: before };
    const watching = setInterval(async () => (seen.now = await connections()), 50);
    await until(() => seen.now > before, 'a new connection', 5000).finally(() => clearInterval(watching));
    await redis.control.replicaof('NO', 'ONE');
    expect(await gateway.get()).to.equal(200);
  });

  it('has reached maxmemory is told so once, and calls go on', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.proxy.redis?.status().state === 'up');
    await redis.control.config('SET', 'maxmemory', '1');
    for (let i = 0; i < 5; i++) expect(await gateway.get()).to.equal(200);
    await gateway.told(/has reached maxmemory and stores nothing more \(OOM\)/);
    for (let i = 0; i < 5; i++) expect(await gateway.get()).to.equal(200);
    expect(await gateway.health()).to.include({ state: 'degraded', reason: 'OOM' });
    expect(await gateway.metrics()).to.match(/^resilient_proxy_redis_refused_total\{code="OOM"\} [1-9]/m);
    expect(lines(gateway.logs)).to.have.length(1);
  });

  it('has a key of another type under the prefix is told so once, and calls go on', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.proxy.redis?.status().state === 'up');
    await gateway.get();
    let keys: string[] = [];
    await until(() => {
      void redis.control.keys('*quota*').then((found) => (keys = found));
      return keys.length > 0;
    });
    for (const key of keys) await redis.control.multi().del(key).set(key, 'text').exec();
    for (let i = 0; i < 5; i++) expect(await gateway.get()).to.equal(200);
    await gateway.told(/has keys of another type under the prefix \(WRONGTYPE\)/);
    expect(lines(gateway.logs)).to.have.length(1);
  });

  it('forbids its user channels is told so once, and calls go on', async () => {
    const redis = await startRedis();
    await redis.control.call('ACL', 'SETUSER', 'app', 'on', '>s3cretOfApp', '~*', '+@all', 'resetchannels');
    const gateway = await startGateway(`redis://app:s3cretOfApp@127.0.0.1:${redis.port}`);
    expect(await gateway.get()).to.equal(200);
    await gateway.told(/does not allow its user a command, a key or a channel \(NOPERM\)/);
    for (let i = 0; i < 5; i++) expect(await gateway.get()).to.equal(200);
    expect(lines(gateway.logs)).to.have.length(1);
    expect(JSON.stringify(gateway.logs)).not.to.include('s3cretOfApp');
  });

  it('is required is not ready without it, and is ready by default', async () => {
    const redis = `redis://127.0.0.1:${await unusedPort()}`;
    const strict = await startGateway(redis, 'ready: { requireRedis: true }');
    const lax = await startGateway(redis);
    const ready = async ({ url }: { url: string }) => {
      const { status, text } = await call(`${url}/health/ready`);
      return [status, text];
    };
    expect(await ready(strict)).to.deep.equal([503, '{"status":"redis_unavailable"}']);
    expect(await ready(lax)).to.deep.equal([200, '{"status":"ok"}']);
    const running = await startRedis();
    const well = await startGateway(quoted(running), 'ready: { requireRedis: true }');
    await until(() => well.proxy.redis?.status().state === 'up');
    expect(await ready(well)).to.deep.equal([200, '{"status":"ok"}']);
  });
});

describe('the pages of a gateway', () => {
  it('show what is wrong with Redis, and nothing while it is well', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.proxy.redis?.status().state === 'up');
    const pages = async () => {
      const circuits = (await call(`${gateway.url}/cb-dashboard/data`)).json() as { circuits: Json };
      const figures = (await call(`${gateway.url}/stats-dashboard/data`)).json() as { overview: Json };
      return [circuits.circuits.redis, figures.overview.redis];
    };
    expect(await pages()).to.deep.equal([undefined, undefined]);
    await redis.kill();
    await gateway.told(/own memory/);
    // What was read within the last second may be shown once more.
    let shown: unknown[] = [];
    while (shown.length === 0 || shown.includes(undefined)) shown = await pages();
    for (const text of shown) expect(text).to.match(/^Redis .*: this process uses its own memory$/);
  });
});
