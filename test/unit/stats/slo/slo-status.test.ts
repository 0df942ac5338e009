import { expect } from 'chai';
import { Tally } from '../../../../lib/stats/digest/tally.js';
import { type Page, pageId } from '../../../../lib/stats/periods.js';
import { resolveSlo } from '../../../../lib/stats/slo/slo-options.js';
import { type SloStatus, sloPages, sloStatus } from '../../../../lib/stats/slo/slo-status.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 15, 12, 30, 20);
const LENGTHS = { minute: MINUTE, hour: HOUR, day: DAY };

/** The status after calls of which `bad` tells how many are not good, for the time of each minute of the last 30 days. */
function statusOf(total: number, bad: (ago: number) => number, availability = 0.999): SloStatus {
  const tallies = new Map<string, Tally>();
  for (let ago = 0; ago < 30 * DAY; ago += MINUTE) {
    for (const span of ['minute', 'hour', 'day'] as const) {
      const start = Math.floor((NOW - ago) / LENGTHS[span]) * LENGTHS[span];
      const id = pageId({ kind: 'api', span, start });
      const tally = tallies.get(id) ?? new Tally();
      tallies.set(id, tally);
      tally.total += total;
      // Of two that are not good one has failed, and one was slow.
      tally.failure += bad(ago) / 2;
      tally.slow += bad(ago) / 2;
    }
  }
  const known = new Set(sloPages(NOW).map(pageId));
  const read = (page: Page) => {
    expect(known.has(pageId(page)), pageId(page)).to.equal(true);
    return tallies.get(pageId(page));
  };
  return sloStatus(resolveSlo({ availability }), NOW, read);
}

describe('sloStatus()', () => {
  it('is undefined in every figure without calls', () => {
    expect(sloStatus(resolveSlo({ latencyMs: 500 }), NOW, () => undefined)).to.deep.equal({
      ...{
        availability: 0.999,
        latencyMs: 500,
        total: 0,
        bad: 0,
        goodRatio: undefined,
        budgetLeft: undefined,
      },
      burnRates: { '5m': undefined, '30m': undefined, '1h': undefined, '6h': undefined, '3d': undefined },
      alert: undefined,
    });
  });

  it('burns at 1 where just as many are bad as the objective allows', () => {
    const { goodRatio, budgetLeft, burnRates, alert, total, bad } = statusOf(2000, () => 2);
    expect(goodRatio).to.be.closeTo(0.999, 1e-9);
    expect(budgetLeft).to.be.closeTo(0, 1e-9);
    for (const rate of Object.values(burnRates)) expect(rate).to.be.closeTo(1, 1e-9);
    expect(bad).to.equal(total / 1000);
    expect(alert === undefined || alert === 'ticket').to.equal(true);
  });

  it('tells a new outage by its short windows, and pages once the long one has it too', () => {
    const brief = statusOf(1000, (ago) => (ago < 2 * MINUTE ? 1000 : 0));
    expect(brief.burnRates['5m']).to.be.closeTo(400, 1);
    expect(brief.burnRates['1h']).to.be.closeTo(1000 / 30, 0.1);
    expect(brief.alert).to.equal('page');
    const blip = statusOf(1000, (ago) => (ago < MINUTE ? 500 : 0));
    expect(blip.burnRates['1h']).to.be.below(14.4);
    expect(blip.alert).to.equal(undefined);
    // Over for half an hour: nobody need be woken.
    const over = statusOf(1000, (ago) => (ago > 35 * MINUTE && ago < 45 * MINUTE ? 1000 : 0));
    expect(over.burnRates['1h']).to.be.above(100);
    expect(over.alert).not.to.equal('page');
  });

  it('files a ticket for a slow leak, and pages for one that is six times as fast as allowed', () => {
    expect(statusOf(1000, () => 2).alert).to.equal('ticket');
    expect(statusOf(1000, () => 0.5).alert).to.equal(undefined);
    expect(statusOf(1000, () => 7).alert).to.equal('page');
    expect(statusOf(1000, () => 7).budgetLeft).to.be.closeTo(-6, 1e-9);
  });
});

describe('resolveSlo()', () => {
  it('has 99.9 % as default, and no latency', () => {
    expect(resolveSlo({})).to.deep.equal({ availability: 0.999 });
  });

  for (const [options, message] of [
    [{ availability: 1 }, /^slo\.availability must be below 1/],
    [{ availability: 99.9 }, /^slo\.availability must be below 1/],
    [{ availability: 0 }, /^slo\.availability must be above 0/],
    [{ latencyMs: 0 }, /^slo\.latencyMs /],
    [{ latency: 5 }, /did you mean latencyMs\?/],
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => resolveSlo(options as object))
        .to.throw(message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
