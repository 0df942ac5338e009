import { expect } from 'chai';
import { Redis } from 'ioredis';
import { type BreakerHandler, breaker } from '../../../lib/breaker/breaker.js';
import type { BreakerOptions } from '../../../lib/breaker/breaker-options.js';
import type { Circuit } from '../../../lib/breaker/circuit.js';
import { redisCircuits } from '../../../lib/breaker/store/redis/store.js';
import { steadyClock } from '../../../lib/core/steady-clock.js';
import type { RedisConnection } from '../../../lib/redis/client.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { redisCluster, startRedis } from '../../support/redis.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { begin, response, run, times } from '../../unit/breaker/toy-call.js';

const OK = response(200);
const DOWN = response(503);

interface Place {
  readonly redis: RedisConnection;
  readonly prefix?: string;
  readonly target?: string;
}

const guards: BreakerHandler[] = [];

/** The breaker of another process: nothing but Redis is shared. */
function member({ redis, prefix, target }: Place, options: BreakerOptions = {}) {
  const store = redisCircuits({ redis, prefix });
  const guard = breaker({ name: 'api', store, ...options }, steadyClock, target);
  guards.push(guard);
  onCleanup(async () => {
    guards.splice(guards.indexOf(guard), 1);
    guard.close();
    await store.close();
  });
  return guard;
}

/** Circuits that are in touch with Redis. */
async function circuits(count: number, place: Place, options: BreakerOptions = {}): Promise<Circuit[]> {
  const all = Array.from({ length: count }, () => member(place, options).circuit());
  await until(() => all.every((circuit) => circuit.snapshot().scope === 'fleet'));
  return all;
}

const states = (all: readonly Circuit[]) => all.map(({ state }) => state).join(' ');

/** Ends once all have heard of what each of them had sent: a report, and the one that waited for the reply to it. */
async function settled(): Promise<void> {
  for (const time of [1, 2]) {
    for (const guard of guards) {
      const witness = `${time}`;
      guard.forceOpen(witness);
      await until(() => guards.every((other) => other.circuit(witness).state === 'OPEN'));
      guard.forceClose(witness);
      await until(() => guards.every((other) => other.circuit(witness).state === 'CLOSED'));
    }
  }
}

