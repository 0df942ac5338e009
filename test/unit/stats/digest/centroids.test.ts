import { expect } from 'chai';
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
import { DISTRIBUTIONS, rankError, seeded } from './distributions.js';

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

describe('centroidsOf()', () => {
  it('is nothing without values', () => {
    expect(centroidsOf(new Float32Array())).to.equal(undefined);
  });

  it('is exact for a few values', () => {
    const few = centroidsOf(Float32Array.of(30, 10, 20));
    expect(few).to.include({ total: 3, min: 10, max: 30 });
    expect(few && quantile(few, 0.5)).to.equal(20);
  });

  it('stays small, whatever the values', () => {
    for (const [name, next] of Object.entries(DISTRIBUTIONS)) {
      const random = seeded(7);
      const values = Float32Array.from({ length: 50_000 }, (_, i) => next(random, i / 50_000));
      expect(centroidsOf(values)?.means.length, name).to.be.at.most(250);
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

describe('latencyOf()', () => {
  it('is zero without values', () => {
    expect(latencyOf(undefined)).to.deep.equal({ count: 0, min: 0, p50: 0, p90: 0, p95: 0, p99: 0, max: 0 });
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
});
