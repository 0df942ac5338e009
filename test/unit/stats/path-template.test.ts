import { expect } from 'chai';
import { pathName, pathTemplate } from '../../../lib/stats/path-template.js';

describe('pathTemplate()', () => {
  const ids = {
    numbers: ['123', '0', '-7', '12,13,14', '123.json', '51.507351'],
    UUIDs: ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', '3F2504E04F8911D39A0C0305E82C3301'],
    hexadecimal: [
      '5887de8d37c9c2550a4d0b86127c43b2e1904545',
      '0x5887de8d37c9c2550a',
      '507f1f77bcf86cd799439011',
    ],
    tokens: ['cus_NffrFeUfNV2Hib', 'ch_3MmlLrLkdIwHu7ix0snN0B15', 'dGhpcyBpcyBhIHRlc3Qg2Zz9', 'order-123456'],
    dates: ['2024-02-29', '2024-02-29T12:00:00Z', '2024.02.29'],
    addresses: ['jane@example.com', 'jane.doe%40example.co.uk'],
  };
  for (const [kind, segments] of Object.entries(ids)) {
    it(`treats ${kind} as ids`, () => {
      for (const segment of segments) {
        expect(pathTemplate(`/users/${segment}/posts`), segment).to.equal('/users/:id/posts');
        expect(pathTemplate(`/users/${segment}`), segment).to.equal('/users/:id');
      }
    });
  }

  it('leaves names, versions and years as they are', () => {
    const paths = [
      '/',
      '/v1/chat/completions',
      '/api/v2.1/oauth2/token',
      '/2.0/users',
      '/users/me',
      '/getAllCustomerInvoicesWithDetails',
      '/npm/@scope/package',
      '/hyperliquid/info/',
      '//double//slash',
      '/report-2024',
      '/deadbeef',
    ];
    for (const path of paths) expect(pathTemplate(path)).to.equal(path);
  });

  it('leaves out the query, the fragment and the origin', () => {
    expect(pathTemplate('/users/1?api_key=secret&x=/2')).to.equal('/users/:id');
    expect(pathTemplate('/users#/1')).to.equal('/users');
    expect(pathTemplate('https://api.example.com/users/1?x')).to.equal('/users/:id');
    expect(pathTemplate('https://api.example.com')).to.equal('/');
    expect(pathTemplate('?x=1')).to.equal('/');
    expect(pathTemplate('')).to.equal('/');
  });

  it('replaces every id of a path', () => {
    expect(pathTemplate('/a/1/b/2/3/')).to.equal('/a/:id/b/:id/:id/');
  });

  it('keeps what a page must not run as the text it is', () => {
    const hostile = '/<img src=x onerror=alert(1)>';
    expect(pathTemplate(hostile)).to.equal(hostile);
  });

  it('limits long paths, quickly', () => {
    const long = `/${'segment/'.repeat(100_000)}`;
    expect(pathTemplate(long)).to.have.length(200).and.match(/…$/);
    expect(pathTemplate(`/${'a1B'.repeat(100_000)}`)).to.equal('/:id');
    expect(pathTemplate(`/${'@'.repeat(100_000)}`)).to.have.length(200);
  });
});

describe('pathName()', () => {
  it('replaces control characters and lone surrogates', () => {
    expect(pathName('a\r\nb\0\ud800c')).to.equal('a\ufffd\ufffdb\ufffd\ufffdc');
  });

  it('does not split a character', () => {
    const name = pathName(`/${'😀'.repeat(150)}`);
    expect(name).to.have.length.at.most(200);
    expect(Buffer.from(name).toString()).to.equal(name);
  });
});
