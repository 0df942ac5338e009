import { expect } from 'chai';
import fc from 'fast-check';
import { centroidsOf } from '../../../../lib/stats/digest/centroids.js';
import { type Batch, decodeBatch, encodeBatch } from '../../../../lib/stats/digest/delta.js';
import { Packer, unpacked } from '../../../../lib/stats/digest/packing.js';
import { figuresOf, Tally } from '../../../../lib/stats/digest/tally.js';
import { decodeTally, encodeTally, readTally, writeTally } from '../../../../lib/stats/digest/tally-codec.js';
import { deltaOf, talliedOf } from './deltas.js';
import { DISTRIBUTIONS, seeded } from './distributions.js';

/** Packed by version 2: three calls of 1 ms as the mean of a centroid, one of 3 ms. */
const BEFORE_SPREAD =
  '02040301000000000002c80103f60301000000000000010000000000020000803f000040408080fc03038080060100acfd7ea2';

describe('encodeTally() and decodeTally()', () => {
  it('restore every counter', () => {
    const count = fc.nat(Number.MAX_SAFE_INTEGER);
    const names = fc.array(fc.tuple(fc.string({ maxLength: 40 }), count), { maxLength: 20 });
    const statuses = fc.array(fc.tuple(fc.integer({ min: 100, max: 999 }), count), { maxLength: 50 });
    fc.assert(
      fc.property(count, count, statuses, names, names, (total, bytesOut, statusCodes, proxies, errors) => {
        const tally = new Tally();
        Object.assign(tally, { total, bytesOut, slow: total % 7, since: 1_700_000_000_000 });
        for (const [status, times] of statusCodes) tally.statusCodes.set(status, times);
        for (const [name, times] of proxies) tally.proxies.set(Buffer.from(name).toString(), times);
        for (const [name, times] of errors) tally.errors.set(Buffer.from(name).toString(), times);
        tally.cache.set('stale', 7);
        Object.assign(tally.outcomes, { refused: total, aborted: 3 });
        Object.assign(tally.attemptResults, { failure: bytesOut, abandoned: 1 });
        Object.assign(tally, { background: 2, webSocketBytesIn: total, webSocketBytesOut: 9 });
        tally.upstreamTime = centroidsOf(Float32Array.of(1, 2));
        tally.webSocketTime = centroidsOf(Float32Array.of(4096));
        expect(decodeTally(encodeTally(tally))).to.deep.equal(tally);
      }),
    );
  });

  it('restore times to five digits', () => {
    const tally = new Tally();
    tally.responseTime = centroidsOf(Float32Array.of(0, 0.001, 1.2345678, 98_765.43));
    const { values, counts, spread, ...rest } = decodeTally(encodeTally(tally))?.responseTime ?? {};
    expect(rest).to.deep.equal({ total: 4, min: 0, max: Math.fround(98_765.43) });
    expect([...(counts ?? [])]).to.deep.equal([1, 1, 1, 1]);
    expect([...(spread ?? [])]).to.deep.equal([0, 0, 0, 0]);
    for (const [i, mean] of [0, 0.001, 1.2345678, 98_765.43].entries()) {
      expect(values?.[i]).to.be.closeTo(mean, mean * 2e-5);
    }
  });

  it('do not change a packed tally again', () => {
    const tally = talliedOf([1, 2, 3.3333, 400]);
    const once = encodeTally(tally);
    const again = decodeTally(once);
    expect(again && encodeTally(again)).to.deep.equal(once);
  });

  it('restore a distribution as it was', () => {
    for (const [name, next] of Object.entries(DISTRIBUTIONS)) {
      const random = seeded(11);
      const tally = new Tally();
      tally.responseTime = centroidsOf(Float32Array.from({ length: 5000 }, (_, i) => next(random, i / 5000)));
      expect(decodeTally(encodeTally(tally))?.responseTime, name).to.deep.equal(tally.responseTime);
    }
  });

  it('read what the versions before have stored', () => {
    const stored = Buffer.from(BEFORE_SPREAD, 'hex');
    expect(figuresOf(decodeTally(stored))).to.deep.include({
      total: 4,
      failedBy: { target: 1 },
      responseTime: { count: 4, min: 1, p50: 1, p90: 3, p95: 3, p99: 3, max: 3 },
    });
  });

  it('take little space', () => {
    const times = Float32Array.from({ length: 100_000 }, (_, i) => 10 + (i % 1000) ** 1.5);
    const tally = new Tally();
    Object.assign(tally, { responseTime: centroidsOf(times), timeToFirstByte: centroidsOf(times) });
    expect(encodeTally(tally)).to.have.length.below(1600);
  });

  it('reject damaged input of any kind', () => {
    const packed = encodeTally(talliedOf([1, 2, 3]));
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(packed);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        expect(decodeTally(damaged)).to.equal(undefined);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeTally(bytes) === undefined));
    expect(decodeTally(packed.subarray(0, 10))).to.equal(undefined);
  });
});

