import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { StatsHandler } from '../../../lib/stats/stats.js';
import type { StatsOptions } from '../../../lib/stats/stats-options.js';
import type { Latency } from '../../../lib/stats/stats-source.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, keepAliveAgent } from '../../support/client.js';
import { type RedisServer, redisCluster, startRedis } from '../../support/redis.js';
import { until, within } from '../../support/until.js';
import { rankError } from '../../unit/stats/digest/distributions.js';
import { type RecordedStats, recordedStats } from '../../unit/stats/recorded-stats.js';
import { mixtureOf } from './mixture.js';
import { figuresOf, viewOf } from './testing.js';

const NOW = Date.UTC(2026, 0, 15, 12, 30);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TAG = '{rpo:stats:weather}:';

/** `stats()` of one process, on a clock set by the test, connected to Redis. */
async function recording(server: RedisServer, options: StatsOptions = {}, now = NOW): Promise<RecordedStats> {
  const redis = { host: server.host, port: server.port };
  const recorded = recordedStats(now, {}, { redis, ...options });
  await until(() => recorded.source.health().usable, 'a connection to Redis');
  return recorded;
}

/** Each percentile has its rank in the ledger, up to 1 %, and is the time of a call, up to the spread of a centroid. */
function expectRanks({ count, ...told }: Latency, ledger: readonly number[]): void {
  const sorted = Float64Array.from(ledger).sort();
  expect(count).to.equal(sorted.length);
  expect(told.min).to.equal(sorted[0]);
  expect(told.max).to.equal(sorted.at(-1));
  for (const [name, share] of [
    ['p50', 0.5],
    ['p90', 0.9],
    ['p95', 0.95],
    ['p99', 0.99],
  ] as const) {
    const ms = told[name] ?? Number.NaN;
    // Times are kept to five digits.
    const ranks = [ms * (1 - 2e-5), ms, ms * (1 + 2e-5)].map((near) => rankError(sorted, near, share));
    expect(Math.min(...ranks), `rank of ${name}, ${ms}`).to.be.at.most(0.01);
    const nearest = Math.min(...sorted.map((time) => Math.abs(time - ms)));
    expect(nearest, `distance of ${name}, ${ms}, to a call`).to.be.at.most(0.05 * ms);
  }
}

/** Flushes until everything has arrived. */
async function flushed(source: StatsHandler): Promise<void> {
  const arriving = async (): Promise<void> => {
    await source.flush();
    while (source.health().unsent > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await source.flush();
    }
  };
  await within(arriving(), 'everything to be in Redis', 10_000);
}

/** Requests `api` so often, and flushes after each. */
async function callsAndFlushes({ call, source }: RecordedStats, times: number, path = '/a'): Promise<void> {
  for (let i = 0; i < times; i++) {
    call('weather', path, 200);
    await flushed(source);
  }
}

/** `stats()` in front of a handler, in a process of its own. */
async function startProcess(options: StatsOptions): Promise<{ url: string; end(): Promise<void> }> {
  const file = fileURLToPath(new URL('process.ts', import.meta.url));
  const child: ChildProcess = fork(file, [JSON.stringify(options)], { execArgv: ['--import', 'tsx'] });
  onCleanup(() => child.kill());
  const [port] = await within(once(child, 'message'), 'the process to listen', 15_000);
  const end = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.send('end');
    await within(exited, 'the process to end', 10_000);
  };
  return { url: `http://127.0.0.1:${port}`, end };
}

