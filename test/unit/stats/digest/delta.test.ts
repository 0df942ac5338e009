import { expect } from 'chai';
import fc from 'fast-check';
import { type Delta, decodeBatch, encodeBatch, withDelta } from '../../../../lib/stats/digest/delta.js';
import { deltaOf, storedError } from './deltas.js';

const NOW = Date.UTC(2026, 0, 15, 12, 30);
const MINUTE = 60_000;

const sum = (deltas: readonly Delta[]) => deltas.reduce((calls, delta) => calls + delta.total.total, 0);

describe('withDelta()', () => {
  it('merges deltas of the same minute', () => {
    const once = withDelta([], deltaOf(NOW, { '/a': 1, '/b': 2 }), 10);
    const [both, ...more] = withDelta(once, deltaOf(NOW + 1000, { '/a': 3 }), 10);
    expect(more).to.have.length(0);
    expect(both?.total).to.include({ total: 6 });
    expect(both?.paths.get('/a')).to.include({ total: 4 });
    expect(both?.paths.get('/b')).to.include({ total: 2 });
  });

  it('leaves the given deltas unchanged', () => {
    const first = deltaOf(NOW, { '/a': 1 });
    withDelta([first], deltaOf(NOW, { '/a': 1 }), 10);
    expect(first.total.total).to.equal(1);
    expect(first.paths.get('/a')?.total).to.equal(1);
  });

  it('keeps a limited number over an outage of forty days, and loses no request', () => {
    let waiting: Delta[] = [];
    for (let minute = 0; minute < 40 * 24 * 60; minute += 7) {
      waiting = withDelta(waiting, deltaOf(NOW + minute * MINUTE, { '/a': 1 }), 10);
      expect(waiting).to.have.length.at.most(12);
    }
    expect(sum(waiting)).to.equal(Math.ceil((40 * 24 * 60) / 7));
  });

  it('still knows the hour after an outage of some hours', () => {
    let waiting: Delta[] = [];
    for (let minute = 0; minute < 180; minute++)
      waiting = withDelta(waiting, deltaOf(NOW + minute * MINUTE, { '/a': 1 }), 10);
    const byHour = waiting.filter((delta) => delta.span === 'hour').map((delta) => delta.total.total);
    expect(byHour.slice(0, 2)).to.deep.equal([30, 60]);
    expect(sum(waiting)).to.equal(180);
  });

  it('keeps the newest errors', () => {
    const errors = [1, 2, 3].map((time) => storedError(NOW + time));
    const once = withDelta([], deltaOf(NOW, { '/a': 1 }, errors.slice(0, 2)), 2);
    const [both] = withDelta(once, deltaOf(NOW, { '/a': 1 }, errors.slice(2)), 2);
    expect(both?.errors.map((error) => error.time - NOW)).to.deep.equal([2, 3]);
  });
});

describe('encodeBatch() and decodeBatch()', () => {
  it('restore what was sent', () => {
    const deltas = [deltaOf(NOW, { '/a': 1, '/ü/:id': 500 }, [storedError(NOW)]), deltaOf(NOW + MINUTE, {})];
    const batch = decodeBatch(encodeBatch({ writer: 'me', number: 7, deltas }));
    expect(batch).to.include({ writer: 'me', number: 7 });
    expect(batch?.deltas.map(({ span, start }) => [span, start])).to.deep.equal([
      ['minute', NOW],
      ['minute', NOW + MINUTE],
    ]);
    expect([...(batch?.deltas[0]?.paths.keys() ?? [])]).to.deep.equal(['/a', '/ü/:id']);
    expect(batch?.deltas[0]?.paths.get('/ü/:id')).to.include({ total: 500, bytesOut: 5000 });
    expect(batch?.deltas[0]?.errors).to.deep.equal([JSON.parse(JSON.stringify(storedError(NOW)))]);
  });

  it('reject damaged input', () => {
    const packed = encodeBatch({ writer: 'me', number: 1, deltas: [deltaOf(NOW, { '/a': 1 })] });
    expect(decodeBatch(packed.subarray(1))).to.equal(undefined);
    expect(decodeBatch(Buffer.alloc(0))).to.equal(undefined);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeBatch(bytes) === undefined));
  });
});
