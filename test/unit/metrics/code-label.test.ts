import { expect } from 'chai';
import { ABORTED_COLUMN, CODE_LABELS, codeColumn } from '../../../lib/metrics/code-label.js';

describe('codeColumn()', () => {
  const cases: [number, string][] = [
    [100, '100'],
    [200, '200'],
    [299, '2xx'],
    [404, '404'],
    [429, '429'],
    [499, '4xx'],
    [503, '503'],
    [599, '5xx'],
    [600, 'other'],
    [999, 'other'],
    [99, 'other'],
    [0, 'other'],
    [-1, 'other'],
    [200.5, 'other'],
    [Number.NaN, 'other'],
  ];
  for (const [status, label] of cases) {
    it(`counts ${status} as ${label}`, () => {
      expect(CODE_LABELS[codeColumn(status)]).to.equal(label);
    });
  }

  it('never takes a status for a call that was aborted', () => {
    const columns = new Set(Array.from({ length: 1000 }, (_, status) => codeColumn(status)));
    expect(columns.has(ABORTED_COLUMN)).to.equal(false);
    expect(CODE_LABELS[ABORTED_COLUMN]).to.equal('aborted');
  });
});
