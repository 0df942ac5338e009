import { expect } from 'chai';
import { resolveStats, type StatsOptions } from '../../../lib/stats/stats-options.js';

describe('resolveStats()', () => {
  it('fills in every default', () => {
    expect(resolveStats({})).to.deep.equal({
      ...{ name: 'default', apis: [], maxPaths: 500, maxApis: 100, recentErrors: 1000 },
      ...{ flushMs: 1000, prefix: 'rpo:', paths: [] },
    });
  });

  const refused: [StatsOptions & Record<string, unknown>, RegExp][] = [
    [{ name: '' }, /^stats\.name /],
    [{ apis: [''] }, /^stats\.apis\[0\] /],
    [{ maxPaths: 0 }, /^stats\.maxPaths must be at least 1/],
    [{ maxPaths: 10_001 }, /^stats\.maxPaths must be at most 10000/],
    [{ maxApis: 1.5 }, /^stats\.maxApis /],
    [{ path: '/x' as never }, /^stats\.path must be a function/],
    [{ paths: ['users/:id'] }, /^stats\.paths\[0\] must begin with "\/"/],
    [{ paths: ['/a', '/users/:'] }, /^stats\.paths\[1\] must have a name behind each ":"/],
    [{ paths: ['/files/*/x'] }, /^stats\.paths\[0\] must have .* "\*" at its end alone/],
    [{ paths: ['/a?b=:c'] }, /^stats\.paths\[0\] must be a path, without query and fragment/],
    [{ paths: [`/${'x'.repeat(200)}`] }, /^stats\.paths\[0\] must have at most 200 characters/],
    [{ recentErrors: -1 }, /^stats\.recentErrors /],
    [{ flushMs: 0 }, /^stats\.flushMs /],
    [{ redis: 'http://secret@x' }, /^stats\.redis must be an ioredis client.*received a string/],
    [{ prefix: '{a}' }, /^stats\.prefix must not hold braces/],
    [{ maxPath: 5 }, /did you mean maxPaths\?/],
  ];
  for (const [options, message] of refused) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => resolveStats(options))
        .to.throw(message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
