import { expect } from 'chai';
import type { Lease } from '../../../lib/concurrency/fleet-share.js';
import { MachineShares, ShareTable } from '../../../lib/concurrency/machine-shares.js';
import { toyMachine } from '../workers/toy-machine.js';

const LEASE_MS = 1000;

/** A table, and a way to ask it as a process does that has `held` in flight and wants so many. */
function startTable(limit: number) {
  let now = 0;
  const table = new ShareTable(() => now);
  const ask = (member: string, want: number, held = 0): number =>
    table.lease('key', { member, floor: held, want, limit, leaseMs: LEASE_MS });
  const pass = (ms: number): void => {
    now += ms;
  };
  return { table, ask, pass };
}

describe('ShareTable', () => {
  it('grants what is left of the limit', () => {
    const { ask } = startTable(10);
    expect([ask('a', 4), ask('b', 4), ask('c', 4)]).to.deep.equal([4, 4, 2]);
  });

  it('replaces what a process had, and takes back what it no longer wants', () => {
    const { ask } = startTable(10);
    ask('a', 8);
    expect(ask('b', 8)).to.equal(2);
    expect(ask('a', 3, 3)).to.equal(3);
    expect(ask('b', 7, 2)).to.equal(7);
  });

  it('counts what a process has in flight, though it is granted less', () => {
    const { ask } = startTable(10);
    ask('a', 10);
    expect(ask('b', 5)).to.equal(0);
    // Nine of ten are still in flight.
    expect(ask('a', 10, 9)).to.equal(5);
    expect(ask('b', 5)).to.equal(1);
  });

  it('gives none more than its fair share while another has less than it wants', () => {
    const { ask } = startTable(9);
    ask('a', 9);
    expect(ask('b', 2)).to.equal(0);
    expect(ask('c', 20)).to.equal(0);
    // 'b' wants less than a third, so the other two have half of the rest each.
    expect(ask('a', 9)).to.equal(3);
    expect(ask('b', 2)).to.equal(2);
    expect(ask('c', 20)).to.equal(4);
    expect(ask('a', 9)).to.equal(3);
  });

  it('lets processes take turns where there are more of them than places', () => {
    const { ask, pass } = startTable(1);
    const got = { a: 0, b: 0, c: 0 };
    for (let turn = 0; turn < 6; turn++) {
      for (const member of ['a', 'b', 'c'] as const) ask(member, 1);
      for (const member of ['a', 'b', 'c'] as const) got[member] += ask(member, 1);
      pass(LEASE_MS);
    }
    expect(got).to.deep.equal({ a: 2, b: 2, c: 2 });
  });

  it('gives to others what a process had that does not renew it', () => {
    const { ask, pass } = startTable(10);
    ask('a', 10);
    pass(LEASE_MS - 1);
    expect(ask('b', 10)).to.equal(0);
    pass(1);
    expect(ask('b', 10)).to.equal(10);
  });

  it('gives to others what a process gives back', () => {
    const { table, ask } = startTable(10);
    ask('a', 10);
    table.giveBack('key', 'a');
    expect(ask('b', 10)).to.equal(10);
    table.giveBack('another key', 'b');
    expect(ask('a', 10)).to.equal(0);
  });

  it('never grants more than the limit, whoever wants what, and all of it while somebody wants it', () => {
    const limit = 12;
    const { ask } = startTable(limit);
    const wants = [3, 20, 0, 7, 1];
    let granted = wants.map(() => 0);
    for (let round = 0; round < 20; round++) {
      granted = wants.map((want, at) => {
        // Everything that a process may have in flight is.
        const got = ask(`${at}`, want, Math.min(granted[at] ?? 0, want));
        granted[at] = got;
        const sum = granted.reduce((total, one) => total + one, 0);
        expect(sum, `round ${round}, process ${at}`).to.be.at.most(limit);
        return got;
      });
    }
    expect(granted).to.deep.equal([3, 4, 0, 4, 1]);
  });
});

describe('MachineShares', () => {
  const lease = (member: string, want: number): Lease => ({
    member,
    floor: 0,
    want,
    limit: 10,
    leaseMs: 60_000,
  });

  it('deals out the limit of the primary to all workers', async () => {
    const { primary, add } = toyMachine();
    const [one, two] = [new MachineShares(add()), new MachineShares(add())];
    const own = new MachineShares(primary);
    expect(await one.lease('x', lease('one', 6))).to.equal(6);
    expect(await two.lease('x', lease('two', 6))).to.equal(4);
    expect(await two.lease('y', lease('two', 6))).to.equal(6);
    one.giveBack('x', 'one');
    expect(await one.lease('x', lease('three', 6))).to.equal(5);
    await own.close();
  });

  it('says nothing once the primary is gone', async () => {
    const { primary, add, end } = toyMachine();
    const own = new MachineShares(primary);
    const worker = new MachineShares(add());
    const pending = worker.lease('x', lease('one', 6));
    end();
    expect(await pending).to.equal(undefined);
    expect(await worker.lease('x', lease('one', 6))).to.equal(undefined);
    await own.close();
  });
});
