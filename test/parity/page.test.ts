import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { FORWARD_OPTIONS } from '../../lib/upstream/options/resolve-forward.js';
import { ALL_CASES } from './cases/all-cases.js';
import { parityPage } from './support/page.js';
import { OWN_OPTIONS, TOPICS } from './support/topics.js';

describe('docs/parity.md', () => {
  it('matches the cases: npm run parity rewrites it', () => {
    expect(readFileSync('docs/parity.md', 'utf8')).to.equal(`${parityPage(ALL_CASES)}\n`);
  });

  it('has a row for every option of forward()', () => {
    const known = new Set<string>([...Object.keys(TOPICS), ...OWN_OPTIONS]);
    expect(FORWARD_OPTIONS.filter((name) => !known.has(name))).to.deep.equal([]);
  });

  it('has cases for every row', () => {
    const covered = new Set<string>(ALL_CASES.map(({ topic }) => topic));
    // `on` stands for its events, and http2 has no effect.
    const without = Object.keys(TOPICS).filter((name) => !covered.has(name) && !/^(on|http2)$/.test(name));
    expect(without).to.deep.equal([]);
  });

  it('names each case once', () => {
    const names = ALL_CASES.map(({ topic, name }) => `${topic}: ${name}`);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).to.deep.equal([]);
  });
});
