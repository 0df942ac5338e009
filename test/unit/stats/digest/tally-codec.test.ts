import { expect } from 'chai';
import fc from 'fast-check';
import { centroidsOf } from '../../../../lib/stats/digest/centroids.js';
import { figuresOf, Tally } from '../../../../lib/stats/digest/tally.js';
import { decodeTally, encodeTally } from '../../../../lib/stats/digest/tally-codec.js';
import { talliedOf } from './deltas.js';

describe('encodeTally() and decodeTally()', () => {
  it('restore every counter', () => {
    const count = fc.nat(Number.MAX_SAFE_INTEGER);
    const names = fc.array(fc.tuple(fc.string({ maxLength: 40 }), count), { maxLength: 20 });
    const statuses = fc.array(fc.tuple(fc.integer({ min: 100, max: 999 }), count), { maxLength: 50 });
    fc.assert(
      fc.property(count, count, statuses, names, names, (total, bytesOut, statusCodes, proxies, errors) => {
        const tally = new Tally();
        Object.assign(tally, { total, bytesOut });
        for (const [status, times] of statusCodes) tally.statusCodes.set(status, times);
        for (const [name, times] of proxies) tally.proxies.set(Buffer.from(name).toString(), times);
        for (const [name, times] of errors) tally.errors.set(Buffer.from(name).toString(), times);
        tally.cache.set('stale', 7);
        expect(decodeTally(encodeTally(tally))).to.deep.equal(tally);
      }),
    );
  });

  it('restore times to five digits', () => {
    const tally = new Tally();
    tally.responseTime = centroidsOf(Float32Array.of(0, 0.001, 1.2345678, 98_765.43));
    const { means, counts, ...rest } = decodeTally(encodeTally(tally))?.responseTime ?? {};
    expect(rest).to.deep.equal({ total: 4, min: 0, max: Math.fround(98_765.43) });
    expect([...(counts ?? [])]).to.deep.equal([1, 1, 1, 1]);
    for (const [i, mean] of [0, 0.001, 1.2345678, 98_765.43].entries()) {
      expect(means?.[i]).to.be.closeTo(mean, mean * 2e-5);
    }
  });

  it('do not change a packed tally again', () => {
    const tally = talliedOf([1, 2, 3.3333, 400]);
    const once = encodeTally(tally);
    const again = decodeTally(once);
    expect(again && encodeTally(again)).to.deep.equal(once);
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
