import { expect } from 'chai';
import type { ConcurrencyOptions } from '../../../lib/concurrency/concurrency-options.js';
import { AdaptiveLimit } from '../../../lib/concurrency/gradient.js';
import { simulate, type ToyResult, type ToyTarget } from './toy-target.js';

const sum = (list: readonly number[]) => list.reduce((total, n) => total + n, 0);

/** Responses in time to what came in these seconds. */
const inTime = ({ inTime: all }: ToyResult, from: number, to: number) => sum(all.slice(from, to));

const latencyMs = ({ latencies }: ToyResult, from: number, to: number) => {
  const all = latencies.slice(from, to).flat();
  return sum(all) / all.length;
};

describe('concurrency: adaptive, simulated', () => {
  // It handles 20 requests at once, and for 40 of 80 s only 5. With more of them it does less, not more.
  const degrading: ToyTarget = {
    latencyMs: 100,
    capacity: (at) => (at >= 20_000 && at < 60_000 ? 5 : 20),
    slowdown: (n, c) => (n <= c ? 1 : (n / c) ** 1.5),
  };
  const load = { perSecond: 250, lastsMs: 80_000, worthMs: 500 };
  const results = new Map<ConcurrencyOptions['limit'], Promise<ToyResult>>();
  /** What a limit makes of the load; each is simulated once. */
  function through(limit: number | 'adaptive'): Promise<ToyResult> {
    const result = results.get(limit) ?? simulate({ limit, queue: 20, maxWaitMs: 300 }, degrading, load);
    results.set(limit, result);
    return result;
  }
  let adaptive: ToyResult;
  before(async () => {
    adaptive = await through('adaptive');
  });

  for (const limit of [5, 10, 20, 40])
    it(`gets more responses in time of a target that degrades than a limit of ${limit}`, async () => {
      expect(inTime(adaptive, 0, 80)).to.be.above(1.1 * inTime(await through(limit), 0, 80));
    });

  it('gets nearly as many as the limit that is right for each state of the target', async () => {
    const [low, high] = [await through(5), await through(20)];
    expect(inTime(adaptive, 0, 20)).to.be.above(0.85 * inTime(high, 0, 20));
    expect(inTime(adaptive, 25, 60)).to.be.above(0.85 * inTime(low, 25, 60));
    expect(inTime(adaptive, 65, 80)).to.be.above(0.85 * inTime(high, 65, 80));
  });

  it('spares a target that degrades, and comes back with it', async () => {
    expect(latencyMs(adaptive, 25, 60)).to.be.below(200);
    expect(latencyMs(await through(20), 25, 60)).to.be.above(700);
    expect(Math.max(...adaptive.limits.slice(25, 60))).to.be.below(10);
    expect(Math.min(...adaptive.limits.slice(65, 80))).to.be.within(18, 26);
  });
});

describe('AdaptiveLimit', () => {
  /** Steps in which so many latencies are seen with so many requests in flight. */
  function steps(
    limit: AdaptiveLimit,
    count: number,
    latency: number,
    inFlight: () => number,
    from = 0,
  ): number {
    let now = from;
    for (let step = 0; step < count; step++) {
      now += 1001;
      for (let n = limit.limit + 1; n > 0; n--) limit.responded(latency, inFlight(), now);
    }
    return now;
  }

  it('begins at 20, within its bounds', () => {
    expect(new AdaptiveLimit({ min: 1, max: 200 }).limit).to.equal(20);
    expect(new AdaptiveLimit({ min: 1, max: 5 }).limit).to.equal(5);
    expect(new AdaptiveLimit({ min: 50, max: 100 }).limit).to.equal(50);
  });

  it('grows fast while the latency stays as it is, up to its highest', () => {
    const limit = new AdaptiveLimit({ min: 1, max: 200 });
    steps(limit, 20, 50, () => limit.limit);
    expect(limit.limit).to.equal(200);
  });

  it('stays where less than half of it is in use', () => {
    const limit = new AdaptiveLimit({ min: 1, max: 200 });
    steps(limit, 20, 50, () => 5);
    expect(limit.limit).to.equal(20);
  });

  it('shrinks as the latency rises, not below its lowest', () => {
    const limit = new AdaptiveLimit({ min: 8, max: 20 });
    const now = steps(limit, 5, 50, () => limit.limit);
    steps(limit, 1, 100, () => limit.limit, now);
    expect(limit.limit).to.be.below(20);
    steps(limit, 20, 1000, () => limit.limit, now + 2000);
    expect(limit.limit).to.equal(8);
  });

  it('shrinks where the target refuses for overload, however fast it does so', () => {
    const limit = new AdaptiveLimit({ min: 1, max: 20 });
    let now = steps(limit, 3, 50, () => limit.limit);
    for (let i = 0; i < 20; i++) {
      now += 1001;
      limit.overloaded(limit.limit, now);
    }
    expect(limit.limit).to.equal(1);
  });

  it('takes all refusals of one moment for one', () => {
    const limit = new AdaptiveLimit({ min: 1, max: 20 });
    const now = steps(limit, 3, 50, () => limit.limit) + 1001;
    for (let i = 0; i < 20; i++) limit.overloaded(20, now + i);
    expect(limit.limit).to.equal(15);
  });

  it('recovers from a long overload in a short time', () => {
    const limit = new AdaptiveLimit({ min: 1, max: 200 });
    let now = steps(limit, 5, 50, () => limit.limit);
    now = steps(limit, 300, 500, () => limit.limit, now);
    const low = limit.limit;
    steps(limit, 100, 50, () => limit.limit, now);
    expect(limit.limit).to.be.above(3 * low);
  });
});

describe('AdaptiveLimit after a reset', () => {
  it('is where it began, and learns anew', () => {
    const limit = new AdaptiveLimit({ min: 1, max: 1000 });
    const learn = (from: number) => {
      const limits = [limit.limit];
      for (let step = 0; step < 20; step++) {
        for (let n = 0; n < 200; n++) limit.responded(100, limit.limit, from + step * 1000);
        limits.push(limit.limit);
      }
      return limits;
    };
    const first = learn(1000);
    expect(first.at(-1)).to.be.above(first[0] ?? 0);
    limit.reset();
    expect(learn(101_000)).to.deep.equal(first);
  });
});
