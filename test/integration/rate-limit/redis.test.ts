import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { RateLimitHandler } from '../../../lib/rate-limit/rate-limit.js';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { type RedisServer, redisCluster, startRedis } from '../../support/redis.js';
import { until, within } from '../../support/until.js';
import { silence, startUpstream, status, type Upstream } from '../../support/upstream.js';
import { FORMS, keepCalling, onceLearned, opened, startLimitedApi } from './testing.js';

const MINUTE = 60_000;

/** A limiter with a Redis connection of its own, like one of several processes. */
interface Member {
  readonly limiter: RateLimitHandler;
  readonly url: string;
  gets(times: number, headers?: Record<string, string>): Promise<number[]>;
}

async function member(server: RedisServer, target: string, options: RateLimitOptions = {}): Promise<Member> {
  const redis = { host: server.host, port: server.port };
  // Long enough for a busy machine.
  const limiter = opened({ name: 'weather', redis, commandTimeoutMs: 2000, ...options });
  const { url } = await startForward({ target }, limiter);
  return {
    limiter,
    url,
    async gets(times, headers) {
      const statuses: number[] = [];
      for (let i = 0; i < times; i++) statuses.push((await call(url, { headers })).status);
      return statuses;
    },
  };
}

/** Starts a process of its own with a limiter in front of `forward()`. @returns its URL */
async function startProcess(limits: RateLimitOptions, target: string): Promise<string> {
  const script = fileURLToPath(new URL('process.ts', import.meta.url));
  const child = fork(script, [JSON.stringify(limits), JSON.stringify({ target })], {
    execArgv: ['--import', 'tsx'],
  });
  onCleanup(() => child.kill());
  const port = new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)));
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}`)));
  });
  return `http://127.0.0.1:${await within(port, 'the process to listen', 15_000)}`;
}

/** Everything in Redis, as text. */
async function everythingIn({ control }: RedisServer): Promise<string> {
  const keys = await control.keys('*');
  const values = await Promise.all(
    keys.map(async (key) => ((await control.type(key)) === 'hash' ? control.hgetall(key) : control.get(key))),
  );
  return JSON.stringify([keys, values]);
}

/** Moves what is kept of a quota with a window of 1 s to where it would be had the clock of Redis been an hour ahead. */
async function hourLater({ control }: RedisServer): Promise<void> {
  const hour = 60 * MINUTE;
  for (const key of await control.keys('*:quota:*')) {
    const left = await control.pttl(key);
    if ((await control.type(key)) === 'hash') {
      const slots = Object.entries(await control.hgetall(key));
      await control.del(key);
      for (const [slot, taken] of slots) await control.hset(key, Number(slot) + hour / 10, taken);
    } else {
      const value = (await control.get(key)) ?? '';
      if (value.includes(' '))
        await control.set(
          key,
          value
            .split(' ')
            .map((time) => Number(time) + hour)
            .join(' '),
        );
    }
    await control.pexpire(key, left + hour);
  }
}

/** Calls again and again. */
async function untilStatus(gets: Member['gets'], wanted: number): Promise<void> {
  const all: number[] = [];
  while (!all.includes(wanted) && all.length < 1000) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    all.push(...(await gets(1)));
  }
  expect(all).to.include(wanted);
}

const evals = async (server: RedisServer) => (await server.commandCalls()).eval ?? 0;

