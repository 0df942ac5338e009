import type { RequestListener } from 'node:http';
import { expect } from 'chai';
import { TRANSPORTS } from '../../support/forwarding.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';
import { load, type Member, spreadOf, startFleet, startMember } from './fleet.js';

const BREAKER = { resetTimeoutMs: 1000, failureThreshold: 5 };

/** An API that can be dead, for all or for one process. */
async function startApi() {
  const held: { readonly by: string; readonly at: number; release(): void }[] = [];
  const state = { dead: false, deadFor: '', holds: false, reached: 0, whileDead: 0, held };
  const respond: RequestListener = (req, res) => {
    state.reached++;
    const by = String(req.headers['x-process']);
    if (by === state.deadFor) return req.socket.destroy();
    if (state.holds) return void held.push({ by, at: performance.now(), release: () => res.end('ok') });
    if (state.dead) state.whileDead++;
    res.writeHead(state.dead ? 503 : 200).end();
  };
  const { url } = await startUpstream(respond);
  return { url, state };
}

const optionsFor = (target: string, redis: RedisServer) => (number: number) => ({
  target,
  headers: { 'x-process': `${number}` },
  breaker: BREAKER,
  redis: { host: redis.host, port: redis.port, db: 0 },
});

const stateOf = (member: Member) => {
  const last = member.changes.at(-1)?.type;
  return last === undefined || last === 'close' ? 'CLOSED' : 'OPEN';
};

const all = (members: readonly Member[], state: string) => () =>
  members.every((member) => stateOf(member) === state);

