import { expect } from 'chai';
import { UuidV7 } from '../../../lib/request-id/uuid-v7.js';

describe('UuidV7', () => {
  it('makes ids of version 7, each of its own', () => {
    const ids = new UuidV7();
    const made = Array.from({ length: 2000 }, () => ids.next());
    for (const id of made)
      expect(id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(made).size).to.equal(2000);
    // Every bit that may be random is.
    for (const place of [15, 16, 17, 19, 20, 21, 22, ...Array.from({ length: 12 }, (_, i) => 24 + i)])
      expect(new Set(made.map((id) => id[place])).size, `digit ${place}`).to.equal(place === 19 ? 4 : 16);
  });

  it('begins with the time, in the order of which they are sorted', () => {
    let now = 0x017f22e279b0;
    const ids = new UuidV7(() => now);
    // The time of the example of RFC 9562, appendix A.6.
    const first = ids.next();
    expect(first.slice(0, 15)).to.equal('017f22e2-79b0-7');
    now += 1;
    expect(ids.next() > first).to.equal(true);
    now = 5;
    expect(ids.next()).to.match(/^00000000-0005-7/);
  });
});
