import { expect } from 'chai';
import { learnCost, learnRefusal, oneEach } from '../../../../lib/rate-limit/gate/call-cost.js';
import { seeded } from '../../../support/vendor-load.js';

/** Share of calls that take more than there was kept room for, if each that did is refused. */
function refusedOf(next: () => number): number {
  const known = oneEach();
  let refused = 0;
  for (let call = 0; call < 20_000; call++) {
    const takes = next();
    if (call > 1000 && takes > known.peak) {
      refused++;
      learnRefusal(known);
    } else learnCost(known, takes);
  }
  return refused / 19_000;
}

describe('what a call costs', () => {
  it('is one, where nothing else is known', () => {
    expect(oneEach()).to.include({ cost: 1, peak: 1 });
  });

  it('is the mean of what calls take, and at most so much that few take more', () => {
    const random = seeded(1);
    const known = oneEach();
    for (let i = 0; i < 200; i++) learnCost(known, 60 + 120 * random());
    expect(known.cost).to.be.within(105, 135);
    expect(known.peak).to.be.within(170, 230);
  });

  it('leaves few calls without room, however they are spread', () => {
    const random = seeded(2);
    const spreads: Record<string, () => number> = {
      even: () => 60 + 120 * random(),
      exponential: () => -100 * Math.log(1 - random()),
      'log-normal': () => 100 * Math.exp(0.7 * (random() + random() + random() + random() - 2)),
    };
    for (const [name, next] of Object.entries(spreads)) expect(refusedOf(next), name).to.be.at.most(0.01);
  });

  it('is soon forgotten, if it was the first and unlike all others', () => {
    const known = oneEach();
    for (const used of [3000, ...Array<number>(100).fill(100)]) learnCost(known, used);
    expect(known.cost).to.be.within(95, 130);
    expect(known.peak).to.be.below(400);
  });

  it('stays one where it is known, and keeps room for what only seems to be more after a refusal', () => {
    const random = seeded(3);
    const known = oneEach();
    for (let i = 0; i < 100; i++) learnCost(known, 2 * random(), 1);
    expect(known).to.include({ cost: 1, peak: 1 });
    learnRefusal(known);
    expect(known.cost).to.equal(1);
    expect(known.peak).to.be.within(1.1, 1.5);
    for (let i = 0; i < 500; i++) learnCost(known, 2 * random(), 1);
    expect(known.peak).to.equal(1);
  });

  it('learns nothing from what makes no sense', () => {
    const known = oneEach();
    for (const used of [Number.NaN, Number.POSITIVE_INFINITY, 0, -5]) learnCost(known, used);
    learnRefusal(known);
    expect(known).to.deep.equal(oneEach());
  });
});
