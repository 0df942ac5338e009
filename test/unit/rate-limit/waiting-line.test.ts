import { expect } from 'chai';
import { realTime } from '../../../lib/core/time.js';
import type { Refusal } from '../../../lib/rate-limit/refusal.js';
import { type Blocked, type Waiter, WaitingLine } from '../../../lib/rate-limit/waiting-line.js';
import { onCleanup } from '../../support/cleanup.js';
import { until } from '../../support/until.js';

const clock = realTime.steady;

/** A line in front of lanes that let as many calls through as they are given. */
function toyLine() {
  const line = new WaitingLine(realTime);
  onCleanup(() => line.close());
  const free = new Map<string, number>();
  const ends: string[] = [];
  let attempts = 0;

  function join(
    name: string,
    lanes: string[],
    { deadlineMs = 10_000, refusal = LONG, party }: JoinOptions = {},
  ): Waiter {
    const blockedAt = (lane: string): Blocked => ({ lane, refusal });
    const waiter: Waiter = {
      party: party ?? '',
      lanes: () => lanes,
      deadline: clock() + deadlineMs,
      attempt() {
        attempts++;
        const blocked = lanes.find((lane) => (free.get(lane) ?? 0) < 1);
        if (blocked !== undefined) return blockedAt(blocked);
        for (const lane of lanes) free.set(lane, (free.get(lane) ?? 0) - 1);
        return undefined;
      },
      crowdedOut: () => ends.push(`${name} crowded out`),
      go: () => ends.push(name),
      late: (last) => ends.push(`${name} late for ${last.lane}`),
    };
    line.join(waiter, blockedAt(lanes.find((lane) => line.countAt(lane) > 0) ?? lanes[0] ?? ''));
    return waiter;
  }
  function give(lane: string, calls: number): void {
    free.set(lane, (free.get(lane) ?? 0) + calls);
    line.wake();
  }
  return { line, join, give, ends, attempts: () => attempts };
}

interface JoinOptions {
  deadlineMs?: number;
  refusal?: Refusal;
  party?: string;
}

const LONG: Refusal = { by: 'advertised', waitMs: 60_000 };

describe('WaitingLine and several parties', () => {
  it('lets them take turns, whoever came first', async () => {
    const { join, give, ends } = toyLine();
    for (const name of ['a1', 'a2', 'a3', 'a4']) join(name, ['lane'], { party: 'a' });
    for (const name of ['b1', 'b2']) join(name, ['lane'], { party: 'b' });
    for (let i = 1; i <= 6; i++) {
      give('lane', 1);
      await until(() => ends.length === i, `${i} to go`);
    }
    expect(ends).to.deep.equal(['a1', 'b1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('gives the last place of the longest backlog to another party', () => {
    const { line, join, ends } = toyLine();
    for (const name of ['a1', 'a2', 'a3']) join(name, ['lane'], { party: 'a' });
    expect(line.hasPlace('a', 3)).to.equal(false);
    expect(line.hasPlace('b', 3)).to.equal(true);
    join('b1', ['lane'], { party: 'b' });
    expect(ends).to.deep.equal(['a3 crowded out']);
    // Now there are two of one and one of the other.
    expect(line.hasPlace('b', 3)).to.equal(false);
    expect(line.hasPlace('a', 3)).to.equal(false);
    expect(line.length).to.equal(3);
  });
});

describe('WaitingLine', () => {
  it('serves calls in the order in which they came', async () => {
    const { line, join, give, ends } = toyLine();
    for (const name of ['a', 'b', 'c']) join(name, ['lane']);
    give('lane', 2);
    await until(() => ends.length === 2);
    expect([ends, line.length]).to.deep.equal([['a', 'b'], 1]);
    give('lane', 1);
    await until(() => ends.length === 3);
    expect(ends).to.deep.equal(['a', 'b', 'c']);
  });

  it('lets a call pass those that wait for another lane', async () => {
    const { join, give, ends, line } = toyLine();
    join('a', ['shared', 'one']);
    join('b', ['shared', 'two']);
    give('shared', 2);
    give('two', 1);
    await until(() => ends.length === 1);
    expect(ends).to.deep.equal(['b']);
    expect([line.countAt('shared'), line.countAt('one'), line.countAt('two')]).to.deep.equal([0, 1, 0]);
  });

  it('removes a call that gives up', async () => {
    const { line, join, give, ends } = toyLine();
    const first = join('a', ['lane']);
    join('b', ['lane']);
    line.leave(first);
    line.leave(first);
    give('lane', 1);
    await until(() => ends.length === 1);
    expect([ends, line.length]).to.deep.equal([['b'], 0]);
  });

  it('ends the wait of calls whose time is up, in any order, and says what they waited for', async () => {
    const { join, ends, line } = toyLine();
    join('a', ['lane'], { deadlineMs: 10_000 });
    join('b', ['lane'], { deadlineMs: 20 });
    join('c', ['lane'], { deadlineMs: 10 });
    await until(() => ends.length === 2);
    expect(ends.map((end) => end[0])).to.deep.equal(['c', 'b']);
    expect(line.length).to.equal(1);
  });

  it('checks again when the block of the first call should be over', async () => {
    const { join, ends, attempts } = toyLine();
    join('a', ['lane'], { refusal: { by: 'advertised', waitMs: 10 }, deadlineMs: 200 });
    await until(() => ends.length === 1);
    expect(ends).to.deep.equal(['a late for lane']);
    expect(attempts()).to.be.above(2);
  });

  it('tries only the first call of a lane, however many wait for it', async () => {
    const { line, join, attempts } = toyLine();
    for (let i = 0; i < 500; i++) join(`${i}`, ['lane']);
    await until(() => line.length === 500);
    line.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect(attempts()).to.be.below(5);
  });

  it('ends the wait of all calls when it is closed', () => {
    const { line, join, ends } = toyLine();
    join('a', ['lane']);
    join('b', ['other']);
    line.close();
    expect([ends.length, line.length]).to.deep.equal([2, 0]);
  });
});
