import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Centroids,
  centroidsOf,
  latencyOf,
  mergeCentroids,
  quantile,
} from '../../../../lib/stats/digest/centroids.js';
import { Tally } from '../../../../lib/stats/digest/tally.js';
import { decodeTally, encodeTally } from '../../../../lib/stats/digest/tally-codec.js';
import { LiveTimes } from '../../../../lib/stats/live-times.js';
import { DISTRIBUTIONS, normal, rankError, seeded } from './distributions.js';

const SHARES = { 0.5: 0.002, 0.9: 0.002, 0.95: 0.002, 0.99: 0.001 };

function expectClose(centroids: Centroids | undefined, values: readonly number[]): void {
  if (!centroids) throw new Error('There is no distribution');
  const sorted = Float64Array.from(values).sort();
  expect(centroids.total).to.equal(values.length);
  expect(centroids.min).to.be.closeTo(sorted[0] ?? 0, 1e-3);
  for (const [share, limit] of Object.entries(SHARES)) {
    const error = rankError(sorted, quantile(centroids, Number(share)), Number(share));
    expect(error, `at ${share}`).to.be.at.most(limit);
  }
}

function packedAndBack(centroids: Centroids | undefined): Centroids | undefined {
  const tally = new Tally();
  tally.responseTime = centroids;
  return decodeTally(encodeTally(tally))?.responseTime;
}

/** A told percentile has about this rank in the ledger, and is a value of a call up to the spread of one centroid. */
function expectTold(sorted: Float64Array, centroids: Centroids | undefined, share: number): void {
  if (!centroids) throw new Error('There is no distribution');
  const told = quantile(centroids, share);
  // Values are kept to five digits.
  const [below, above] = [told * (1 - 2e-5), told * (1 + 2e-5)];
  const upTo = sorted.filter((ms) => ms <= above).length / sorted.length;
  const under = sorted.filter((ms) => ms < below).length / sorted.length;
  const rank = Math.ceil(share * sorted.length - 1e-9) / sorted.length;
  expect(Math.max(under - rank, rank - upTo), `rank of ${told} as ${share}`).to.be.at.most(0.01);
  const nearest = sorted.reduce((best, ms) => (Math.abs(ms - told) < Math.abs(best - told) ? ms : best));
  expect(nearest, `nearest to ${told} as ${share}`).to.be.closeTo(told, 0.05 * told);
}

const told100 = (centroids: Centroids | undefined, percent: number): number | undefined =>
  centroids && quantile(centroids, percent / 100);

describe('centroidsOf()', () => {
  it('is nothing without values', () => {
    expect(centroidsOf(new Float32Array())).to.equal(undefined);
  });

  it('is exact for a few values', () => {
    const few = centroidsOf(Float32Array.of(30, 10, 20));
    expect(few).to.include({ total: 3, min: 10, max: 30 });
    expect(few && quantile(few, 0.5)).to.equal(20);
    expect(few && quantile(few, 0.9)).to.equal(30);
  });

  it('stays small, whatever the values', () => {
    for (const [name, next] of Object.entries(DISTRIBUTIONS)) {
      const random = seeded(7);
      const values = Float32Array.from({ length: 50_000 }, (_, i) => next(random, i / 50_000));
      expect(centroidsOf(values)?.values.length, name).to.be.at.most(250);
    }
  });
});

describe('mergeCentroids()', () => {
  for (const [name, next] of Object.entries(DISTRIBUTIONS)) {
    it(`keeps the ranks of ${name} over a thousand merges, packed in between`, () => {
      const random = seeded(42);
      const values: number[] = [];
      let merged: Centroids | undefined;
      for (let round = 0; round < 1000; round++) {
        const part = Float32Array.from({ length: 40 }, (_, i) => next(random, (round * 40 + i) / 40_000));
        values.push(...part);
        merged = mergeCentroids(merged, centroidsOf(part));
        if (round % 20 === 0) merged = packedAndBack(merged);
      }
      expectClose(merged, values);
    });

    it(`keeps the ranks of ${name} over four processes of a busy second each`, () => {
      const random = seeded(4);
      const values: number[] = [];
      const parts = Array.from({ length: 4 }, () => {
        const live = new LiveTimes();
        for (let i = 0; i < 10_000; i++) {
          const value = Math.fround(next(random, i / 10_000));
          values.push(value);
          live.add(value);
        }
        return packedAndBack(live.take());
      });
      expectClose(
        parts.reduce((sum, part) => mergeCentroids(sum, part)),
        values,
      );
    });
  }

  it('treats a missing one as empty', () => {
    const one = centroidsOf(Float32Array.of(1));
    expect(mergeCentroids(one, undefined)).to.equal(one);
    expect(mergeCentroids(undefined, one)).to.equal(one);
  });
});

