import { expect } from 'chai';
import { pathNamer, patternProblem } from '../../../lib/stats/path-patterns.js';
import { recordedStats } from './recorded-stats.js';

describe('pathNamer()', () => {
  const named = (patterns: readonly string[], url: string): string => pathNamer(patterns)(url);

  it('names a path by the first pattern that fits, and else by its template', () => {
    const patterns = ['/users/me', '/users/:user', '/users/:any/*'];
    expect(named(patterns, '/users/me?x=1')).to.equal('/users/me');
    expect(named(patterns, '/users/jane')).to.equal('/users/:user');
    expect(named(patterns, '/users/jane/')).to.equal('/users/:user');
    expect(named(patterns, '/users/jane/posts/5')).to.equal('/users/:any/*');
    expect(named(patterns, '/posts/5')).to.equal('/posts/:id');
    expect(named(patterns, '/users')).to.equal('/users');
    expect(named([], '/posts/5')).to.equal('/posts/:id');
  });

  const fits: readonly [pattern: string, path: string, fits: boolean][] = [
    ['/v1/models/:model:action', '/v1/models/gemini-1.5-pro:generateContent', true],
    ['/v1/models/:model:action', '/v1/models/gemini-1.5-pro', false],
    ['/v1/models/:model\\:generateContent', '/v1/models/gemini-1.5-pro:generateContent', true],
    ['/v1/models/:model\\:generateContent', '/v1/models/gemini-1.5-pro:countTokens', false],
    ['/files/:name.json', '/files/a.json', true],
    ['/files/:name.json', '/files/a.txt', false],
    ['/cities/:city/weather', '/cities/S%C3%A3o%20Paulo/weather', true],
    ['/cities/São Paulo', '/cities/S%C3%A3o%20Paulo', true],
    ['/a.c', '/abc', false],
    ['/(a|b)+', '/a', false],
    ['/(a|b)+', '/(a|b)+', true],
    ['/:a-:b', '/1-2', true],
    ['/:only', '/a/b', false],
    ['/*', '/anything/at%0Aall', true],
  ];
  for (const [pattern, path, whether] of fits) {
    it(`${whether ? 'fits' : 'does not fit'} ${pattern} to ${path}`, () => {
      expect(named([pattern], path) === pattern.replaceAll('\\', '')).to.equal(whether);
    });
  }

  it('takes no time over hostile paths', () => {
    const name = pathNamer(['/:a:b:c:d:e/x', '/:a-:b-:c-:d/x', '/:a.:b/*']);
    const since = performance.now();
    for (const part of [':', '-', '.', 'a:', 'a-', '%3A'])
      expect(name(`/${part.repeat(5000)}`).length).to.be.at.most(200);
    expect(performance.now() - since).to.be.below(200);
  });
});

describe('patternProblem()', () => {
  it('is nothing for a pattern of parameters, texts and a rest', () => {
    for (const pattern of ['/', '/a/:b/c-:d.json', '/v1/models/:model:action', '/a\\:b\\*', '/files/*'])
      expect(patternProblem(pattern), pattern).to.equal(undefined);
  });
});

describe('stats() with paths', () => {
  it('counts calls under the patterns', async () => {
    const { source } = recordedStats(
      Date.UTC(2026, 0, 1),
      {
        a: [
          ['/models/x:run', 200],
          ['/models/y:run', 200],
          ['/models/z', 200],
        ].map(([url, status]) => [String(url), Number(status)] as const),
      },
      { paths: ['/models/:model\\:run'] },
    );
    const paths = await source.paths('a');
    expect(paths?.map(({ path, all }) => [path, all.total])).to.have.deep.members([
      ['/models/:model:run', 2],
      ['/models/z', 1],
    ]);
  });

  it('asks the function path first', async () => {
    const options = { path: () => '/own', paths: ['/*'] };
    const { source } = recordedStats(Date.UTC(2026, 0, 1), { a: [['/x', 200]] }, options);
    expect((await source.paths('a'))?.map(({ path }) => path)).to.deep.equal(['/own']);
  });
});
