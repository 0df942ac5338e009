import { expect } from 'chai';
import { invalidatedPaths, isOwnContentLocation } from '../../../../lib/cache/policy/invalidation.js';

const CALL = { method: 'POST', targetUri: 'http://api.test/a?x=1', status: 200, rawHeaders: [] as string[] };

describe('invalidatedPaths()', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'UNHEARD-OF']) {
    it(`is the target of a successful ${method}`, () => {
      expect(invalidatedPaths({ ...CALL, method })).to.deep.equal(['/a?x=1']);
      expect(invalidatedPaths({ ...CALL, method, status: 303 })).to.deep.equal(['/a?x=1']);
    });

    it(`is nothing for a ${method} that failed`, () => {
      expect(invalidatedPaths({ ...CALL, method, status: 500 })).to.deep.equal([]);
      expect(invalidatedPaths({ ...CALL, method, status: 400 })).to.deep.equal([]);
      expect(invalidatedPaths({ ...CALL, method, status: 101 })).to.deep.equal([]);
    });
  }

  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH']) {
    it(`is nothing for ${method}`, () => {
      expect(invalidatedPaths({ ...CALL, method })).to.deep.equal([]);
    });
  }

  it('is nothing for a POST that is stored as a read', () => {
    expect(invalidatedPaths({ ...CALL, readMethods: new Set(['POST']) })).to.deep.equal([]);
  });

  it('is nothing where the target has no URI', () => {
    expect(invalidatedPaths({ ...CALL, targetUri: '*', rawHeaders: ['Location', '/b'] })).to.deep.equal([]);
  });

  it('adds what Location and Content-Location name, absolute or relative', () => {
    const rawHeaders = ['Location', 'http://api.test/b', 'content-location', 'c?d=1'];
    expect(invalidatedPaths({ ...CALL, rawHeaders })).to.deep.equal(['/a?x=1', '/b', '/c?d=1']);
  });

  it('leaves other origins alone, but for those that are the target’s by another name', () => {
    const rawHeaders = ['Location', 'http://elsewhere.test/b', 'Content-Location', 'https://api.test/c'];
    expect(invalidatedPaths({ ...CALL, rawHeaders })).to.deep.equal(['/a?x=1']);
    const sameOrigins = ['http://elsewhere.test'];
    expect(invalidatedPaths({ ...CALL, rawHeaders, sameOrigins })).to.deep.equal(['/a?x=1', '/b']);
  });

  it('ignores a Location that is not a URI', () => {
    expect(invalidatedPaths({ ...CALL, rawHeaders: ['Location', 'http://[oops'] })).to.deep.equal(['/a?x=1']);
  });
});

describe('isOwnContentLocation()', () => {
  const REQUEST = { method: 'POST', targetUri: 'http://api.test/a?x=1' };

  /** Whether the response to such a POST may be stored for GET. */
  function isOwn(contentLocation: string, status = 200, request = REQUEST): boolean {
    return isOwnContentLocation(request, { status, rawHeaders: ['Content-Location', contentLocation] });
  }

  it('is the target, absolute or relative, query included', () => {
    expect(isOwn('http://api.test/a?x=1')).to.equal(true);
    expect(isOwn('/a?x=1')).to.equal(true);
    expect(isOwn('/a')).to.equal(false);
    expect(isOwn('http://elsewhere.test/a?x=1')).to.equal(false);
  });

  it('is neither a URI that cannot be read nor one of a target without a URI', () => {
    expect(isOwn('http://[oops')).to.equal(false);
    expect(isOwn('/a', 200, { method: 'POST', targetUri: '*' })).to.equal(false);
    const response = { status: 200, rawHeaders: ['Content-Location', '/a'] };
    expect(isOwnContentLocation({ method: 'POST' }, response)).to.equal(false);
    expect(isOwnContentLocation(REQUEST, { status: 200, rawHeaders: [] })).to.equal(false);
    const root = { method: 'POST', targetUri: 'http://api.test/undefined' };
    expect(isOwnContentLocation(root, { status: 200, rawHeaders: [] })).to.equal(false);
  });

  it('requires a POST with status 200', () => {
    expect(isOwn('/a?x=1', 201)).to.equal(false);
    expect(isOwn('/a?x=1', 200, { ...REQUEST, method: 'PUT' })).to.equal(false);
  });
});
