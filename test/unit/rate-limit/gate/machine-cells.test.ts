import { expect } from 'chai';
import { MachineCells } from '../../../../lib/rate-limit/gate/machine-cells.js';
import { onCleanup } from '../../../support/cleanup.js';
import { toyMachine } from '../../workers/toy-machine.js';

const LONG_MS = 60_000;

/** A primary that keeps the values, and two workers. */
function startCells(clock?: () => number) {
  const machine = toyMachine();
  const keeper = new MachineCells(machine.primary, clock);
  onCleanup(() => keeper.close());
  const [one, two] = [new MachineCells(machine.add()), new MachineCells(machine.add())];
  return { ...machine, keeper, one, two };
}

describe('MachineCells', () => {
  it('replaces a value for all processes, if it is still the one that was known', async () => {
    const { keeper, one, two } = startCells(() => 7);
    expect(await one.swap('x', '', 'first', LONG_MS)).to.deep.equal([1, '', 7]);
    expect(await two.swap('x', '', 'second', LONG_MS)).to.deep.equal([0, 'first', 7]);
    expect(await two.swap('x', 'first', 'second', LONG_MS)).to.deep.equal([1, '', 7]);
    expect(await keeper.swap('x', 'first', 'third', LONG_MS)).to.deep.equal([0, 'second', 7]);
    expect(await one.swap('y', '', 'other', LONG_MS)).to.deep.equal([1, '', 7]);
  });

  it('lets one of several processes win that replace a value at once', async () => {
    const { one, two } = startCells();
    const replies = await Promise.all([one.swap('x', '', 'one', LONG_MS), two.swap('x', '', 'two', LONG_MS)]);
    expect(replies.map((reply) => reply?.[0]).sort()).to.deep.equal([0, 1]);
    const winner = replies[0]?.[0] === 1 ? 'one' : 'two';
    expect((await one.swap('x', '', '', LONG_MS))?.[1]).to.equal(winner);
  });

  it('only reads where the new value is empty', async () => {
    const { one, two } = startCells();
    expect((await one.swap('x', '', '', LONG_MS))?.[0]).to.equal(1);
    expect((await two.swap('x', '', 'value', LONG_MS))?.[0]).to.equal(1);
    expect((await one.swap('x', 'value', '', LONG_MS))?.[0]).to.equal(1);
    expect((await two.swap('x', 'no', '', LONG_MS))?.slice(0, 2)).to.deep.equal([0, 'value']);
  });

  it('forgets a value when its time is up', async () => {
    let now = 0;
    const { one } = startCells(() => now);
    await one.swap('x', '', 'value', 100);
    now = 99;
    expect((await one.swap('x', '', '', 1))?.[1]).to.equal('value');
    now = 100;
    expect(await one.swap('x', '', 'next', 100)).to.deep.equal([1, '', 100]);
  });

  it('adds up what processes find out under a key, the latest of each name', async () => {
    let now = 0;
    const { one, two } = startCells(() => now);
    expect(await one.facts('x')).to.deep.equal([]);
    one.addFacts('x', [['/a', 'minute']], 100);
    two.addFacts('x', [['/b', 'day']], 100);
    now = 50;
    // In the order in which they were sent.
    await one.facts('x');
    one.addFacts('x', [['/a', 'hour']], 100);
    const facts = [['/a', 'hour'] as const, ['/b', 'day'] as const];
    await one.facts('x');
    expect(await two.facts('x')).to.deep.equal(facts);
    expect(await two.facts('y')).to.deep.equal([]);
    now = 150;
    expect(await two.facts('x')).to.deep.equal([]);
  });

  it('forgets what was written longest ago when there is too much', async () => {
    const { keeper } = startCells();
    await keeper.swap('old', '', 'value', LONG_MS);
    await keeper.swap('kept', '', 'value', LONG_MS);
    for (let i = 0; i < 19_998; i++) await keeper.swap(`${i}`, '', 'value', LONG_MS);
    await keeper.swap('old', 'value', 'again', LONG_MS);
    await keeper.swap('new', '', 'value', LONG_MS);
    expect((await keeper.swap('kept', '?', '', LONG_MS))?.[1]).to.equal('');
    expect((await keeper.swap('old', '?', '', LONG_MS))?.[1]).to.equal('again');
  });

  it('says nothing once the primary is gone', async () => {
    const { one, end } = startCells();
    end();
    expect(await one.swap('x', '', 'value', LONG_MS)).to.equal(undefined);
    expect(await one.facts('x')).to.equal(undefined);
    one.addFacts('x', [['/a', 'minute']], LONG_MS);
  });

  it('keeps nothing more once it is closed', async () => {
    const { keeper, one } = startCells();
    keeper.close();
    expect(await one.swap('x', '', 'value', LONG_MS)).to.equal(undefined);
  });
});