/** Bytes as the version before has written them: without what stands behind. */
function asBefore(tally: Tally): Buffer {
  const to = new Packer();
  writeTally(to, tally);
  return to.done();
}

describe('a tally of the version before', () => {
  it('is read with all that it has, and its outcomes are told from that', () => {
    const tally = new Tally();
    Object.assign(tally, { total: 100, success: 80, failure: 15, aborted: 3, attempts: 70 });
    for (const [status, times] of [
      [200, 50],
      [404, 10],
      [429, 20],
      [503, 15],
    ] as const)
      tally.statusCodes.set(status, times);
    tally.errors.set('ERR_RATE_LIMITED', 18).set('ERR_CIRCUIT_OPEN', 5).set('ERR_UPSTREAM_TIMEOUT', 2);
    const read = decodeTally(asBefore(tally));
    expect(read).to.include({ total: 100, success: 80, failure: 15, attempts: 70 });
    const ledger = { success: 50, clientError: 12, refused: 23, failure: 10, aborted: 5 };
    expect(read?.outcomes).to.deep.equal(ledger);
    expect(Object.values(ledger).reduce((sum, count) => sum + count)).to.equal(100);
  });

  it('is what that version reads of a newer one', () => {
    const tally = talliedOf([1, 2, 3]);
    tally.outcomes.success = 3;
    tally.upstreamTime = centroidsOf(Float32Array.of(7));
    // It stops reading where its own end is.
    const read = unpacked(encodeTally(tally), readTally);
    expect(read && asBefore(read)).to.deep.equal(asBefore(tally));
  });
});

describe('a batch', () => {
  const batch: Batch = {
    writer: 'w',
    number: 1,
    deltas: [deltaOf(0, { '/a': 2, '/b': 1 }), deltaOf(60_000, { '/a': 3 })],
  };

  it('restores what stands behind its deltas, each in its place', () => {
    for (const [i, { total, paths }] of batch.deltas.entries()) {
      for (const [n, tally] of [total, ...paths.values()].entries())
        tally.outcomes.refused = 10 * (i + 1) + n;
    }
    expect(decodeBatch(encodeBatch(batch))).to.deep.equal(batch);
  });
});

describe('figuresOf()', () => {
  it('keeps a name like __proto__ as a name', () => {
    const tally = new Tally();
    tally.proxies.set('__proto__', 3);
    expect(Object.entries(figuresOf(tally).proxies)).to.deep.equal([['__proto__', 3]]);
    expect(JSON.stringify(figuresOf(tally).proxies)).to.equal('{"__proto__":3}');
  });

  it('is all zero for nothing', () => {
    expect(figuresOf(undefined)).to.deep.include({
      total: 0,
      statusCodes: {},
      cache: {},
      proxies: {},
      errors: {},
    });
  });
});
