import { expect } from 'chai';
import { ProbeSlots } from '../../../lib/breaker/probe-slots.js';

describe('ProbeSlots', () => {
  const [a, b, c] = [{}, {}, {}];

  it('hands out as many slots as there are, and reuses one that is freed', () => {
    const slots = new ProbeSlots(2, 1000);
    expect([slots.take(a, 0), slots.take(b, 0), slots.take(c, 0)]).to.deep.equal([true, true, false]);
    expect(slots.end(a)).to.equal(true);
    expect(slots.take(c, 1)).to.equal(true);
  });

  it('gives a holder only one slot', () => {
    const slots = new ProbeSlots(2, 1000);
    slots.take(a, 0);
    expect(slots.take(a, 0)).to.equal(true);
    expect(slots.take(b, 0)).to.equal(true);
  });

  it('drops a probe only when it has timed out and its slot is wanted', () => {
    const slots = new ProbeSlots(1, 1000);
    slots.take(a, 0);
    expect(slots.take(b, 999)).to.equal(false);
    expect(slots.mayTake(b, 1000)).to.equal(true);
    expect(slots.take(b, 1000)).to.equal(true);
    expect(slots.end(a)).to.equal(false);
  });

  it('restarts the timeout of a probe when its holder takes the slot again', () => {
    const slots = new ProbeSlots(1, 1000);
    slots.take(a, 0);
    slots.take(a, 900);
    expect(slots.mayTake(b, 1500)).to.equal(false);
  });
});