describe('quantile()', () => {
  const LEDGERS: Readonly<Record<string, (random: () => number) => number>> = {
    ...{ constant: () => 5, 'nine of ten': (random) => (random() < 0.9 ? 5 : 1500) },
    ...{ 'log-normal': (random) => Math.exp(4 + normal(random)), Pareto: (random) => 3 / random() },
    'hits and misses': (random) => (random() < 0.9 ? 0.3 + random() / 10 : 400 + 50 * random()),
    'a few values': (random) => [5, 5.25, 7, 100][Math.floor(4 * random())] ?? 0,
  };
  for (const [name, next] of Object.entries(LEDGERS)) {
    for (const count of [10, 1000, 50_000]) {
      it(`is within 1 % of the rank among ${count} of ${name}, merged from ten parts and packed`, () => {
        const random = seeded(count);
        const ledger = Array.from({ length: count }, () => Math.fround(next(random)));
        const parts = Array.from({ length: 10 }, (_, part) =>
          packedAndBack(centroidsOf(Float32Array.from(ledger.filter((_, i) => i % 10 === part)))),
        );
        const whole = centroidsOf(Float32Array.from(ledger));
        const merged = packedAndBack(parts.reduce((sum, part) => mergeCentroids(sum, part), undefined));
        const sorted = Float64Array.from(ledger).sort();
        for (const centroids of [whole, packedAndBack(whole), merged]) {
          for (let percent = 1; percent < 100; percent++) expectTold(sorted, centroids, percent / 100);
        }
      });
    }
  }

  it('tells the nearest rank of a few values, whatever they are', () => {
    const time = fc.float({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(time, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 100 }),
        (ledger, percent) => {
          const sorted = [...ledger].sort((a, b) => a - b);
          const nearest = sorted[Math.ceil((percent * ledger.length) / 100) - 1] ?? 0;
          const told = told100(centroidsOf(Float32Array.from(ledger)), percent);
          expect(told).to.be.closeTo(nearest, nearest * 2e-5 + 1e-9);
        },
      ),
    );
  });

  it('keeps equal values equal, among whatever others and however often they are merged', () => {
    const others = fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 50, maxLength: 400 });
    fc.assert(
      fc.property(others, fc.integer({ min: 2, max: 9 }), (times, parts) => {
        // Three of five are equal: the median is this value.
        const ledger = times.flatMap((ms, i) => (i % 2 === 0 ? [ms, 7.25, 7.25] : [ms, 7.25]));
        let sum: Centroids | undefined;
        for (let part = 0; part < parts; part++) {
          const own = ledger.filter((_, i) => i % parts === part);
          sum = packedAndBack(mergeCentroids(sum, centroidsOf(Float32Array.from(own))));
        }
        const sorted = [...ledger].sort((a, b) => a - b);
        const first = sorted.indexOf(7.25) + 1;
        const last = sorted.lastIndexOf(7.25) + 1;
        const middle = (first + last) / 2 / ledger.length;
        expect(sum && quantile(sum, middle)).to.equal(7.25);
      }),
    );
  });
});

describe('latencyOf()', () => {
  it('is null without values, and not zero', () => {
    expect(latencyOf(undefined)).to.deep.equal({
      ...{ count: 0, min: null, p50: null, p90: null, p95: null, p99: null, max: null },
    });
  });

  it('lies between the smallest and the largest value', () => {
    expect(latencyOf(centroidsOf(Float32Array.of(5)))).to.deep.equal({
      ...{ count: 1, min: 5, p50: 5, p90: 5, p95: 5, p99: 5, max: 5 },
    });
  });
});

describe('LiveTimes', () => {
  it('starts over once they were taken', () => {
    const live = new LiveTimes();
    live.add(1);
    expect(live.take()?.total).to.equal(1);
    expect(live.take()).to.equal(undefined);
    for (let i = 0; i < 2000; i++) live.add(2);
    expect(live.take()).to.include({ total: 2000, min: 2, max: 2 });
  });

  it('keeps count and ranks of a path that is busy for longer than a digest has room', () => {
    const live = new LiveTimes();
    const random = seeded(3);
    const ledger = Array.from({ length: 250_000 }, () =>
      Math.fround(1 + random() * (random() < 0.7 ? 1 : 500)),
    );
    for (const ms of ledger) live.add(ms);
    expectClose(live.take(), ledger);
    expect(live.take()).to.equal(undefined);
  });
});
