import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';

type Json = Record<string, unknown>;

/** A gateway of which every part has something in Redis. */
async function startGateway(redis: string) {
  const upstream = await startUpstream((req, res) => {
    res.writeHead(req.url?.startsWith('/fails') ? 503 : 200, {
      'x-ratelimit-remaining': '50',
      'x-ratelimit-reset': '60',
    });
    res.end('ok');
  });
  const source = `
server: { port: 0, drainDelayMs: 0 }
redis: ${redis}
apis:
  x:
    target: "${upstream.url}"
    retry: false
    cache: { ttlMs: 60000 }
    rateLimit: { limit: 1000 }
    concurrency: { limit: 10 }
    breaker: { failureThreshold: 3, quorum: 1 }`;
  const logs: Json[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const gateway = createGateway({ ...parseConfig(source, { env: {} }), logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  const get = async (path: string) => (await call(`${url}/api/x${path}`)).status;
  const told = () => logs.filter(({ redis }) => redis !== undefined).map(({ msg }) => String(msg));
  const total = async () =>
    ((await call(`${url}/api-stats?api=x`)).json() as { stats: { total: number } }).stats.total;
  return { ...gateway, url, logs, get, told, total };
}

const quoted = ({ url }: RedisServer) => JSON.stringify(url);

/** Puts something of another type in the place of a key. */
async function displace({ control }: RedisServer, key: string): Promise<void> {
  const type = await control.type(key);
  await control.del(key);
  if (type === 'string') await control.rpush(key, 'a list');
  else await control.set(key, 'text');
}

describe('a gateway that finds keys of another type under its prefix', () => {
  it('says so once, serves all calls, and shares again once they are gone', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.proxy.redis?.status().state === 'up');
    for (const path of ['/a', '/fails', '/b']) await gateway.get(path);
    await gateway.proxy.stats?.flush();
    await settled(redis, 12);
    const keys = await redis.control.keys('*');
    for (const key of keys) await displace(redis, key);
    for (const path of ['/a', '/b', '/c', '/d', '/e', '/a', '/c'])
      expect(await gateway.get(path)).to.equal(200);
    await until(() => gateway.told().length > 0);
    await gateway.proxy.stats?.flush();
    expect(await gateway.total()).to.equal(7);
    expect(await gateway.proxy.apis.get('x')?.cache?.purge({ prefix: '/' })).to.be.a('number');
    for (const path of ['/c', '/f']) expect(await gateway.get(path)).to.equal(200);
    expect(gateway.told()).to.have.length(1);
    expect(gateway.told()[0]).to.match(/keys of another type under the prefix \(WRONGTYPE\)/);
    await redis.control.flushall();
    for (const path of ['/g', '/g']) expect(await gateway.get(path)).to.equal(200);
    expect(await redis.control.type('{rpo:x}:quota:limit:')).to.equal('hash');
    expect(gateway.told()).to.have.length(1);
  });
});

describe('a gateway whose Redis', () => {
  it('has a URL with a wrong database or a bare % is refused with the line of the file', () => {
    const problem = (url: string) => {
      const source = `apis: { x: { target: "http://127.0.0.1:1" } }\nredis: ${url}`;
      expect(() => parseConfig(source, { env: {} })).to.throw(/redis must be a URL .*/);
    };
    for (const end of ['/abc', '/-1', '/1.5', '/0/', '?db=x']) problem(`redis://127.0.0.1:1${end}`);
    problem('redis://user:s%ZZ@127.0.0.1:1');
    for (const end of ['', '/', '/2', '?db=3', '?family=6'])
      parseConfig(`apis: { x: { target: "http://127.0.0.1:1" } }\nredis: redis://127.0.0.1:1${end}`, {
        env: {},
      });
  });

  it('is a read-only replica from the start says so once, and uses it once it is promoted', async () => {
    const primary = await startRedis({ flags: ['--repl-diskless-sync-delay', '0'] });
    const redis = await startRedis();
    await redis.control.replicaof(primary.host, primary.port);
    await replica(redis);
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.told().length > 0);
    for (const path of ['/a', '/b', '/a']) expect(await gateway.get(path)).to.equal(200);
    // It is left for a new connection meanwhile, again and again.
    const connections = await connectionsTo(redis);
    while ((await connectionsTo(redis)) < connections + 2) await gateway.get('/a');
    expect(gateway.told()).to.have.length(1);
    expect(gateway.told()[0]).to.match(/is a read-only replica \(READONLY\)/);
    await redis.control.replicaof('NO', 'ONE');
    await until(() => gateway.told().length > 1, 'it to be in use again', 10_000);
    expect(gateway.told()[1]).to.match(/in use again/);
    expect(await gateway.get('/c')).to.equal(200);
    expect(await redis.control.keys('*quota*')).to.have.length(1);
  });

  it('requires a password that is not given says so once, and serves all calls', async () => {
    const { port } = await startRedis({ password: 'right' });
    const gateway = await startGateway(`redis://127.0.0.1:${port}`);
    await until(() => gateway.told().length > 0);
    for (const path of ['/a', '/b', '/a']) expect(await gateway.get(path)).to.equal(200);
    expect(gateway.told()).to.have.length(1);
    expect(gateway.told()[0]).to.match(/requires a password \(NOAUTH\)/);
  });

  it('cannot choose its database says so once, and writes into no other', async () => {
    const redis = await startRedis({ flags: ['--rename-command', 'SELECT', ''] });
    const gateway = await startGateway(JSON.stringify(`${redis.url}/2`));
    await until(() => gateway.told().length > 0);
    const connections = await connectionsTo(redis);
    while ((await connectionsTo(redis)) < connections + 2) expect(await gateway.get('/a')).to.equal(200);
    await gateway.proxy.stats?.flush();
    expect(gateway.told()).to.have.length(1);
    expect(gateway.told()[0]).to.match(/has no database of this number \(NODB\)/);
    expect(await redis.control.keys('*')).to.deep.equal([]);
  });

  it('has too few replicas and takes no writes says so once, and serves all calls', async () => {
    const redis = await startRedis();
    const gateway = await startGateway(quoted(redis));
    await until(() => gateway.proxy.redis?.status().state === 'up');
    await redis.control.config('SET', 'min-replicas-to-write', '1');
    for (const path of ['/a', '/b', '/a']) expect(await gateway.get(path)).to.equal(200);
    await until(() => gateway.told().length > 0);
    expect(gateway.told()[0]).to.match(/has too few replicas and refuses to write \(NOREPLICAS\)/);
    await redis.control.config('SET', 'min-replicas-to-write', '0');
    await until(() => gateway.told().length > 1, 'it to be in use again', 10_000);
    expect(gateway.told()).to.have.length(2);
  });
});

const connectionsTo = async ({ control }: RedisServer): Promise<number> =>
  Number(/total_connections_received:(\d+)/.exec(await control.info('stats'))?.[1]);

/** Resolves once it has the data of its primary. */
async function replica({ control }: RedisServer): Promise<void> {
  while (!(await control.info('replication')).includes('master_link_status:up'))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Resolves once so many keys are there. */
async function settled({ control }: RedisServer, keys: number): Promise<void> {
  while ((await control.dbsize()) < keys) await new Promise((resolve) => setTimeout(resolve, 10));
}
