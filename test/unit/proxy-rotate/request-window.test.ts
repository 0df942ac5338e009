import { expect } from 'chai';
import { RequestWindow } from '../../../lib/proxy-rotate/request-window.js';

describe('RequestWindow', () => {
  for (const limit of [1, 3, 16, 17, 40, 100]) {
    it(`allows ${limit} requests in any window, and no fewer`, () => {
      const windowMs = 100;
      const window = new RequestWindow({ limit, windowMs });
      const sent: number[] = [];
      let seed = limit;
      let now = 0;
      for (let n = 0; n < 5000; n++) {
        seed = (seed * 16_807) % 2_147_483_647;
        // Rushes, and pauses in which a window empties.
        now += n % 700 < 500 ? seed % 3 : seed % 90;
        const inWindow = sent.filter((at) => at > now - windowMs).length;
        expect(window.allowedAt <= now, `request ${n}`).to.equal(inWindow < limit);
        if (inWindow >= limit) continue;
        window.sent(now);
        sent.push(now);
        if (sent.length > 2 * limit) sent.shift();
      }
    });
  }

  it('allows as many as at first after a reset', () => {
    const window = new RequestWindow({ limit: 2, windowMs: 100 });
    for (const now of [0, 1]) window.sent(now);
    expect(window.allowedAt).to.equal(100);
    window.reset();
    for (const now of [2, 3]) {
      expect(window.allowedAt).to.equal(Number.NEGATIVE_INFINITY);
      window.sent(now);
    }
    expect(window.allowedAt).to.equal(102);
  });
});
