import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { ABORTED_COLUMN, CODE_LABELS, codeColumn } from '../../../lib/metrics/code-label.js';

const MODULE = new URL('../../../lib/metrics/code-label.ts', import.meta.url).href;

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

  it('counts by itself only what is registered, whatever other packages have added to the statuses of Node', () => {
    const script = (before: string) => `
      const { STATUS_CODES } = await import('node:http');
      const known = Object.keys(STATUS_CODES);
      ${before}
      const { CODE_LABELS } = await import('${MODULE}');
      console.log(JSON.stringify({ known, labels: CODE_LABELS }));`;
    const read = (before: string): Record<'known' | 'labels', string[]> =>
      JSON.parse(
        execFileSync(process.execPath, [
          '--import=tsx',
          '--input-type=module',
          '-e',
          script(before),
        ]).toString(),
      );
    const { known, labels } = read("STATUS_CODES[598] = 'Ours';");
    expect(labels).to.deep.equal(CODE_LABELS);
    expect(known).to.include.members(labels.filter((label) => /^\d+$/.test(label)));
  });

  it('never takes a status for a call that was aborted', () => {
    const columns = new Set(Array.from({ length: 1000 }, (_, status) => codeColumn(status)));
    expect(columns.has(ABORTED_COLUMN)).to.equal(false);
    expect(CODE_LABELS[ABORTED_COLUMN]).to.equal('aborted');
  });
});
