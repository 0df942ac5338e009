import { expect } from 'chai';
import { pathName, pathTemplate } from '../../../lib/stats/path-template.js';
import { seeded } from './digest/distributions.js';

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
    'other numerals': ['%D9%A1%D9%A2%D9%A3', '१२३'],
    issues: ['PROJ-4567', 'AB_2-1'],
    'short mixed tokens': ['dQw4w9WgXcQ', 'a1B2c3D4e5'],
    addresses: ['jane@example.com', 'jane.doe%40example.co.uk', '00:1B:44:11:3A:B7', '00-1b-44-11-3a-b7'],
    coordinates: ['51.51,-0.13', '-33.87,151.21', '39.75;-97.09'],
    'numbers in groups': ['31-01-2024', '+1-415-555-2671', '415-555-2671'],
    'files named by a number': ['123.mp4', '7.m3u8', '12.tar.gz'],
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
      '/admin/api/2024-01',
      '/deadbeef',
      '/rpc/getUserByIdV2AndReturnAll',
      '/rpc/listAllOrdersForCustomer2',
      '/rpc/getHTTPServerV2Status',
      '/rpc/obterPedidosDoCliente2',
      '/s3/getS3ObjectV2',
      '/models/meta-llama-3.1-405b-instruct-v1:0',
      '/reports/v2-list-orders-2024-summary',
      '/charset/UTF-8',
      '/hash/SHA-256',
      '/users()',
    ];
    for (const path of paths) expect(pathTemplate(path)).to.equal(path);
  });

  it('keeps the method behind a colon, whatever is in front of it', () => {
    const names = {
      '/v1beta/models/gemini-1.5-pro:generateContent': '/v1beta/models/gemini-1.5-pro:generateContent',
      '/v1beta/models/gemini-1.5-pro:streamGenerateContent':
        '/v1beta/models/gemini-1.5-pro:streamGenerateContent',
      '/users/123:activate': '/users/:id:activate',
      '/operations/1234567890:cancel': '/operations/:id:cancel',
      '/models/claude-3-5-sonnet-20241022:streamRawPredict': '/models/:id:streamRawPredict',
      // Not a method, but the second half of a key.
      '/bot123456:AAHdqTcvCHhvQzRrWbGkLpXnYsDfJm/send': '/:id/send',
      '/bot123456:aahdqtcvchhvqzrrwbgklpxnysdfjm/send': '/:id/send',
    };
    for (const [path, name] of Object.entries(names)) expect(pathTemplate(path)).to.equal(name);
  });

  it('replaces the values of parameters of a segment that are ids', () => {
    const names = {
      '/users;id=42/orders': '/users;id=:id/orders',
      '/users/42;v=1/orders': '/users/:id;v=:id/orders',
      '/cars;color=red;id=3f2504e0-4f89-11d3-9a0c-0305e82c3301': '/cars;color=red;id=:id',
      '/cars;color=red;sort=': '/cars;color=red;sort=',
    };
    for (const [path, name] of Object.entries(names)) expect(pathTemplate(path)).to.equal(name);
  });

  it('replaces the keys of OData', () => {
    const names = {
      '/odata/Users(1)': '/odata/Users(:id)',
      "/odata/Products('a')/Parts": '/odata/Products(:id)/Parts',
      "/odata/Lines(Order=1,Item='x')": '/odata/Lines(:id)',
      '/odata/%D0%9B%D1%8E%D0%B4%D0%B8(5)': '/odata/Люди(:id)',
    };
    for (const [path, name] of Object.entries(names)) expect(pathTemplate(path)).to.equal(name);
  });

  it('decodes a path once, and keeps an encoded slash in its segment', () => {
    const names = {
      '/m/S%C3%A3o%20Paulo': '/m/São Paulo',
      '/m/%D7%A9%D7%9C%D7%95%D7%9D': '/m/שלום',
      '/m/%41bc': '/m/Abc',
      '/users/%31%32%33': '/users/:id',
      '/users/jane%40example.com': '/users/:id',
      '/projects/group%2fproject/issues': '/projects/group%2Fproject/issues',
      '/twice/%2541': '/twice/%41',
      '/not-utf8/%C3%28': '/not-utf8/%C3%28',
      '/not-hex/%zz%': '/not-hex/%zz%',
    };
    for (const [path, name] of Object.entries(names)) expect(pathTemplate(path)).to.equal(name);
  });

  it('takes random tokens for ids, but for a few that look like words', () => {
    const random = seeded(5);
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const paths = Array.from({ length: 2000 }, () => {
      const token = Array.from({ length: 22 }, () => alphabet[Math.floor(62 * random())]).join('');
      return pathTemplate(`/objects/${token}`);
    });
    expect(new Set(paths).size).to.be.at.most(41);
  });

  it('replaces what is a secret by its form, however short', () => {
    expect(pathTemplate('/bot12:ab/getMe')).to.equal('/:id/getMe');
    expect(pathTemplate('/users;token=a/b')).to.equal('/:id/b');
    expect(pathTemplate('/a;v=x/bottles:red')).to.equal('/a;v=x/bottles:red');
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
    const since = performance.now();
    for (const part of ['a(', '%', '%C3', 'a:', '1a', '((', 'a@.', '0x1-'])
      expect(pathTemplate(`/${part.repeat(100_000)}`).length).to.be.at.most(200);
    expect(performance.now() - since).to.be.below(200);
  });
});

describe('pathName()', () => {
  it('replaces control characters and lone surrogates', () => {
    expect(pathName('a\r\nb\0\ud800c')).to.equal('a\ufffd\ufffdb\ufffd\ufffdc');
    expect(pathTemplate('/a%0D%0Ab%00')).to.equal('/a\ufffd\ufffdb\ufffd');
  });

  it('replaces what would turn the text around it, and keeps joined letters', () => {
    expect(pathTemplate('/%E2%80%AEgpj.exe')).to.equal('/\ufffdgpj.exe');
    expect(pathName('/می‌خواهم')).to.equal('/می‌خواهم');
  });

  it('does not split a character', () => {
    const name = pathName(`/${'😀'.repeat(150)}`);
    expect(name).to.have.length.at.most(200);
    expect(Buffer.from(name).toString()).to.equal(name);
  });
});
