import { expect } from 'chai';
import { climbs, originForm, upstreamPath } from '../../../../lib/upstream/request/path.js';
import { parseTarget } from '../../../../lib/upstream/request/target.js';

const badRequest = (action: () => unknown) =>
  expect(action).to.throw().with.property('code', 'ERR_BAD_REQUEST');

describe('originForm()', () => {
  for (const [url, path] of [
    ['/', '/'],
    ['/a/b?c=d%23e', '/a/b?c=d%23e'],
    ['//evil.example/x', '//evil.example/x'],
    ['http://evil.example', '/'],
    ['http://evil.example/', '/'],
    ['http://evil.example/a?b', '/a?b'],
    ['http://evil.example?b', '/?b'],
    ['HTTP://u:p@evil.example:8080/a', '/a'],
    ['ws://evil.example/a', '/a'],
    ['', '/'],
    [undefined, '/'],
  ] as const) {
    it(`makes ${path} of ${url}`, () => expect(originForm(url)).to.equal(path));
  }

  for (const url of [
    '*',
    'evil.example:443',
    'x',
    '../y',
    '/../y',
    '/..;/y',
    '/x#y',
    '/x?y#z',
    'http://evil.example/#x',
    'http://evil.example/../y',
  ]) {
    it(`refuses ${url}`, () => void badRequest(() => originForm(url)));
  }
});

describe('climbs()', () => {
  for (const path of [
    '/..',
    '/../',
    '/a/../..',
    '/a/../../b',
    '/%2e%2e',
    '/%2E%2e/b',
    '/.%2e/b',
    '/..%2Fb',
    '/a%2f..%2f..%2fb',
    '/..\\b',
    '/..%5Cb',
    '\\..\\b',
    '/a/./../../b',
    '/a//../../b',
    '/../a/b/c',
    '/..;/b',
    '/..;a=1/b',
    '/a/..;x/..;y=2;z',
    '/%2e%2e;/b',
    '/..%3b/b',
    '/..%3Ba%2fb',
    '/a/..%3b..%2f..',
    '/.;/..',
    '/;/..',
  ]) {
    it(`sees that ${path} does`, () => expect(climbs(path)).to.equal(true));
  }

  for (const path of [
    '/',
    '/a/..',
    '/a/../b',
    '/...',
    '/..a',
    '/a..',
    '/a/b/../../c',
    '/a?x=/../..',
    '/a;/..',
    '/a;v=..',
    '/a;/b;..;/..;',
    '/..a;/b',
    '/%252e%252e/',
  ]) {
    it(`sees that ${path} does not`, () => expect(climbs(path)).to.equal(false));
  }
});

describe('upstreamPath()', () => {
  for (const [target, url, path] of [
    ['http://a', '/', '/'],
    ['http://a/', '/x', '/x'],
    ['http://a/v2', '/x', '/v2/x'],
    ['http://a/v2/', '/x', '/v2/x'],
    ['http://a/v2', '/', '/v2'],
    ['http://a/v2', '/?q', '/v2/?q'],
    ['http://a/v2', '?q', '/v2/?q'],
    ['http://a/v2?k=1', '/x', '/v2/x?k=1'],
    ['http://a/v2?k=1', '/x?q=2', '/v2/x?k=1&q=2'],
    ['http://a?k=1', '/', '/?k=1'],
    ['http://a', 'x', '/x'],
    ['http://a', '', '/'],
  ] as const) {
    it(`appends ${JSON.stringify(url)} to ${target}`, () => {
      expect(upstreamPath(parseTarget(new URL(target)), url, false)).to.equal(path);
    });
  }

  it('requests only the target’s own path with ignorePath', () => {
    expect(upstreamPath(parseTarget(new URL('http://a')), '/x?y', true)).to.equal('/');
    expect(upstreamPath(parseTarget(new URL('http://a/v2?k=1')), '/x?y', true)).to.equal('/v2?k=1');
    expect(upstreamPath(parseTarget(new URL('http://a/v2')), '/../x', true)).to.equal('/v2');
  });

  it('refuses a rewritten path that leaves the base path', () => {
    badRequest(() => upstreamPath(parseTarget(new URL('http://a/v2')), '/../admin', false));
    badRequest(() => upstreamPath(parseTarget(new URL('http://a/v2')), '../admin', false));
  });
});