describe('rateLimit() on a Redis shared by several processes', () => {
  let server: RedisServer;
  let upstream: Upstream;

  beforeEach(async () => {
    server = await startRedis();
    upstream = await startUpstream(status(200));
  });

  it('shares one quota, with one command for each call', async () => {
    const options = { limit: 5, windowMs: MINUTE, learn: false };
    const [one, other] = [
      await member(server, upstream.url, options),
      await member(server, upstream.url, options),
    ];
    expect(await one.gets(3)).to.deep.equal([200, 200, 200]);
    expect(await other.gets(4)).to.deep.equal([200, 200, 429, 429]);
    expect(await evals(server)).to.equal(7);
    const refused = await call(one.url);
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 60);
    expect(refused.headers).to.include({ 'ratelimit-policy': '"weather";q=5;w=60' });
  });

  for (const algorithm of ['sliding', 'fixed', 'spaced'] as const)
    it(`shares what calls cost, algorithm ${algorithm}`, async () => {
      const cost = (req: { url?: string | undefined }) => Number(req.url?.slice(1));
      const options = { limit: 10, windowMs: MINUTE, learn: false, algorithm, cost };
      const [one, other] = [
        await member(server, upstream.url, options),
        await member(server, upstream.url, options),
      ];
      const gets = async ({ url }: Member, points: number) => (await call(`${url}/${points}`)).status;
      expect(await gets(one, 6)).to.equal(200);
      expect(await gets(other, 6)).to.equal(429);
      const rest = algorithm === 'spaced' ? 429 : 200;
      expect(await gets(other, 4)).to.equal(rest);
      expect(await gets(one, 1)).to.equal(429);
    });

  for (const algorithm of ['sliding', 'fixed', 'spaced'] as const)
    it(`gives back what a call cost, algorithm ${algorithm}`, async () => {
      const dead = `http://127.0.0.1:${await unusedPort()}`;
      const options = { limit: 10, windowMs: MINUTE, learn: false, algorithm, cost: 7 };
      const failing = await member(server, dead, options);
      expect(await failing.gets(3)).to.deep.equal([502, 502, 502]);
      const { gets } = await member(server, upstream.url, options);
      expect(await gets(2)).to.deep.equal([200, 429]);
    });

  for (const algorithm of ['sliding', 'fixed', 'spaced'] as const)
    it(`keeps to its window when the clock of Redis goes back, algorithm ${algorithm}`, async () => {
      const options = { limit: 2, windowMs: 1000, learn: false, algorithm };
      const { gets } = await member(server, upstream.url, options);
      const most = algorithm === 'spaced' ? 1 : 2;
      expect(await gets(2)).to.deep.equal(most === 1 ? [200, 429] : [200, 200]);
      await hourLater(server);
      const late = await call((await member(server, upstream.url, options)).url);
      expect([late.status, Number(late.headers['retry-after'])]).to.deep.equal([429, 1]);
      await untilStatus(gets, 200);
    });

  it('counts anew with another algorithm, whichever the other processes have', async () => {
    const options = { limit: 2, windowMs: MINUTE, learn: false };
    const taken = { sliding: [200, 200, 429], fixed: [200, 200, 429], spaced: [200, 429, 429] };
    for (const algorithm of ['sliding', 'fixed', 'spaced'] as const) {
      const { gets } = await member(server, upstream.url, { ...options, algorithm });
      expect(await gets(3)).to.deep.equal(taken[algorithm]);
      // What this process alone had counted would not hold for another.
      const other = await member(server, upstream.url, { ...options, algorithm });
      expect(await other.gets(1)).to.deep.equal([429]);
    }
  });

  it('ends a window that was longer when it began, algorithm fixed', async () => {
    const options = { limit: 2, learn: false, algorithm: 'fixed' as const };
    const before = await member(server, upstream.url, { ...options, windowMs: 60 * MINUTE });
    expect(await before.gets(3)).to.deep.equal([200, 200, 429]);
    const { gets } = await member(server, upstream.url, { ...options, windowMs: 300 });
    await untilStatus(gets, 200);
  });

  it('holds several limits at once, for all processes', async () => {
    const limits = [
      { limit: 2, windowMs: MINUTE },
      { limit: 10, windowMs: MINUTE, unit: 'tokens' as const },
    ];
    const options = { limits, learn: false, cost: 4 };
    const [one, other] = [
      await member(server, upstream.url, options),
      await member(server, upstream.url, options),
    ];
    expect(await one.gets(1)).to.deep.equal([200]);
    expect(await other.gets(2)).to.deep.equal([200, 429]);
  });

  it('counts calls that come before there is a connection too', async () => {
    const options = { limit: 5, windowMs: MINUTE };
    const members = [
      await member(server, upstream.url, options),
      await member(server, upstream.url, options),
    ];
    const calls = members.flatMap(({ url }) => Array.from({ length: 10 }, () => call(url)));
    const statuses = (await Promise.all(calls)).map((response) => response.status);
    expect(statuses.filter((code) => code === 200)).to.have.length(5);
  });

  it('gives back unused quota to the current window', async () => {
    const dead = `http://127.0.0.1:${await unusedPort()}`;
    const options = { limit: 2, windowMs: MINUTE };
    const failing = await member(server, dead, options);
    expect(await failing.gets(5)).to.deep.equal(Array(5).fill(502));
    const { gets } = await member(server, upstream.url, options);
    expect(await gets(3)).to.deep.equal([200, 200, 429]);
  });

  it('supports windows of less than a second', async () => {
    const { gets } = await member(server, upstream.url, { limit: 1, windowMs: 300 });
    const statuses: number[] = [];
    while (statuses.filter((code) => code === 200).length < 3) statuses.push(...(await gets(1)));
    expect(statuses).to.include(429);
  });

  it('shares a limit that one process has reached with the others', async () => {
    const limited = await startUpstream([status(429, { 'Retry-After': '60' }), status(200)]);
    const [one, other] = [await member(server, limited.url), await member(server, limited.url)];
    expect(await one.gets(1)).to.deep.equal([429]);
    // The first call of a process reads Redis.
    await until(() => one.limiter.status().length === 1);
    expect(await other.gets(2)).to.deep.equal([429, 429]);
    expect(limited.requests).to.have.length(1);
    expect(other.limiter.status()[0]).to.include({ api: 'weather', state: 'exhausted', remaining: 0 });
  });

  it('lets no more calls through in all processes together than remain', async () => {
    const headers = {
      'RateLimit-Limit': '100',
      'RateLimit-Remaining': '7',
      'RateLimit-Reset': '60',
    };
    const limited = await startUpstream([status(200, headers), silence]);
    const members = [await member(server, limited.url), await member(server, limited.url)];
    await members[0]?.gets(1);
    await until(() => members[0]?.limiter.status().length === 1);
    let refused = 0;
    for (const { limiter } of members) limiter.on('limited', () => refused++);
    for (const { url } of members) for (let i = 0; i < 20; i++) begin(url);
    await until(() => refused === 33 && limited.requests.length === 8, '33 refusals and 8 calls');
  });

  it('keeps no credential in Redis', async () => {
    const limited = await startUpstream([status(429, { 'Retry-After': '60' })]);
    const { gets, limiter } = await member(server, limited.url, { limit: 5 });
    await gets(1, { authorization: 'Bearer secret', 'x-api-key': 'secret', cookie: 'session=secret' });
    await until(() => limiter.status().length === 1);
    const everything = await everythingIn(server);
    expect(everything).to.contain('{rpo:weather}:quota:').and.to.contain('{rpo:weather}:gate:');
    expect(everything).to.not.contain('secret');
  });

  it('lets everything it writes expire', async () => {
    const limited = await startUpstream([status(429, { 'Retry-After': '60' })]);
    const burst = { limit: 1, windowMs: MINUTE };
    const { gets, limiter } = await member(server, limited.url, { limit: 5, burst });
    await gets(1);
    await until(() => limiter.status().length === 1);
    const keys = await server.control.keys('*');
    const lifetimes = await Promise.all(keys.map((key) => server.control.pttl(key)));
    expect(keys).to.have.length(3);
    for (const lifetime of lifetimes) expect(lifetime).to.be.above(0);
  });

  it('leaves limiters of the application on the same client alone', async () => {
    const client = new Redis({ host: server.host, port: server.port });
    onCleanup(() => client.disconnect());
    const own = new RateLimiterRedis({ storeClient: client, points: 1, duration: 60, keyPrefix: 'own' });
    await own.consume('a');
    const { gets, limiter } = await member(server, upstream.url, {
      redis: client,
      limit: 1,
      windowMs: MINUTE,
    });
    expect(await gets(2)).to.deep.equal([200, 429]);
    // Its own script counts what it refuses; that of rateLimit() would not.
    await own.consume('a').catch(() => {});
    await own.consume('a').catch(() => {});
    expect((await own.get('a'))?.consumedPoints).to.equal(3);
    await limiter.close();
    expect(await client.ping()).to.equal('PONG');
  });

  it('goes on with what it knows when there is nonsense in Redis', async () => {
    const limited = await startUpstream([status(429, { 'Retry-After': '60' }), status(200)]);
    const { gets, limiter } = await member(server, limited.url);
    await server.control.set('{rpo:weather}:gate::', 'nonsense');
    expect(await gets(1)).to.deep.equal([429]);
    await until(() => limiter.status().length === 1);
    expect(await gets(1)).to.deep.equal([429]);
    expect(limited.requests).to.have.length(1);
  });

  it('works on a cluster', async () => {
    const cluster = await redisCluster();
    const client = new Redis.Cluster([{ host: cluster.host, port: cluster.port }]);
    onCleanup(() => client.disconnect());
    await until(() => client.status === 'ready');
    const limited = await startUpstream([status(200), status(429, { 'Retry-After': '60' })]);
    const { gets, limiter } = await member(cluster, limited.url, {
      redis: client,
      limit: 9,
      burst: { limit: 1, windowMs: MINUTE },
    });
    expect(await gets(2)).to.deep.equal([200, 429]);
    await until(() => limiter.status().length === 1);
    expect(await cluster.control.keys('*')).to.have.length(3);
  });

  it('makes four processes keep to one limit that they learn from the API', async () => {
    const api = await startLimitedApi(40, 1000, FORMS['structured headers']);
    const options: RateLimitOptions = {
      redis: server.url,
      onLimit: 'queue',
      maxWaitMs: 20_000,
      commandTimeoutMs: 1000,
    };
    const urls = await Promise.all(Array.from({ length: 4 }, () => startProcess(options, api.url)));
    keepCalling(urls, 60);
    await until(() => api.windows.length === 5, 'five windows', 15_000);
    const { ok, refused } = onceLearned(api.windows);
    expect(ok).to.deep.equal([40, 40]);
    expect(refused).to.be.at.most(1);
  });
});

