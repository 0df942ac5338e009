import { expect } from 'chai';
import { Cooldown } from '../../../lib/proxy-rotate/cooldown.js';

const TIMES = { cooldownMs: 1000, maxCooldownMs: 5000, maxFailures: 1, probeTimeoutMs: 300 };
const failed = (beganAt: number) => ({ reason: 'ECONNREFUSED', beganAt });

describe('Cooldown', () => {
  it('is ok until a failure, then cools down, then is due for one probe', () => {
    const cooldown = new Cooldown(TIMES, true);
    expect(cooldown.state(0)).to.equal('ok');
    expect(cooldown.failed(failed(0), 10)).to.equal(1000);
    expect([cooldown.state(10), cooldown.state(1009), cooldown.state(1010)]).to.deep.equal([
      'cooling-down',
      'cooling-down',
      'due',
    ]);
    expect(cooldown.begin(1010)).to.equal(true);
    expect([cooldown.state(1010), cooldown.begin(1011)]).to.deep.equal(['probing', false]);
    expect(cooldown.succeeded(1010, 1020)).to.equal(true);
    expect([cooldown.state(1020), cooldown.spotless]).to.deep.equal(['ok', true]);
  });

  it('begins with a probe unless it is proven', () => {
    const cooldown = new Cooldown(TIMES, false);
    expect(cooldown.state(0)).to.equal('due');
    expect(cooldown.begin(0)).to.equal(true);
    expect(cooldown.succeeded(0, 5)).to.equal(true);
  });

  it('doubles with each failed probe, up to the longest, and starts again after a success', () => {
    const cooldown = new Cooldown(TIMES, true);
    let now = 0;
    const cooldowns: (number | undefined)[] = [cooldown.failed(failed(now), now)];
    for (let i = 0; i < 3; i++) {
      now = cooldown.until;
      cooldown.begin(now);
      cooldowns.push(cooldown.failed(failed(now), now));
    }
    expect(cooldowns).to.deep.equal([1000, 2000, 4000, 5000]);
    now = cooldown.until;
    cooldown.begin(now);
    cooldown.succeeded(now, now);
    expect(cooldown.failed(failed(now), now)).to.equal(1000);
  });

  it('cools down once for many failures of one outage', () => {
    const cooldown = new Cooldown(TIMES, true);
    expect(cooldown.failed(failed(0), 10)).to.equal(1000);
    expect(cooldown.failed(failed(5), 11)).to.equal(undefined);
    expect(cooldown.failed(failed(5), 1500)).to.equal(undefined);
    cooldown.begin(1500);
    expect(cooldown.failed(failed(5), 1501)).to.equal(undefined);
    expect(cooldown.succeeded(5, 1501)).to.equal(false);
    expect(cooldown.state(1501)).to.equal('probing');
    cooldown.succeeded(1500, 1502);
    expect(cooldown.failed(failed(5), 1503)).to.equal(undefined);
    expect([cooldown.failures, cooldown.until]).to.deep.equal([0, 0]);
  });

  it('cools down only after maxFailures in a row, but after a single failed probe', () => {
    const cooldown = new Cooldown({ ...TIMES, maxFailures: 3 }, true);
    expect([cooldown.failed(failed(0), 0), cooldown.failed(failed(1), 1)]).to.deep.equal([
      undefined,
      undefined,
    ]);
    cooldown.succeeded(2, 2);
    expect([3, 4, 5].map((now) => cooldown.failed(failed(now), now))).to.deep.equal([
      undefined,
      undefined,
      1000,
    ]);
    cooldown.begin(1005);
    expect(cooldown.failed(failed(1005), 1005)).to.equal(2000);
  });

  it('cools down for as long as requested, up to the longest', () => {
    const lengthFor = (cooldownMs: number) =>
      new Cooldown(TIMES, true).failed({ ...failed(0), cooldownMs }, 0);
    expect([lengthFor(0), lengthFor(2500), lengthFor(1e12)]).to.deep.equal([0, 2500, 5000]);
  });

  it('is due again when a probe has no result, or none in time', () => {
    const cooldown = new Cooldown(TIMES, false);
    cooldown.begin(0);
    cooldown.release(99, 100);
    expect(cooldown.state(100)).to.equal('probing');
    cooldown.release(0, 100);
    expect(cooldown.state(100)).to.equal('due');
    cooldown.begin(100);
    expect([cooldown.state(399), cooldown.state(400)]).to.deep.equal(['probing', 'due']);
  });

  it('cools down for as long as it is forced to, whatever is known, and is then due for a probe', () => {
    const cooldown = new Cooldown(TIMES, true);
    cooldown.failed(failed(0), 0);
    cooldown.force('forced', 60_000, 10);
    expect([cooldown.state(60_009), cooldown.state(60_010), cooldown.reason]).to.deep.equal([
      'cooling-down',
      'due',
      'forced',
    ]);
    // What began before says nothing of it.
    expect(cooldown.failed(failed(5), 60_011)).to.equal(undefined);
    cooldown.begin(60_020);
    expect(cooldown.failed(failed(60_021), 60_030)).to.equal(2000);
  });

  for (const proven of [true, false]) {
    it(`is as new after a reset: ${proven ? 'proven' : 'to be probed first'}`, () => {
      const cooldown = new Cooldown(TIMES, proven);
      cooldown.begin(0);
      cooldown.failed(failed(0), 10);
      cooldown.reset();
      expect([cooldown.state(11), cooldown.failures, cooldown.reason]).to.deep.equal([
        proven ? 'ok' : 'due',
        0,
        undefined,
      ]);
      cooldown.begin(11);
      expect(cooldown.failed(failed(11), 12)).to.equal(1000);
    });
  }
});
