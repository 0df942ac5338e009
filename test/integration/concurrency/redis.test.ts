import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { ConcurrencyHandler } from '../../../lib/concurrency/concurrency.js';
import type { ConcurrencyOptions } from '../../../lib/concurrency/concurrency-options.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { type RedisServer, redisCluster, startRedis } from '../../support/redis.js';
import { serve } from '../../support/serve.js';
import { until, within } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';
import { type Begun, type HeldUpstream, heldUpstream, opened, started, sums } from './testing.js';

/** A limiter with a Redis connection of its own, like one of several processes. */
interface Member {
  readonly limiter: ConcurrencyHandler;
  readonly url: string;
}

async function member(
  server: RedisServer,
  target: string,
  options: ConcurrencyOptions = {},
  forwards = true,
): Promise<Member> {
  const redis = { host: server.host, port: server.port };
  // Long enough for a busy machine.
  const limiter = opened({ name: 'weather', redis, commandTimeoutMs: 2000, ...options }, forwards);
  return { limiter, url: (await startForward({ target }, limiter)).url };
}

/** What the processes hold of a limit, as Redis knows it. */
async function leased({ control }: RedisServer): Promise<number[]> {
  const [key] = await control.keys('*in-flight*');
  if (key === undefined) return [];
  return Object.values(await control.hgetall(key)).map((line) => Number(line.split(' ')[0]));
}

const total = (list: readonly number[]) => list.reduce((sum, n) => sum + n, 0);

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

