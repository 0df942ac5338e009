import { expect } from 'chai';
import { pathDigest, pathKey, pathName, Routes } from '../../../../lib/rate-limit/gate/routes.js';

const get = (url: string) => pathKey('GET', url);

describe('pathName()', () => {
  it('leaves out the query and ids, and keeps versions', () => {
    expect(pathName('/v2/users/123/posts?page=2')).to.equal('/v2/users/:id/posts');
    expect(pathName('/channels/81384788765712384')).to.equal('/channels/:id');
    expect(pathName('/repos/octo/hello#x')).to.equal('/repos/octo/hello');
  });
});

describe('Routes', () => {
  it('takes one entry for an API whose paths all draw on the same limits', () => {
    const routes = new Routes();
    expect(routes.learn(get('/a'), ['core'])).to.equal(true);
    for (let i = 0; i < 100; i++)
      expect(routes.learn(pathKey('POST', `/x${'y'.repeat(i)}`), ['core'])).to.equal(false);
    expect(routes.names(get('/never/seen'))).to.deep.equal(['core']);
  });

  it('keeps paths apart once they turn out to differ, and knows nothing of those that are new', () => {
    const routes = new Routes();
    routes.learn(get('/repos/a'), ['core']);
    routes.learn(get('/search/code'), ['search']);
    expect(routes.names(get('/repos/a'))).to.deep.equal(['core']);
    expect(routes.names(get('/repos/b/issues'))).to.deep.equal(['core']);
    expect(routes.names(get('/search/users'))).to.deep.equal(['search']);
    expect(routes.names(get('/users'))).to.equal(undefined);
    routes.learn(get('/users'), ['core']);
    expect(routes.names(get('/users/octo'))).to.deep.equal(['core']);
  });

  it('tells a path from those below it, and methods from each other', () => {
    const routes = new Routes();
    routes.learn(get('/a'), ['list']);
    routes.learn(get('/a/b'), ['item']);
    routes.learn(pathKey('POST', '/a'), ['write']);
    expect(routes.names(get('/a'))).to.deep.equal(['list']);
    expect(routes.names(get('/a/b/c'))).to.deep.equal(['item']);
    expect(routes.names(pathKey('POST', '/a'))).to.deep.equal(['write']);
  });

  it('follows a path whose limits change', () => {
    const routes = new Routes();
    routes.learn(get('/a'), ['old']);
    routes.learn(get('/a'), ['new']);
    expect(routes.names(get('/b'))).to.deep.equal(['new']);
    routes.learn(get('/c'), ['other']);
    routes.learn(get('/c'), ['another']);
    expect(routes.names(get('/c'))).to.deep.equal(['another']);
    expect(routes.names(get('/a'))).to.deep.equal(['new']);
  });

  it('is bounded, whatever the paths are', () => {
    const routes = new Routes();
    for (let i = 0; i < 10_000; i++)
      routes.learn(get(`/${'abcdefghij'[i % 10]}${'x'.repeat(i % 290)}/${i}`), [`${i}`]);
    expect(routes.names(get(`/${'/deep'.repeat(1000)}`)) ?? []).to.have.length.at.most(1);
  });
});

describe('pathDigest()', () => {
  it('is one number for the paths that have one key', () => {
    const same = ['/users/1/repos', '/users/22/repos', '/users/a3/repos?page=2', '/users/4/repos#top'];
    expect(new Set(same.map((url) => pathDigest('GET', url))).size).to.equal(1);
  });

  it('differs by method, by path and by version', () => {
    const words = ['Aa', 'BB', 'users', 'search', 'v1', 'v2', '7', ''];
    const urls = words.flatMap((a) => words.map((b) => `/${a}/${b}`));
    const digests = ['GET', 'PUT', 'POST', 'PATCH'].flatMap((method) =>
      urls.map((url) => pathDigest(method, url)),
    );
    expect(new Set(digests).size).to.equal(digests.length);
  });
});