describe('rateLimit() without a working Redis', () => {
  it('counts by itself if Redis was never there', async () => {
    const upstream = await startUpstream(status(200));
    const redis = { host: '127.0.0.1', port: await unusedPort() };
    const limiter = opened({ redis, limit: 3, windowMs: MINUTE });
    const { url } = await startForward({ target: upstream.url }, limiter);
    const responses = await Promise.all(Array.from({ length: 10 }, () => call(url)));
    expect(responses.filter((response) => response.status === 200)).to.have.length(3);
  });

  it('goes on when Redis is killed in the middle, and shares again when it is back', async () => {
    const server = await startRedis();
    const upstream = await startUpstream(status(200));
    const clients = [0, 1].map(() => {
      const client = new Redis({ host: server.host, port: server.port, retryStrategy: () => 20 });
      client.on('error', () => {});
      onCleanup(() => client.disconnect());
      return client;
    });
    const connected = () => until(() => clients.every((client) => client.status === 'ready'));
    await connected();
    const [one, other] = await Promise.all(
      clients.map((redis) => member(server, upstream.url, { redis, limit: 3, windowMs: MINUTE })),
    );
    expect(await one?.gets(2)).to.deep.equal([200, 200]);
    await server.kill();
    await until(() => clients.every((client) => client.status !== 'ready'));
    expect(await one?.gets(4)).to.deep.equal([200, 200, 200, 429]);
    await server.restart();
    await connected();
    expect(await one?.gets(2)).to.deep.equal([200, 200]);
    expect(await other?.gets(2)).to.deep.equal([200, 429]);
  });

  it('keeps a limit exhausted when Redis goes away', async () => {
    const server = await startRedis();
    const limited = await startUpstream([status(429, { 'Retry-After': '60' }), status(200)]);
    const { gets, limiter } = await member(server, limited.url);
    expect(await gets(1)).to.deep.equal([429]);
    await until(() => limiter.status().length === 1);
    await server.kill();
    expect(await gets(3)).to.deep.equal([429, 429, 429]);
    expect(limited.requests).to.have.length(1);
  });

  it('learns limits while Redis is away', async () => {
    const server = await startRedis();
    const limited = await startUpstream([status(200), status(429, { 'Retry-After': '60' }), status(200)]);
    const { gets } = await member(server, limited.url);
    await gets(1);
    await server.kill();
    expect(await gets(3)).to.deep.equal([429, 429, 429]);
    expect(limited.requests).to.have.length(2);
  });

  it('makes calls wait for a stalled Redis only until it is given up', async () => {
    const server = await startRedis();
    const upstream = await startUpstream(status(200));
    const options = { limit: 1000, windowMs: MINUTE, commandTimeoutMs: 20 };
    const { gets } = await member(server, upstream.url, options);
    await gets(1);
    server.stall();
    onCleanup(() => server.resume());
    expect(await gets(50)).to.deep.equal(Array(50).fill(200));
    server.resume();
    // The five commands until it was given up, and those of probes.
    expect(await evals(server)).to.be.below(20);
  });
});