describe('stats() with Redis', () => {
  it('adds up exactly what four processes counted, each flushed at its shutdown', async () => {
    const server = await startRedis();
    const options = { name: 'weather', redis: server.url, flushMs: 20 };
    const processes = await Promise.all([1, 2, 3, 4].map(() => startProcess(options)));
    await Promise.all(
      processes.map(async ({ url }) => {
        const agent = keepAliveAgent();
        for (let i = 0; i < 200; i++) await call(url + (i % 10 === 0 ? '/bad' : `/users/${i}`), { agent });
      }),
    );
    await Promise.all(processes.map(({ end }) => end()));
    const { source } = await recording(server, {}, Date.now());
    const { figures, recentErrors } = await viewOf(source, 800, 'weather');
    expect(figures).to.deep.include({
      ...{ success: 720, failure: 80, bytesOut: 4000, statusCodes: { '200': 720, '503': 80 } },
    });
    expect(figures.responseTime.count).to.equal(800);
    expect(recentErrors).to.have.length(80);
    const paths = await source.paths('weather');
    expect(
      paths?.map(({ path, all, last24Hours, last7Days }) => [
        path,
        all.total,
        last24Hours.total,
        last7Days.total,
      ]),
    ).to.have.deep.members([
      ['/users/:id', 720, 720, 720],
      ['/bad', 80, 80, 80],
    ]);
    expect(await source.apis()).to.deep.equal(['weather']);
  });

  it('tells a known mixture of three processes: counts exactly, percentiles within 1 % of their rank', async () => {
    const server = await startRedis();
    const file = fileURLToPath(new URL('mixture-process.ts', import.meta.url));
    const numbers = [1, 2, 3];
    const ended = numbers.map(async (number) => {
      const options = JSON.stringify({ redis: server.url, flushMs: 1000 });
      const child = fork(file, [options, String(number)], { execArgv: ['--import', 'tsx'] });
      onCleanup(() => child.kill());
      expect(await within(once(child, 'exit'), `process ${number} to end`, 15_000)).to.deep.equal([0, null]);
    });
    await Promise.all(ended);
    const ledger = numbers.flatMap(mixtureOf);
    const { source } = await recording(server, {}, Date.now());
    const { figures, since = 0 } = await viewOf(source, ledger.length, 'mixed');
    expect(Date.now() - since).to.be.within(0, 2 * MINUTE);
    const having = (status: number) => ledger.filter((call) => call.status === status).length;
    expect(figures.statusCodes).to.deep.equal({ '200': having(200), '404': having(404), '503': having(503) });
    expect(figures).to.include({ failure: having(503), success: ledger.length - having(503) });
    expectRanks(
      figures.responseTime,
      ledger.map(({ ms }) => ms),
    );
    const paths = await source.paths('mixed');
    for (const path of ['/hits', '/misses', '/tail', '/steady']) {
      const own = ledger.filter((call) => call.path === path);
      const { all } = paths?.find((line) => line.path === path) ?? {};
      expect(all?.total, path).to.equal(own.length);
      expect(all?.failure, path).to.equal(own.filter(({ status }) => status === 503).length);
      if (all)
        expectRanks(
          all.responseTime,
          own.map(({ ms }) => ms),
        );
    }
  });

  it('keeps what others have counted, whatever the time of day is for the process that merges it', async () => {
    const server = await startRedis();
    const right = await recording(server, {}, NOW);
    await callsAndFlushes(right, 5);
    for (const wrong of [NOW + 400 * DAY, NOW - 400 * DAY]) {
      const other = await recording(server, {}, wrong);
      await callsAndFlushes(other, 32);
    }
    await compacted(server);
    const { figures, buckets } = await viewOf(right.source, 69, 'weather');
    expect(figures.total).to.equal(69);
    expect(buckets.at(-1)?.total).to.equal(5);
    const hours = await right.source.view({ api: 'weather', period: 'hourly' });
    expect(hours?.buckets.at(-1)?.total).to.equal(5);
    expect(await server.control.pttl(`${TAG}h${(NOW - MINUTE * 30) / HOUR}`)).to.be.above(167 * HOUR);
  });

  it('shows at once what this process has counted, even before a flush', async () => {
    const { source, call } = await recording(await startRedis());
    call('weather', '/a', 500);
    const { figures, recentErrors } = await viewOf(source, 1, 'weather');
    expect(figures.failure).to.equal(1);
    expect(recentErrors).to.have.length(1);
    expect(await source.apis()).to.deep.equal(['weather']);
    expect(await source.paths('weather')).to.have.length(1);
  });

  it('shows what another process has flushed', async () => {
    const server = await startRedis();
    const [writer, reader] = [await recording(server), await recording(server)];
    await callsAndFlushes(writer, 1);
    expect(await figuresOf(reader.source, 1, 'weather')).to.include({ success: 1 });
    expect(await reader.source.view({ api: 'weather', path: '/b', period: 'all' })).to.equal(undefined);
    expect(await reader.source.view({ api: 'bank', period: 'all' })).to.equal(undefined);
  });

  it('sends one command per API at a flush, and none per request', async () => {
    const server = await startRedis();
    const { source, call } = await recording(server);
    const commands = async (): Promise<number> => {
      const calls = await server.commandCalls();
      return Object.entries(calls).reduce((sum, [name, times]) => (name === 'info' ? sum : sum + times), 0);
    };
    call('weather', '/a', 200);
    await flushed(source);
    const before = await commands();
    for (let i = 0; i < 1000; i++) call('weather', `/path${i % 50}`, 200);
    expect(await commands()).to.equal(before);
    await flushed(source);
    expect(await commands()).to.equal(before + 1);
    await source.flush();
    expect(await commands()).to.equal(before + 1);
  });

  it('merges batches into pages now and then, with the same figures before and after', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    const { source, advance } = recorded;
    for (let i = 0; i < 7; i++) {
      await callsAndFlushes(recorded, 10, i % 2 ? '/a' : '/b');
      advance(20 * MINUTE);
      await figuresOf(source, 10 * (i + 1), 'weather');
    }
    const news = await server.control.llen(`${TAG}news`);
    expect(news).to.be.below(32);
    advance(-20 * MINUTE);
    const hourly = await source.view({ api: 'weather', period: 'hourly' });
    expect(hourly?.buckets.slice(-3).map(({ total }) => total)).to.deep.equal([20, 30, 20]);
    expect(hourly?.figures.total).to.equal(70);
    const path = await source.view({ api: 'weather', path: '/b', period: 'hourly' });
    expect(path?.buckets.slice(-3).map(({ total }) => total)).to.deep.equal([10, 20, 10]);
    const table = await source.paths('weather');
    expect(
      table?.map(({ path, all, last24Hours }) => [path, all.total, last24Hours.total]),
    ).to.have.deep.members([
      ['/a', 30, 30],
      ['/b', 40, 40],
    ]);
  });

  it('restores attempts by egress proxy from batches and from pages, of every process', async () => {
    const server = await startRedis();
    const [one, other] = [await recording(server), await recording(server)];
    for (const { call, source } of [one, other]) {
      call('weather', '/a', 200, ['de-1', undefined]);
      await flushed(source);
    }
    const proxies = { 'de-1': 2, direct: 2 };
    expect(await figuresOf(other.source, 2, 'weather')).to.deep.include({ attempts: 4, retried: 2, proxies });
    await callsAndFlushes(one, 32);
    await compacted(server);
    const reader = await recording(server);
    expect(await figuresOf(reader.source, 34, 'weather')).to.deep.include({ attempts: 4, proxies });
    expect((await viewOf(reader.source, 34, 'weather', '/a')).figures).to.deep.include({
      attempts: 4,
      proxies,
    });
  });

  it('keeps a number of keys that does not depend on the number of requests, and lets old ones expire', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    const { source, call } = recorded;
    const keys = () => server.control.dbsize();
    await callsAndFlushes(recorded, 32);
    await until(() => source.health().unsent === 0);
    await compacted(server);
    const few = await keys();
    for (let round = 0; round < 32; round++) {
      for (let i = 0; i < 100; i++) call('weather', `/path${i}`, 500);
      await flushed(source);
    }
    await compacted(server);
    expect(await keys()).to.be.at.most(few + 1);
    const names = await server.control.keys('*');
    const lifetimes = await Promise.all(names.map((name) => server.control.ttl(name)));
    const forEver = names.filter((_, i) => lifetimes[i] === -1).sort();
    expect(forEver).to.deep.equal(['rpo:stats:apis', `${TAG}all`, `${TAG}errors`, `${TAG}state`].sort());
  });

  it('counts paths beyond maxPaths together, also those of several processes', async () => {
    const server = await startRedis();
    const processes = [await recording(server, { maxPaths: 5 }), await recording(server, { maxPaths: 5 })];
    for (let round = 0; round < 16; round++) {
      for (const [i, { call, source }] of processes.entries()) {
        for (const name of ['a', 'b', 'c']) call('weather', `/${name}${'x'.repeat(i)}`, 200);
        await flushed(source);
      }
    }
    await compacted(server);
    const paths = await processes[0]?.source.paths('weather');
    expect(paths).to.have.length(6);
    expect(paths?.reduce((sum, { all }) => sum + all.total, 0)).to.equal(96);
    expect(paths?.find(({ path }) => path === '(other)')?.all.total).to.equal(16);
  });

  it('keeps as many recent errors as configured', async () => {
    const server = await startRedis();
    const { source, call } = await recording(server, { recentErrors: 20 });
    for (let i = 0; i < 32; i++) {
      call('weather', `/?i=${i}`, 500);
      await flushed(source);
    }
    await compacted(server);
    expect(await server.control.llen(`${TAG}errors`)).to.equal(20);
    call('weather', '/last', 500);
    const { recentErrors } = await viewOf(source, 33, 'weather');
    expect(recentErrors.map(({ path }) => path)).to.include('/last');
  });

  it('works in a Redis Cluster', async () => {
    const server = await redisCluster();
    const recorded = await recording(server);
    await callsAndFlushes(recorded, 33);
    await compacted(server);
    expect(await figuresOf(recorded.source, 33, 'weather')).to.include({ success: 33 });
  });

  it('notifies about changes by another process', async () => {
    const server = await startRedis();
    const writer = await recording(server);
    await callsAndFlushes(writer, 1);
    const { source, advance } = await recording(server, { flushMs: 1000 });
    await figuresOf(source, 1, 'weather');
    let changes = 0;
    source.onChange(() => changes++);
    advance(1000);
    await until(() => changes === 1, 'the first look');
    writer.call('weather', '/a', 200);
    await flushed(writer.source);
    advance(1000);
    await until(() => changes === 2, 'news of the other process');
  });
});