describe('circuits of several processes', function () {
  this.timeout(120_000);

  it('let as few calls reach a dead API as one process, and open and close at once', async () => {
    const outage = async (size: number, perSecond: number) => {
      const redis = await startRedis();
      const { url, state } = await startApi();
      const members = await startFleet(size, optionsFor(url, redis));
      await Promise.all(members.map((member) => member.call()));
      const stop = load(members, perSecond);
      await until(() => state.reached > 50);
      state.dead = true;
      const from = performance.now();
      await until(all(members, 'OPEN'));
      const openIn = spreadOf(members, 'open');
      await until(() => performance.now() - from > 5000, 'five seconds of outage', 6000);
      state.dead = false;
      await until(all(members, 'CLOSED'));
      const closedIn = spreadOf(members, 'close');
      stop();
      return { reached: state.whileDead, openIn, closedIn, members };
    };
    const one = await outage(1, 50);
    const four = await outage(4, 50);
    expect(four.reached).to.be.at.most(one.reached * 1.3);
    expect(four.openIn).to.be.below(100);
    expect(four.closedIn).to.be.below(200);
    const [openers] = four.members;
    expect(openers?.changes.find(({ type }) => type === 'open')?.by).to.match(/:\d+$/);
  });

  it('stay closed where one process alone is cut off from the API', async () => {
    const redis = await startRedis();
    const { url, state } = await startApi();
    const members = await startFleet(4, optionsFor(url, redis));
    const stop = load(members, 200);
    await until(() => state.reached > 50);
    state.deadFor = '0';
    const [cut, ...others] = members as [Member, ...Member[]];
    await until(() => stateOf(cut) === 'OPEN');
    const from = state.reached;
    await until(() => state.reached > from + 300);
    const snapshot = await cut.snapshot();
    expect(snapshot.state).to.not.equal('CLOSED');
    expect(snapshot.scope).to.equal('process');
    for (const member of others) {
      expect(member.changes).to.deep.equal([]);
      expect(Object.keys(member.statuses)).to.deep.equal(['200']);
      expect(await member.snapshot()).to.include({ state: 'CLOSED', scope: 'fleet', openedBy: null });
    }
    state.deadFor = '';
    await until(() => stateOf(cut) === 'CLOSED');
    stop();
  });

  it('lose no call where Redis is killed', async () => {
    const redis = await startRedis();
    const { url, state } = await startApi();
    const members = await startFleet(4, optionsFor(url, redis));
    const stop = load(members, 200);
    await until(() => state.reached > 50);
    await redis.kill();
    const killedAt = state.reached;
    await until(() => state.reached > killedAt + 200);
    for (const { statuses } of members) expect(Object.keys(statuses)).to.deep.equal(['200']);
    // Each process finds out by itself meanwhile.
    state.dead = true;
    await until(all(members, 'OPEN'));
    for (const member of members) expect(await member.snapshot()).to.include({ scope: 'process' });
    state.dead = false;
    await until(all(members, 'CLOSED'));
    await redis.restart();
    await until(() => members.every(({ statuses }) => (statuses[200] ?? 0) > 20));
    let shared = false;
    while (!shared) {
      const snapshots = await Promise.all(members.map((member) => member.snapshot()));
      shared = snapshots.every(({ scope }) => scope === 'fleet');
    }
    state.dead = true;
    await until(all(members, 'OPEN'));
    expect(spreadOf(members, 'open')).to.be.below(100);
    stop();
  });

  it('are probed by each process itself where Redis does not reply', async () => {
    const redis = await startRedis();
    const { url, state } = await startApi();
    const options = optionsFor(url, redis)(0);
    const member = await startMember({ ...options, breaker: { ...BREAKER, quorum: 1 } });
    const stop = load([member], 100);
    state.dead = true;
    await until(() => member.changes.some(({ by }) => by !== undefined));
    redis.stall();
    state.dead = false;
    await until(all([member], 'CLOSED'));
    const refused = member.codes.ERR_CIRCUIT_OPEN ?? 0;
    const ok = member.statuses[200] ?? 0;
    await until(() => (member.statuses[200] ?? 0) > ok + 100);
    // One that was refused before may have ended after it.
    expect((member.codes.ERR_CIRCUIT_OPEN ?? 0) - refused).to.be.at.most(1);
    stop();
    redis.resume();
  });

  for (const transport of TRANSPORTS)
    it(`are probed by one process at a time, and soon by another where that one is killed, transport ${transport}`, async () => {
      const redis = await startRedis();
      const { url, state } = await startApi();
      const optionsOf = optionsFor(url, redis);
      const members = await startFleet(2, (number) => ({ ...optionsOf(number), transport }));
      const stop = load(members, 60);
      state.dead = true;
      await until(all(members, 'OPEN'));
      // No call from before is under way any more.
      await until(() => members.every(({ codes }) => (codes.ERR_CIRCUIT_OPEN ?? 0) > 10));
      state.holds = true;
      await until(() => state.held.length === 2);
      const prober = Number(state.held[0]?.by);
      // The others are refused meanwhile, for longer than the right to probe lasts by itself.
      const refused = members[1 - prober]?.codes.ERR_CIRCUIT_OPEN ?? 0;
      await until(() => (members[1 - prober]?.codes.ERR_CIRCUIT_OPEN ?? 0) > refused + 40);
      expect(state.held.map(({ by }) => by)).to.deep.equal([`${prober}`, `${prober}`]);
      await members[prober]?.kill();
      const killedAt = performance.now();
      await until(() => state.held.length === 4);
      expect(state.held.slice(2).map(({ by }) => by)).to.deep.equal([`${1 - prober}`, `${1 - prober}`]);
      expect((state.held[2]?.at ?? 0) - killedAt).to.be.below(1300);
      for (const { release } of state.held) release();
      await until(all([members[1 - prober] as Member], 'CLOSED'));
      stop();
    });

  it('send Redis nothing for calls that succeed', async () => {
    const redis = await startRedis();
    const { url } = await startApi();
    const member = await startMember({ ...optionsFor(url, redis)(0), transport: 'undici' });
    await member.call();
    const { eval: before } = await redis.commandCalls();
    for (let i = 0; i < 200; i++) expect(await member.call()).to.equal(200);
    const { eval: after, publish } = await redis.commandCalls();
    // The process says once a second that it is there.
    expect((after ?? 0) - (before ?? 0)).to.be.below(5);
    expect(publish).to.equal(undefined);
  });

  it('have forced states that all have, and that a process has which starts later', async () => {
    const redis = await startRedis();
    const { url } = await startApi();
    const optionsOf = optionsFor(url, redis);
    const [first, second] = (await startFleet(2, optionsOf)) as [Member, Member];
    expect(await second.call()).to.equal(200);
    first.tell('forceOpen');
    await until(all([first, second], 'OPEN'));
    expect(spreadOf([first, second], 'open')).to.be.below(100);
    expect(await second.call()).to.equal(503);
    await first.kill();
    await second.kill();
    const third = await startMember(optionsOf(2));
    await until(all([third], 'OPEN'));
    const snapshot = await third.snapshot();
    expect(snapshot).to.include({ state: 'OPEN', scope: 'fleet', timeToResetMs: null });
    expect(snapshot.openedBy).to.match(new RegExp(`:${first.pid}$`));
    third.tell('forceClose');
    await until(all([third], 'CLOSED'));
    expect(await third.call()).to.equal(200);
  });
});
