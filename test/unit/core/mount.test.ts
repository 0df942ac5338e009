import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { urlBelow } from '../../../lib/core/mount.js';

const below = (mount: string, url: string, originalUrl?: string) =>
  urlBelow({ url, ...(originalUrl !== undefined && { originalUrl }) } as unknown as IncomingMessage, mount);

describe('urlBelow()', () => {
  const removed: [mount: string, url: string, rest: string | undefined][] = [
    ['/api', '/api/github/users?a=/api', '/github/users?a=/api'],
    ['/api', '/api', '/'],
    ['/api', '/api?a=1', '/?a=1'],
    ['/api', '/api/', '/'],
    ['/api', '/API/github', '/github'],
    ['/api', '/api/api/users', '/api/users'],
    ['/v1/api', '/v1/api/github', '/github'],
    ['/api', 'http://example.com/api/github', '/github'],
    ['/api', '/apis/github', undefined],
    ['/api', '/github', undefined],
    ['/api', '/', undefined],
    ['/api', '*', undefined],
    ['', '/github', '/github'],
    ['', '/', '/'],
  ];
  for (const [mount, url, rest] of removed) {
    it(`makes ${rest} of ${url} for ${mount || 'no mount'}`, () => {
      expect(below(mount, url)).to.equal(rest);
    });
  }

  const before: [url: string, originalUrl: string, rest: string | undefined][] = [
    ['/github/users', '/api/github/users', '/github/users'],
    ['/github/users?a=1', '/api/github/users?a=1', '/github/users?a=1'],
    // The framework has removed it once: the second is the name of an API.
    ['/api/users', '/api/api/users', '/api/users'],
    ['/', '/api', '/'],
    ['/?a=1', '/api?a=1', '/?a=1'],
    ['/', '/api/', '/'],
    ['/github', '/v1/API/github', '/github'],
    // It has removed something else.
    ['/api/github', '/v1/api/github', '/github'],
    ['/github', '/v1/github', undefined],
    ['/github', '/myapi/github', undefined],
    // It has removed more: a wildcard, or the name of an API.
    ['/', '/api/github/users', '/github/users'],
    ['/?a=1', '/api/github/users?a=1', '/github/users?a=1'],
    ['/users', '/api/github/users', '/github/users'],
    ['/users', '/apis/github/users', undefined],
    // An application has rewritten it.
    ['/github', '/other', undefined],
    ['/other', '/api/github', undefined],
    ['/api/github', '/other', '/github'],
  ];
  for (const [url, originalUrl, rest] of before) {
    it(`makes ${rest} of ${url}, which was ${originalUrl}`, () => {
      expect(below('/api', url, originalUrl)).to.equal(rest);
    });
  }
});