/** Resolves once the batches are merged into the pages. */
async function compacted(server: RedisServer): Promise<void> {
  const waiting = async (): Promise<void> => {
    while ((await server.control.llen(`${TAG}news`)) >= 16)
      await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await within(waiting(), 'the batches to be merged');
}

describe('stats() while Redis is away', () => {
  it('loses nothing when Redis does not reply for a while', async () => {
    const server = await startRedis();
    const { source, call, advance } = await recording(server);
    call('weather', '/a', 200);
    await flushed(source);
    server.stall();
    for (let minute = 0; minute < 30; minute++) {
      for (let i = 0; i < 10; i++) call('weather', '/a', 200);
      advance(MINUTE);
      // The batch in flight has no reply yet: nobody waits for it.
      void source.flush();
    }
    expect(source.health().unsent).to.equal(300);
    server.resume();
    await flushed(source);
    const reader = await recording(server, {}, NOW + 30 * MINUTE);
    expect(await figuresOf(reader.source, 301, 'weather')).to.include({ success: 301 });
    const hourly = await reader.source.view({ api: 'weather', period: 'hourly' });
    expect(hourly?.figures.total).to.equal(301);
  });

  it('counts a batch once whose reply was lost with the connection', async () => {
    const server = await startRedis();
    const { source, call } = await recording(server);
    await flushed(source);
    server.stall();
    call('weather', '/a', 200);
    const flushing = source.flush();
    // Redis finds the command in its socket, and no connection to reply on.
    await until(() => source.health().unsent === 1);
    const clients = server.control.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    server.resume();
    await Promise.all([flushing, clients]);
    call('weather', '/a', 200);
    await flushed(source);
    const reader = await recording(server);
    expect(await figuresOf(reader.source, 2, 'weather')).to.include({ success: 2 });
  });

  it('counts a batch once that is on the list twice, before and after it is merged', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    await callsAndFlushes(recorded, 3);
    const news = `${TAG}news`;
    for (const entry of await server.control.lrangeBuffer(news, 0, -1))
      await server.control.rpush(news, entry);
    const reader = await recording(server);
    expect(await figuresOf(reader.source, 3, 'weather')).to.include({ success: 3 });
    const [again = Buffer.alloc(0)] = await server.control.lrangeBuffer(news, 0, 0);
    await callsAndFlushes(recorded, 26);
    await compacted(server);
    await server.control.rpush(news, again);
    expect(await figuresOf(reader.source, 29, 'weather')).to.include({ success: 29 });
  });

  it('keeps counting in memory where there never was a Redis, and close() does not wait long for it', async () => {
    const server = await startRedis();
    await server.kill();
    const { source, call, advance } = recordedStats(NOW, {}, { redis: server.url });
    call('weather', '/a', 200);
    await source.flush();
    expect(await figuresOf(source, 1, 'weather')).to.include({ success: 1 });
    expect(source.health()).to.include({ usable: false, unsent: 1 });
    let closed = false;
    const closing = source.close().then(() => {
      closed = true;
    });
    advance(1999);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(closed).to.equal(false);
    advance(1);
    await within(closing, 'close() to end');
  });

  it('shows the last reply of Redis, and what was counted since', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    const { source, call } = recorded;
    await callsAndFlushes(recorded, 3);
    await figuresOf(source, 3, 'weather');
    expect((await source.paths('weather'))?.[0]?.last24Hours.total).to.equal(3);
    await server.kill();
    await until(() => !source.health().usable, 'the loss of the connection');
    call('weather', '/a', 200);
    await figuresOf(source, 4, 'weather');
    expect((await source.paths('weather'))?.[0]?.last24Hours.total).to.equal(4);
  });

  it('flushes the rest when it is closed', async () => {
    const server = await startRedis();
    const { source, call } = await recording(server);
    call('weather', '/a', 200);
    await source.close();
    const reader = await recording(server);
    expect(await figuresOf(reader.source, 1, 'weather')).to.include({ success: 1 });
  });

  it('lists its API again once Redis has come back empty', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    await callsAndFlushes(recorded, 1);
    await server.kill();
    await until(() => !recorded.source.health().usable);
    await server.restart();
    await until(() => recorded.source.health().usable);
    await callsAndFlushes(recorded, 1);
    const reader = await recording(server);
    expect(await reader.source.apis()).to.deep.equal(['weather']);
    await figuresOf(reader.source, 1, 'weather');
  });
});