describe('redisCircuits()', () => {
  it('opens the circuits of all processes by the failures of several', async () => {
    const redis = await startRedis();
    const [one, two, three] = (await circuits(3, { redis: redis.url })) as [Circuit, Circuit, Circuit];
    run(one, ...times(3, DOWN));
    run(two, DOWN);
    await settled();
    expect(states([one, two, three])).to.equal('CLOSED CLOSED CLOSED');
    run(two, DOWN);
    await until(() => states([one, two, three]) === 'OPEN OPEN OPEN');
    expect(three.snapshot()).to.include({ scope: 'fleet', failures: 5, lastFailure: 'status 503' });
    expect(three.snapshot().openedBy).to.match(new RegExp(`:${process.pid}$`));
    expect(begin(three).refused?.message).to.contain(
      'is open after 5 failures in 2 processes (last: status 503)',
    );
  });

  it('hears of others through clients that put something before each key, and of theirs alone', async () => {
    const redis = await startRedis();
    const client = (keyPrefix: string) => {
      const own = new Redis(redis.port, { keyPrefix });
      onCleanup(() => own.disconnect());
      return own;
    };
    const [one] = (await circuits(1, { redis: client('shop:') })) as [Circuit];
    const [two] = (await circuits(1, { redis: client('shop:') })) as [Circuit];
    const [other] = (await circuits(1, { redis: client('office:') })) as [Circuit];
    const [bare] = (await circuits(1, { redis: redis.url })) as [Circuit];
    one.forceOpen();
    await until(() => two.state === 'OPEN');
    expect(states([other, bare])).to.equal('CLOSED CLOSED');
    bare.forceOpen();
    two.forceClose();
    await until(() => one.state === 'CLOSED');
    expect(states([two, other, bare])).to.equal('CLOSED CLOSED OPEN');
  });

  it('opens the circuit of a process alone that alone sees failures, whatever the others see by chance', async () => {
    const redis = await startRedis();
    const [one, two, three] = (await circuits(3, { redis: redis.url })) as [Circuit, Circuit, Circuit];
    run(one, ...times(5, DOWN));
    expect(one.snapshot()).to.include({ state: 'OPEN', scope: 'process' });
    for (let i = 0; i < 20; i++) {
      run(two, OK, DOWN, OK);
      run(three, OK, DOWN, OK);
      await settled();
    }
    expect(states([one, two, three])).to.equal('OPEN CLOSED CLOSED');
  });

  it('does not add up failures between which calls succeed', async () => {
    const redis = await startRedis();
    const all = await circuits(4, { redis: redis.url });
    for (let i = 0; i < 10; i++) {
      for (const circuit of all) run(circuit, DOWN, OK, OK);
      await settled();
    }
    expect(states(all)).to.equal('CLOSED CLOSED CLOSED CLOSED');
  });

  it('opens for all by the failures of one process where the quorum is 1', async () => {
    const redis = await startRedis();
    const [one, two] = (await circuits(2, { redis: redis.url }, { quorum: 1 })) as [Circuit, Circuit];
    run(one, ...times(5, DOWN));
    await until(() => states([one, two]) === 'OPEN OPEN');
    expect(two.snapshot().scope).to.equal('fleet');
  });

  it('opens by the failure ratio of several windows', async () => {
    const redis = await startRedis();
    const options = { failureThreshold: 1000, minimumRequests: 20 };
    const [one, two] = (await circuits(2, { redis: redis.url }, options)) as [Circuit, Circuit];
    for (const circuit of [one, two]) run(circuit, ...times(6, OK), ...times(6, DOWN));
    await until(() => states([one, two]) === 'OPEN OPEN');
    expect(one.snapshot().transitions[0]?.reason).to.equal('failure ratio');
  });

  it('shares nothing with another prefix, name or target', async () => {
    const { url } = await startRedis();
    const [one] = (await circuits(1, { redis: url, target: 'a' }, { quorum: 1 })) as [Circuit];
    const others = [
      ...(await circuits(1, { redis: url, target: 'b' }, { quorum: 1 })),
      ...(await circuits(1, { redis: url, target: 'a', prefix: 'other' }, { quorum: 1 })),
      ...(await circuits(1, { redis: url, target: 'a' }, { quorum: 1, name: 'other' })),
    ];
    const [same] = (await circuits(1, { redis: url, target: 'a' }, { quorum: 1 })) as [Circuit];
    one.forceOpen();
    await until(() => same.state === 'OPEN');
    expect(states(others)).to.equal('CLOSED CLOSED CLOSED');
  });

  it('works on a Cluster, with circuits by key', async () => {
    const { url } = await redisCluster();
    const options: BreakerOptions = { key: () => 'a', quorum: 1 };
    const [one, two] = [member({ redis: url }, options), member({ redis: url }, options)];
    const keys = ['a', 'b', 'c'.repeat(300)];
    for (const key of keys) {
      await until(() => one.circuit(key).snapshot().scope === 'fleet');
      await until(() => two.circuit(key).snapshot().scope === 'fleet');
    }
    for (const key of keys) one.forceOpen(key);
    await until(() => states(keys.map((key) => two.circuit(key))) === 'OPEN OPEN OPEN');
    one.reset('b');
    await until(() => states(keys.map((key) => two.circuit(key))) === 'OPEN CLOSED OPEN');
  });

  it('goes by what is stored where no channel may be used', async () => {
    const redis = await startRedis();
    const rights = ['~{rpo*', '~rpo*', 'resetchannels', '+@all'];
    await redis.control.call('ACL', 'SETUSER', 'quiet', 'on', '>secret', ...rights);
    const place = { redis: `redis://quiet:secret@${redis.host}:${redis.port}` };
    const [one, two] = (await circuits(2, place)) as [Circuit, Circuit];
    one.forceOpen();
    await until(() => two.state === 'OPEN', 'the other to read it', 1000);
    two.forceClose();
    await until(() => one.state === 'CLOSED', 'the other to read it', 1000);
  });

  it('keeps what was forced while Redis was away, and what a Redis without its memory has lost', async () => {
    const redis = await startRedis();
    const [one, two] = (await circuits(2, { redis: redis.url })) as [Circuit, Circuit];
    one.forceOpen();
    await until(() => two.state === 'OPEN');
    await redis.kill();
    await until(() => one.snapshot().transitions.length === 1 && two.snapshot().scope === 'fleet');
    await redis.restart();
    // One that begins later learns of it from those that know it.
    const [three] = (await circuits(1, { redis: redis.url })) as [Circuit];
    await until(() => three.state === 'OPEN');
    await redis.kill();
    two.forceClose();
    expect(states([one, two, three])).to.equal('OPEN CLOSED OPEN');
    await redis.restart();
    await until(() => states([one, two, three]) === 'CLOSED CLOSED CLOSED');
  });

  it('takes what another has left under its keys for nothing', async () => {
    const redis = await startRedis();
    await redis.control.lpush('{rpo:api}:circuit::state', 'not ours');
    await redis.control.set('{rpo:api}:circuit::reports', '1');
    const [one] = (await circuits(1, { redis: redis.url }, { quorum: 1 })) as [Circuit];
    run(one, ...times(5, DOWN));
    expect(one.snapshot()).to.include({ state: 'OPEN', scope: 'process' });
    one.forceClose();
    expect(one.state).to.equal('CLOSED');
  });

  it('is probed and closes though Redis has forgotten that it is open', async () => {
    const redis = await startRedis();
    const options = { quorum: 1, failureThreshold: 1, resetTimeoutMs: 50, successThreshold: 1 };
    const [one] = (await circuits(1, { redis: redis.url }, options)) as [Circuit];
    run(one, DOWN);
    await until(() => one.snapshot().openedBy !== null && one.snapshot().scope === 'fleet');
    await redis.control.flushall();
    await until(() => one.snapshot().timeToResetMs === 0);
    await one.askOthers();
    run(one, OK);
    expect(one.state).to.equal('CLOSED');
  });

  for (const lost of ['is killed', 'has forgotten that it is open'])
    it(`counts the probes of one process where Redis ${lost}`, async () => {
      const redis = await startRedis();
      const options = { quorum: 1, failureThreshold: 1, resetTimeoutMs: 50, successThreshold: 3 };
      const [one] = (await circuits(1, { redis: redis.url }, options)) as [Circuit];
      run(one, DOWN);
      await until(() => one.snapshot().openedBy !== null && one.snapshot().scope === 'fleet');
      if (lost === 'is killed') await redis.kill();
      else await redis.control.flushall();
      await until(() => one.snapshot().timeToResetMs === 0);
      const seen: string[] = [];
      for (const _ of times(3, OK)) {
        await one.askOthers();
        run(one, OK);
        seen.push(one.state);
      }
      expect(seen).to.deep.equal(['OPEN', 'OPEN', 'CLOSED']);
    });

  it('is probed in time though the clock of Redis has gone back', async () => {
    const redis = await startRedis();
    const options = { quorum: 1, failureThreshold: 1, resetTimeoutMs: 300, successThreshold: 1 };
    const [one] = (await circuits(1, { redis: redis.url }, options)) as [Circuit];
    run(one, DOWN);
    await until(() => one.snapshot().openedBy !== null && one.snapshot().scope === 'fleet');
    const [key = ''] = await redis.control.keys('*:state');
    const { due, ...state } = JSON.parse((await redis.control.get(key)) ?? '');
    await redis.control.set(key, JSON.stringify({ ...state, due: due + 3_600_000 }));
    const [two] = (await circuits(1, { redis: redis.url }, options)) as [Circuit];
    await until(() => two.state === 'OPEN');
    expect(two.snapshot().timeToResetMs).to.be.at.most(300);
    await until(() => one.snapshot().timeToResetMs === 0);
    await one.askOthers();
    run(one, OK);
    await until(() => states([one, two]) === 'CLOSED CLOSED');
  });

  it('forgets the failures of a process that has left', async () => {
    const redis = await startRedis();
    const [one, two, three] = (await circuits(3, { redis: redis.url })) as [Circuit, Circuit, Circuit];
    run(one, ...times(3, DOWN));
    await settled();
    one.close();
    await settled();
    run(two, DOWN);
    run(three, DOWN);
    await settled();
    expect(states([two, three])).to.equal('CLOSED CLOSED');
  });

  it('lets calls wait for the right to probe in front of any handler', async () => {
    const redis = await startRedis();
    const options = { quorum: 1, failureThreshold: 1, resetTimeoutMs: 50, successThreshold: 1 };
    const guards = [member({ redis: redis.url }, options), member({ redis: redis.url }, options)] as const;
    let status = 503;
    const [one, two] = await Promise.all(
      guards.map((guard) =>
        serve((req, res) => {
          guard(req, res, (error) => {
            res.statusCode = error ? 429 : status;
            res.end();
          });
        }),
      ),
    );
    await until(() => guards.every((guard) => guard.circuit().snapshot().scope === 'fleet'));
    expect((await call(one?.url ?? '')).status).to.equal(503);
    await until(() => guards.every(({ state }) => state === 'OPEN'));
    expect((await call(two?.url ?? '')).status).to.equal(429);
    status = 200;
    await until(() => guards[1].circuit().snapshot().timeToResetMs === 0);
    let last = 429;
    while (last === 429) last = (await call(two?.url ?? '')).status;
    expect(last).to.equal(200);
    await until(() => guards.every(({ state }) => state === 'CLOSED'));
  });
});
