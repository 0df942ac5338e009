import { mock } from 'node:test';
import { expect } from 'chai';
import { BrakesTripDetector } from '../../../lib/breaker/trip-detector.js';

const RULE = { failureRatio: 0.5, minimumRequests: 20, windowMs: 10_000 };

function detector(rule: Partial<typeof RULE> = {}): BrakesTripDetector {
  return new BrakesTripDetector({ ...RULE, ...rule }, 0);
}

function feed(window: BrakesTripDetector, now: number, successes: number, failures: number): boolean {
  for (let i = 0; i < successes; i++) window.success(now);
  let tripped = false;
  for (let i = 0; i < failures; i++) tripped = window.failure(now);
  return tripped;
}

describe('BrakesTripDetector', () => {
  it('trips when the share of failures is reached', () => {
    expect(feed(detector(), 0, 10, 9)).to.equal(false);
    expect(feed(detector(), 0, 10, 10)).to.equal(true);
  });

  it('does not look at fewer calls than the minimum', () => {
    const window = detector();
    expect(feed(window, 0, 0, 19)).to.equal(false);
    expect(window.failure(0)).to.equal(true);
  });

  it('trips at a ratio of 1 only when every call has failed', () => {
    expect(feed(detector({ failureRatio: 1 }), 0, 1, 500)).to.equal(false);
    expect(feed(detector({ failureRatio: 1 }), 0, 0, 20)).to.equal(true);
  });

  it('is exact for ratios that a binary fraction cannot represent', () => {
    expect(feed(detector({ failureRatio: 0.3 }), 0, 70, 29)).to.equal(false);
    expect(feed(detector({ failureRatio: 0.3 }), 0, 70, 30)).to.equal(true);
  });

  it('forgets what is older than the window, a tenth at a time', () => {
    const window = detector();
    feed(window, 500, 30, 0);
    feed(window, 1500, 10, 0);
    expect(window.totals(9999).total).to.equal(40);
    expect(window.totals(10_000).total).to.equal(10);
    expect(window.totals(11_000).total).to.equal(0);
  });

  it('keeps the time of each success, however many come without a failure', () => {
    const window = detector();
    feed(window, 0, 1000, 0);
    expect(feed(window, 9000, 0, 20)).to.equal(false);
    expect(feed(window, 10_500, 0, 1)).to.equal(true);
  });

  it('is empty after a pause of many windows', () => {
    const window = detector();
    feed(window, 0, 3, 5);
    expect(window.totals(1e9)).to.deep.equal({ total: 0, failed: 0 });
    feed(window, 1e9 + 1, 2, 0);
    expect(window.totals(1e9 + 999).total).to.equal(2);
  });

  it('counts again at once after a reset, though it had tripped', () => {
    const window = detector();
    expect(feed(window, 0, 0, 20)).to.equal(true);
    window.reset(0);
    expect(window.totals(0).total).to.equal(0);
    expect(feed(window, 0, 0, 20)).to.equal(true);
  });

  it('takes back a success that turned out to be a failure', () => {
    const window = detector();
    feed(window, 0, 3, 0);
    window.reversal(0);
    expect(window.totals(0)).to.deep.equal({ total: 3, failed: 1 });
  });

  it('takes back the latest success, where there is one', () => {
    const window = detector();
    feed(window, 0, 1, 0);
    window.reversal(5000);
    expect(window.totals(9999)).to.deep.equal({ total: 1, failed: 1 });
    window.reversal(5000);
    expect(window.totals(9999)).to.deep.equal({ total: 2, failed: 2 });
    // What is left of the first second is nothing, not less than that.
    expect(window.totals(10_000)).to.deep.equal({ total: 2, failed: 2 });
  });

  it('trips by successes that are taken back', () => {
    const window = detector();
    feed(window, 0, 20, 0);
    for (let i = 0; i < 9; i++) expect(window.reversal(0)).to.equal(false);
    expect(window.reversal(0)).to.equal(true);
  });

  it('counts what comes with the turn of a tenth for the new one', () => {
    for (const count of ['success', 'failure'] as const) {
      const window = detector();
      window[count](1000);
      expect(window.totals(10_000).total).to.equal(1);
      expect(window.totals(11_000).total).to.equal(0);
    }
  });

  it('makes nothing of brakes until something is counted', () => {
    const begun = mock.method(globalThis, 'setInterval');
    try {
      const window = detector();
      expect(window.totals(20_000)).to.deep.equal({ total: 0, failed: 0 });
      window.withdrawal();
      window.reset(30_000);
      window.close();
    } finally {
      mock.restoreAll();
    }
    expect(begun.mock.calls).to.have.length(0);
  });

  it('leaves none of the intervals of brakes running', () => {
    const begun = mock.method(globalThis, 'setInterval');
    const cleared = mock.method(globalThis, 'clearInterval');
    try {
      const window = detector();
      window.success(0);
      window.reset(0);
      window.failure(0);
      window.close();
    } finally {
      mock.restoreAll();
    }
    const intervals = begun.mock.calls.map(({ result }) => result);
    expect(intervals).to.have.length(4);
    expect(cleared.mock.calls.map(({ arguments: [interval] }) => interval)).to.have.members(intervals);
  });
});