describe('stats() and damaged values in Redis', () => {
  it('drops and counts a batch that cannot be read', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    await server.control.rpush(`${TAG}news`, 'nonsense', '');
    await callsAndFlushes(recorded, 30);
    await compacted(server);
    expect(await figuresOf(recorded.source, 30, 'weather')).to.include({ success: 30 });
    await until(() => recorded.source.health().corrupt === 2, 'both to be counted');
  });

  it('drops a page that cannot be read, and starts it anew', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    await callsAndFlushes(recorded, 32);
    await compacted(server);
    await server.control.hset(`${TAG}all`, '', 'nonsense', '/a', 'nonsense');
    await callsAndFlushes(recorded, 5);
    expect(await figuresOf(recorded.source, 5, 'weather')).to.include({ success: 5 });
    const hourly = await recorded.source.view({ api: 'weather', period: 'hourly' });
    expect(hourly?.figures.total).to.equal(37);
  });

  it('replaces keys of another type', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    const hour = `${TAG}h${NOW / HOUR - 0.5}`;
    for (const name of ['state', 'errors', 'all']) await server.control.sadd(TAG + name, 'x');
    await server.control.set(hour, 'x');
    recorded.call('weather', '/bad', 500);
    await callsAndFlushes(recorded, 32);
    await compacted(server);
    expect(await figuresOf(recorded.source, 33, 'weather')).to.include({ success: 32, failure: 1 });
    expect(await server.control.type(hour)).to.equal('hash');
    expect(await server.control.llen(`${TAG}errors`)).to.equal(1);
  });

  it('replaces a list of batches and a set of APIs of another type', async () => {
    const server = await startRedis();
    const recorded = await recording(server);
    await server.control.set(`${TAG}news`, 'x');
    await server.control.set('rpo:stats:apis', 'x');
    await callsAndFlushes(recorded, 2);
    const reader = await recording(server);
    expect(await figuresOf(reader.source, 2, 'weather')).to.include({ success: 2 });
    expect(await reader.source.apis()).to.deep.equal(['weather']);
    expect(recorded.source.health().corrupt).to.be.at.least(1);
  });
});
