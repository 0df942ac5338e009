import { expect } from 'chai';
import { Rest } from '../../../lib/proxy-rotate/cooldown.js';

const TIMES = { cooldownMs: 1000, maxCooldownMs: 5000, maxFailures: 1, trialTimeoutMs: 300 };
const failed = (beganAt: number) => ({ reason: 'ECONNREFUSED', beganAt });

describe('Rest', () => {
  it('is ok until a failure, then rests, then is due for one trial', () => {
    const rest = new Rest(TIMES, true);
    expect(rest.state(0)).to.equal('ok');
    expect(rest.failed(failed(0), 10)).to.equal(1000);
    expect([rest.state(10), rest.state(1009), rest.state(1010)]).to.deep.equal(['resting', 'resting', 'due']);
    expect(rest.begin(1010)).to.equal(true);
    expect([rest.state(1010), rest.begin(1011)]).to.deep.equal(['trial', false]);
    expect(rest.succeeded(1010, 1020)).to.equal(true);
    expect([rest.state(1020), rest.spotless]).to.deep.equal(['ok', true]);
  });

  it('begins with a trial where it is not proven', () => {
    const rest = new Rest(TIMES, false);
    expect(rest.state(0)).to.equal('due');
    expect(rest.begin(0)).to.equal(true);
    expect(rest.succeeded(0, 5)).to.equal(true);
  });

  it('doubles the rest with each trial that fails, up to the longest, and begins anew after a success', () => {
    const rest = new Rest(TIMES, true);
    let now = 0;
    const rests: (number | undefined)[] = [rest.failed(failed(now), now)];
    for (let i = 0; i < 3; i++) {
      now = rest.until;
      rest.begin(now);
      rests.push(rest.failed(failed(now), now));
    }
    expect(rests).to.deep.equal([1000, 2000, 4000, 5000]);
    now = rest.until;
    rest.begin(now);
    rest.succeeded(now, now);
    expect(rest.failed(failed(now), now)).to.equal(1000);
  });

  it('rests once for many failures of one outage', () => {
    const rest = new Rest(TIMES, true);
    expect(rest.failed(failed(0), 10)).to.equal(1000);
    expect(rest.failed(failed(5), 11)).to.equal(undefined);
    expect(rest.failed(failed(5), 1500)).to.equal(undefined);
    rest.begin(1500);
    expect(rest.failed(failed(5), 1501)).to.equal(undefined);
    expect(rest.succeeded(5, 1501)).to.equal(false);
    expect(rest.state(1501)).to.equal('trial');
    rest.succeeded(1500, 1502);
    expect(rest.failed(failed(5), 1503)).to.equal(undefined);
    expect([rest.failures, rest.until]).to.deep.equal([0, 0]);
  });

  it('rests only after maxFailures in a row, but a failed trial is enough', () => {
    const rest = new Rest({ ...TIMES, maxFailures: 3 }, true);
    expect([rest.failed(failed(0), 0), rest.failed(failed(1), 1)]).to.deep.equal([undefined, undefined]);
    rest.succeeded(2, 2);
    expect([3, 4, 5].map((now) => rest.failed(failed(now), now))).to.deep.equal([undefined, undefined, 1000]);
    rest.begin(1005);
    expect(rest.failed(failed(1005), 1005)).to.equal(2000);
  });

  it('rests as long as was asked, up to the longest', () => {
    const asked = (restMs: number) => new Rest(TIMES, true).failed({ ...failed(0), restMs }, 0);
    expect([asked(0), asked(2500), asked(1e12)]).to.deep.equal([0, 2500, 5000]);
  });

  it('gives the trial to another when it comes to nothing, or tells nothing in time', () => {
    const rest = new Rest(TIMES, false);
    rest.begin(0);
    rest.release(99, 100);
    expect(rest.state(100)).to.equal('trial');
    rest.release(0, 100);
    expect(rest.state(100)).to.equal('due');
    rest.begin(100);
    expect([rest.state(399), rest.state(400)]).to.deep.equal(['trial', 'due']);
  });
});