async function answerAll(upstream: HeldUpstream, calls: readonly Begun[]): Promise<number[]> {
  let over = false;
  const statuses = Promise.all(calls.map(async ({ response }) => (await response).status)).finally(() => {
    over = true;
  });
  while (!over) {
    if (upstream.held.length > 0) upstream.respond();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return statuses;
}

describe('concurrency() on a Redis shared by several processes', () => {
  let server: RedisServer;
  let upstream: HeldUpstream;

  beforeEach(async () => {
    server = await startRedis();
    upstream = await heldUpstream();
  });

  for (const forwards of [true, false])
    it(`lets all processes together have as many in flight as the limit says, ${forwards ? 'of an API' : 'by itself'}`, async () => {
      const options = { limit: 3, queue: 100, maxWaitMs: 10_000 };
      const members = [
        await member(server, upstream.url, options, forwards),
        await member(server, upstream.url, options, forwards),
      ];
      const calls = members.flatMap(({ url }) => times(10, () => started(url)));
      await until(() => upstream.held.length === 3);
      expect(await answerAll(upstream, calls)).to.deep.equal(Array(20).fill(200));
      expect(upstream.most).to.equal(3);
      for (const { limiter } of members) expect(sums(limiter)).to.deep.equal({ inFlight: 0, waiting: 0 });
    });

  it('refuses at once what finds no place in the fleet, and has no place in the queue', async () => {
    const options = { limit: 1, queue: 0 };
    const [one, other] = [
      await member(server, upstream.url, options),
      await member(server, upstream.url, options),
    ];
    started(one.url);
    await until(() => upstream.held.length === 1);
    expect((await call(other.url)).json()).to.have.property('code', 'ERR_CONCURRENCY_LIMIT');
    expect((await call(one.url)).json()).to.have.property('code', 'ERR_CONCURRENCY_LIMIT');
    upstream.respond();
    const giveUpAt = performance.now() + 700;
    while ((await leased(server)).length > 0) expect(performance.now()).to.be.below(giveUpAt);
    const next = started(other.url);
    await until(() => upstream.held.length === 1, 'the place that was given back', 700);
    upstream.respond();
    expect((await next.response).status).to.equal(200);
  });

  it('gives back what is unused', async () => {
    const { limiter, url } = await member(server, upstream.url, { limit: 5 });
    const calls = times(4, () => started(url));
    await until(() => upstream.held.length === 4);
    expect(await leased(server)).to.deep.equal([4]);
    expect(await answerAll(upstream, calls)).to.deep.equal(Array(4).fill(200));
    await until(() => sums(limiter).inFlight === 0);
    const begun = performance.now();
    while ((await leased(server)).length > 0)
      expect(performance.now() - begun, 'time until it was given back').to.be.below(700);
  });

  it('renews its lease for as long as a request is in flight', async () => {
    const { url } = await member(server, upstream.url, { limit: 2 });
    started(url);
    await until(() => upstream.held.length === 1);
    const endOf = async (): Promise<number> => {
      const [key = ''] = await server.control.keys('*in-flight*');
      const [line = ''] = await server.control.hvals(key);
      return Number(line.split(' ')[2]);
    };
    const first = await endOf();
    const giveUpAt = performance.now() + 900;
    while ((await endOf()) === first) expect(performance.now()).to.be.below(giveUpAt);
    expect(await leased(server)).to.deep.equal([1]);
  });

  it('shares fairly with a process that has a backlog', async () => {
    const options = { limit: 4, queue: 1000, maxWaitMs: 10_000 };
    const greedy = await member(server, upstream.url, options);
    const modest = await member(server, upstream.url, options);
    for (const begun of times(200, () => started(`${greedy.url}/greedy`))) void begun;
    await until(() => upstream.held.length === 4);
    const others = times(2, () => started(`${modest.url}/modest`));
    const began = performance.now();
    expect(await answerAll(upstream, others)).to.deep.equal([200, 200]);
    expect(performance.now() - began).to.be.below(2000);
    expect(upstream.requests.filter(({ url }) => url === '/greedy').length).to.be.below(200);
    expect(upstream.most).to.equal(4);
  });

  it('lets processes take turns where there are more of them than places', async () => {
    const options = { limit: 1, queue: 1000, maxWaitMs: 20_000 };
    const greedy = await member(server, upstream.url, options);
    const modest = await member(server, upstream.url, options);
    let going = true;
    onCleanup(() => {
      going = false;
    });
    const again = (): void => {
      if (going) void started(`${greedy.url}/greedy`).response.then(again, () => {});
    };
    for (let i = 0; i < 5; i++) again();
    await until(() => upstream.held.length === 1);
    expect(await answerAll(upstream, [started(`${modest.url}/modest`)])).to.deep.equal([200]);
    going = false;
    expect(upstream.most).to.equal(1);
  });

  it('has back what a killed process held within its lease', async () => {
    const child = await startProcess(server, { limit: 1 }, upstream.url);
    started(child.url);
    await until(() => upstream.held.length === 1);
    const { url } = await member(server, upstream.url, { limit: 1 });
    const waiting = started(`${url}/after`);
    child.process.kill('SIGKILL');
    const killedAt = performance.now();
    await until(() => upstream.held.includes('/after'), 'the place of the killed process');
    expect(performance.now() - killedAt).to.be.within(0, 1600);
    upstream.respond('/after');
    expect((await waiting.response).status).to.equal(200);
  });

  it('has it back within a lease though the clock of Redis has gone back', async () => {
    const { url } = await member(server, upstream.url, { limit: 2, queue: 10, maxWaitMs: 10_000 });
    const calls = [started(url)];
    await until(() => upstream.held.length === 1);
    const [key = ''] = await server.control.keys('*in-flight*');
    await server.control.hset(key, 'killed', `1 1 ${Date.now() + 3_600_000}`);
    calls.push(started(url));
    await until(() => upstream.held.length === 2);
    expect(await answerAll(upstream, calls)).to.deep.equal([200, 200]);
  });

  it('goes on by itself while Redis is gone, with the limit for each process, and shares it again afterwards', async () => {
    const options = { limit: 2, queue: 0, commandTimeoutMs: 200 };
    const [one, other] = [
      await member(server, upstream.url, options),
      await member(server, upstream.url, options),
    ];
    await server.kill();
    const calls = [one, other].flatMap(({ url }) => times(2, () => started(url)));
    await until(() => upstream.held.length === 4);
    expect((await call(one.url)).status).to.equal(503);
    expect(await answerAll(upstream, calls)).to.deep.equal([200, 200, 200, 200]);
    await server.restart();
    const shares = async (): Promise<boolean> => {
      const all = [one, other].flatMap(({ url }) => times(2, () => started(url)));
      await new Promise((resolve) => setTimeout(resolve, 30));
      const most = upstream.held.length;
      await answerAll(upstream, all);
      return most <= 2;
    };
    const giveUpAt = performance.now() + 5000;
    while (!(await shares())) expect(performance.now()).to.be.below(giveUpAt);
  });

  it('forgets keys that nobody uses while Redis is gone', async () => {
    const quick = await startUpstream(status(200));
    await server.kill();
    const options = { limit: 1, per: 'credential', commandTimeoutMs: 50 } as const;
    const { limiter, url } = await member(server, quick.url, options);
    for (const authorization of ['a', 'b', 'c'])
      expect((await call(url, { headers: { authorization } })).status).to.equal(200);
    await until(() => limiter.status().length === 0, 'what nobody uses to be forgotten');
  });

  it('does not hold calls up while Redis does not reply', async () => {
    const quick = { commandTimeoutMs: 50, limit: 2 };
    const { url } = await member(server, upstream.url, quick);
    expect(await answerAll(upstream, [started(url)])).to.deep.equal([200]);
    server.stall();
    onCleanup(() => server.resume());
    for (let i = 0; i < 3; i++) {
      const one = started(url);
      await until(() => upstream.held.length === 1, 'the request to be sent', 1000);
      upstream.respond();
      expect((await one.response).status).to.equal(200);
    }
  });

  it('asks Redis rarely where the traffic is steady', async () => {
    const quick = await startUpstream(status(200));
    const { url } = await member(server, quick.url, { limit: 50 });
    const before = (await server.commandCalls()).eval ?? 0;
    const begun = performance.now();
    let made = 0;
    const one = async (): Promise<void> => {
      while (performance.now() - begun < 500) {
        expect((await call(url)).status).to.equal(200);
        made++;
      }
    };
    await Promise.all(times(10, one));
    const asked = ((await server.commandCalls()).eval ?? 0) - before;
    expect(made).to.be.above(50);
    expect(asked).to.be.below(made / 3);
  });

  it('gives all back when it is closed', async () => {
    const { limiter, url } = await member(server, upstream.url, { limit: 2 });
    started(url);
    await until(() => upstream.held.length === 1);
    expect(total(await leased(server))).to.equal(1);
    await limiter.close();
    expect(await leased(server)).to.deep.equal([]);
  });

  it('keeps to new limits at once, with what is in flight', async () => {
    const redis = { host: server.host, port: server.port, commandTimeoutMs: 2000 };
    const limit = (number: number) => ({ x: { target: upstream.url, concurrency: { limit: number } } });
    const proxy = resilientProxy({ redis, apis: limit(1) });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const calls = times(4, () => started(`${url}/x`));
    await until(() => upstream.held.length === 1);
    proxy.update({ apis: limit(3) });
    await until(() => upstream.held.length === 3);
    proxy.update({ apis: limit(1) });
    const counts = () => {
      const { concurrency } = proxy.apis.get('x') ?? {};
      return concurrency && sums(concurrency);
    };
    for (const left of [2, 1]) {
      upstream.respond();
      await until(() => counts()?.inFlight === left);
      expect([upstream.held.length, counts()?.waiting]).to.deep.equal([left, 1]);
    }
    expect(await answerAll(upstream, calls)).to.deep.equal([200, 200, 200, 200]);
    while (total(await leased(server)) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('works on a Cluster', async () => {
    const cluster = await redisCluster();
    const { limiter, url } = await member(cluster, upstream.url, { limit: 2, per: 'credential' });
    const calls = ['a', 'b'].map((authorization) => started(url, { headers: { authorization } }));
    expect(await answerAll(upstream, calls)).to.deep.equal([200, 200]);
    await until(() => limiter.status().length === 0, 'what nobody uses to be forgotten');
  });
});

async function startProcess(
  server: RedisServer,
  options: ConcurrencyOptions,
  target: string,
): Promise<{ url: string; process: ChildProcess }> {
  const script = fileURLToPath(new URL('process.ts', import.meta.url));
  const redis = { host: server.host, port: server.port };
  const limits = JSON.stringify({ name: 'weather', redis, commandTimeoutMs: 2000, ...options });
  const child = fork(script, [limits, JSON.stringify({ target })], { execArgv: ['--import', 'tsx'] });
  onCleanup(() => child.kill('SIGKILL'));
  const port = new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)));
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}`)));
  });
  port.catch(() => {});
  return { url: `http://127.0.0.1:${await within(port, 'the process to listen', 15_000)}`, process: child };
}
