import { expect } from 'chai';
import { Events } from '../../../../lib/core/events.js';
import { freeGate } from '../../../../lib/rate-limit/gate/gate-state.js';
import { encodeGate } from '../../../../lib/rate-limit/gate/gate-text.js';
import { Gates } from '../../../../lib/rate-limit/gate/gates.js';
import { redisCells } from '../../../../lib/rate-limit/gate/redis-cells.js';
import { SharedGate } from '../../../../lib/rate-limit/gate/shared-gate.js';
import { redisKeys } from '../../../../lib/rate-limit/quota/redis-keys.js';
import type { RateLimitEvents } from '../../../../lib/rate-limit/rate-limit-events.js';
import { NOTHING, tooMany } from './toy-gate.js';
import { flush, LIMIT, NAME, NOW, passage, refusal, sharing, ToyRedis } from './toy-sharing.js';

describe('SharedGate', () => {
  it('asks Redis first, and then lets all through for as long as nothing is known', async () => {
    const { redis, gates, pass } = sharing();
    expect(gates[0].knows).to.equal(false);
    expect(gates[0].take()).to.be.instanceOf(Promise);
    await flush();
    // Asked with what equals no state, then with that there is none: what is not known is not written.
    expect(redis.calls.map(([from, to]) => [from, to])).to.deep.equal([
      ['?', encodeGate(freeGate(NOW))],
      ['', ''],
    ]);
    expect(redis.values.size).to.equal(0);
    for (let i = 0; i < 5; i++) expect(gates[0].take()).to.deep.equal({ window: undefined });
    expect(redis.calls).to.have.length(2);
    pass(1000);
    void gates[0].take();
    expect(redis.calls).to.have.length(2);
    pass(1);
    expect(gates[0].take()).to.deep.equal({ window: undefined });
    await flush();
    expect(redis.calls).to.have.length(3);
    expect(gates[0].refusal()).to.equal(undefined);
    expect(gates[0].readyAt()).to.equal(0);
  });

  it('learns in one process and counts in all', async () => {
    const { redis, gates, told } = sharing();
    gates[0].settle(await passage(gates[0]), LIMIT);
    await flush();
    expect(gates[0].knows).to.equal(true);
    expect(redis.calls.at(-1)?.[2]).to.equal(120_000);
    expect(await passage(gates[1])).to.deep.equal({ window: 0 });
    expect(gates[1].knows).to.equal(true);
    expect(await passage(gates[0])).to.deep.equal({ window: 0 });
    const waits = { by: 'advertised', waitMs: 5000, againMs: 20, limit: 9, windowMs: 10_000 };
    expect(await refusal(gates[1])).to.deep.equal(waits);
    expect(gates[1].status(3)).to.deep.equal({
      ...NAME,
      ...{ name: 'default', state: 'exhausted', remaining: 0, limit: 9, resetsAt: NOW + 5000, queued: 3 },
    });
    gates[0].giveBack({ window: 0 });
    await flush();
    expect(await passage(gates[1])).to.deep.equal({ window: 0 });
    gates[1].lose({ window: 0 });
    await flush();
    expect((await refusal(gates[0])).waitMs).to.equal(5000);
    expect(told).to.deep.equal([]);
  });

  it('refuses without asking once nothing is left, and tells so', async () => {
    const { redis, gates, told, pass } = sharing();
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 0 });
    await flush();
    expect(told).to.deep.equal(['exhausted']);
    const asked = redis.calls.length;
    expect(gates[0].take()).to.deep.equal(gates[0].refusal());
    expect(gates[0].refusal()).to.include({ waitMs: 5000, againMs: undefined });
    expect(gates[0].readyAt()).to.equal(NOW + 5000);
    expect(redis.calls).to.have.length(asked);
    pass(5000);
    expect(gates[0].refusal()).to.equal(undefined);
    expect(await passage(gates[0])).to.deep.equal({ window: 1 });
    expect(told).to.deep.equal(['exhausted', 'available']);
  });

  it('goes by the clock of Redis, and tells times by its own', async () => {
    const { redis, gates } = sharing();
    redis.now = NOW + 1_000_000;
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 0 });
    await flush();
    expect(gates[0].readyAt()).to.equal(NOW + 5000);
    expect(gates[0].status(0).resetsAt).to.equal(NOW + 5000);
    expect(gates[0].refusal()?.waitMs).to.equal(5000);
    expect(JSON.parse(redis.values.get('key') ?? '')[7]).to.equal(NOW + 1_005_000);
  });

  it('takes the time of Redis from quick replies, until its clock is set', async () => {
    const { redis, gates, clock } = sharing();
    const settle = async (tripMs: number, setBy = 0): Promise<number | undefined> => {
      redis.before = () => {
        clock.now += tripMs;
        redis.now += tripMs + setBy;
      };
      gates[0].settle({ window: undefined }, { ...LIMIT, remaining: 9, waitMs: 5000 });
      await flush();
      return gates[0].status(0).resetsAt;
    };
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 9 });
    await flush();
    // Read at its end, the reply of a slow trip would put Redis 20 ms ahead.
    expect(await settle(40)).to.equal(NOW + 5000);
    expect(await settle(0)).to.equal(NOW + 5000);
    await settle(40, 60_000);
    await settle(0);
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 0, waitMs: 30_000 });
    await flush();
    expect(Math.abs((gates[0].status(0).resetsAt ?? 0) - clock.now - 30_000)).to.be.at.most(70);
  });

  it('asks for nothing to give back what was not counted', async () => {
    const { redis, gates } = sharing();
    gates[0].giveBack({ window: undefined });
    gates[0].lose({ window: undefined });
    gates[0].settle({ window: undefined }, undefined);
    await flush();
    expect(redis.calls).to.deep.equal([]);
  });

  it('counts what passed in each process before the 429', async () => {
    const { gates, pass } = sharing();
    for (const [gate, calls] of [
      [gates[0], 4],
      [gates[1], 6],
    ] as const) {
      for (let i = 0; i < calls; i++) gate.settle(await passage(gate), undefined);
    }
    gates[0].settle(await passage(gates[0]), { ...NOTHING, ...tooMany(1000) });
    await flush();
    gates[1].settle({ window: undefined }, { ...NOTHING, ...tooMany(1000) });
    await flush();
    pass(1000);
    await passage(gates[0]);
    // As long as the window is short, what is counted is its limit: 10 in all.
    expect(gates[0].status(0).limit).to.equal(10);
  });

  it('does not add what has passed to a limit that is advertised, nor add it twice', async () => {
    const { redis, gates } = sharing();
    for (let i = 0; i < 4; i++) gates[0].settle(await passage(gates[0]), undefined);
    gates[1].settle(await passage(gates[1]), { ...LIMIT, remaining: 5 });
    await flush();
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 4 });
    await flush();
    const passed = () => JSON.parse(redis.values.get('key') ?? '')[5];
    expect(passed()).to.equal(2);
    gates[1].settle({ window: 0 }, { ...NOTHING, ...tooMany(1000) });
    await flush();
    expect(passed()).to.equal(2);
  });

  it('applies what came up meanwhile by the next swap', async () => {
    const { redis, gates } = sharing();
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 9 });
    await flush();
    const before = redis.calls.length;
    const taken = [gates[0].take(), gates[0].take(), gates[0].take()];
    expect(await Promise.all(taken)).to.deep.equal([{ window: 0 }, { window: 0 }, { window: 0 }]);
    expect(redis.calls.length - before).to.equal(2);
    expect(gates[0].status(0).remaining).to.equal(6);
  });

  it('applies it anew where another process was quicker', async () => {
    const { redis, gates, pass } = sharing();
    for (const gate of gates) await passage(gate);
    gates[0].settle({ window: undefined }, { ...LIMIT, remaining: 3 });
    await flush();
    pass(1001);
    void gates[1].take();
    await flush();
    await passage(gates[1]);
    const taken = gates[0].take();
    expect(await taken).to.deep.equal({ window: 0 });
    expect(gates[0].status(0).remaining).to.equal(1);
    expect(redis.calls.at(-1)?.[0]).not.to.equal(redis.calls.at(-2)?.[0]);
  });

  it('goes on with what it knows, once others were quicker for a second', async () => {
    const { redis, gates, clock } = sharing();
    gates[0].settle(await passage(gates[0]), LIMIT);
    await flush();
    let swaps = 0;
    const disturb = (): void => {
      swaps++;
      clock.now += 300;
      redis.values.set('key', `[${swaps}]`);
      redis.before = disturb;
    };
    redis.before = disturb;
    expect(await passage(gates[0])).to.deep.equal({ window: 0 });
    expect(swaps).to.equal(4);
    // A state that cannot be read is replaced by what is known.
    expect(gates[0].status(0).limit).to.equal(9);
  });

  it('goes on with what it knows without Redis, or with one that makes no sense', async () => {
    for (const out of ['usable', 'reply'] as const) {
      const { redis, gates } = sharing();
      gates[0].settle(await passage(gates[0]), LIMIT);
      await flush();
      if (out === 'usable') redis.usable = false;
      else redis.reply = 'nonsense';
      expect(await passage(gates[0])).to.deep.equal({ window: 0 });
      expect(await passage(gates[0])).to.deep.equal({ window: 0 });
      expect((await refusal(gates[0])).by).to.equal('advertised');
      redis.usable = true;
      redis.reply = undefined;
      gates[0].giveBack({ window: 0 });
      await flush();
      // What was counted without Redis counts with it.
      expect(gates[0].status(0).remaining).to.equal(1);
      expect(JSON.parse(redis.values.get('key') ?? '')[4]).to.equal(1);
    }
  });

  it('tells Redis later which calls have begun and ended without it', async () => {
    const { redis, gates } = sharing();
    const flight = () => JSON.parse(redis.values.get('key') ?? '')[4];
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 8 });
    await flush();
    const first = await passage(gates[0]);
    // Another process changes the state, so this one has to go on from that.
    await passage(gates[1]);
    expect(flight()).to.equal(2);
    redis.usable = false;
    gates[0].settle(first, { ...LIMIT, remaining: 7 });
    await passage(gates[0]);
    await passage(gates[0]);
    expect(flight()).to.equal(2);
    redis.usable = true;
    await passage(gates[0]);
    expect(flight()).to.equal(4);
    await passage(gates[0]);
    expect(flight()).to.equal(5);
  });

  it('counts once what Redis has written without a reply', async () => {
    const { redis, gates } = sharing();
    gates[0].settle(await passage(gates[0]), { ...LIMIT, remaining: 8 });
    await flush();
    await passage(gates[0]);
    redis.before = () => {
      redis.reply = 'nonsense';
      redis.values.set('key', redis.calls.at(-1)?.[1] ?? '');
    };
    await passage(gates[0]);
    redis.reply = undefined;
    await passage(gates[0]);
    expect(JSON.parse(redis.values.get('key') ?? '')[4]).to.equal(3);
  });

  it('lets all through where there was never a Redis', () => {
    const { redis, gates } = sharing();
    redis.usable = false;
    expect(gates[0].take()).to.deep.equal({ window: undefined });
  });
});

describe('Gates that are shared', () => {
  it('have a key for each credential and proxy', async () => {
    const redis = new ToyRedis();
    const site = { clock: () => NOW, maxPauseMs: 1000, events: new Events<RateLimitEvents>() };
    const keys = redisKeys('prefix', 'api');
    const gates = new Gates('api', 10, site, { cells: redisCells(redis.link), keys });
    for (const proxy of ['p', undefined]) {
      const gate = gates.get('abc', proxy);
      expect(gate).to.be.instanceOf(SharedGate);
      gate.settle(await passage(gate as SharedGate), LIMIT);
    }
    await flush();
    expect([...redis.values.keys()]).to.deep.equal([keys.gate('abc', 'p'), keys.gate('abc', undefined)]);
  });
});
