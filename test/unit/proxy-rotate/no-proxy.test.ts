import { expect } from 'chai';
import { noProxyList } from '../../../lib/proxy-rotate/no-proxy.js';

function matches(entries: string[], hostname: string, port = 443): boolean {
  const list = noProxyList(entries);
  if (typeof list !== 'function') throw new Error(`Refused: ${entries[list.wrong]}`);
  return list(hostname, port);
}

describe('noProxyList()', () => {
  const cases: [string, string, number, boolean][] = [
    ['api.example.com', 'api.example.com', 443, true],
    ['API.Example.com', 'api.example.COM', 443, true],
    ['api.example.com', 'api.example.com.', 443, true],
    ['example.com', 'api.example.com', 443, false],
    ['example.com', 'badexample.com', 443, false],
    ['.example.com', 'api.example.com', 443, true],
    ['.example.com', 'a.b.example.com', 443, true],
    ['.example.com', 'example.com', 443, false],
    ['*.example.com', 'api.example.com', 443, true],
    ['*.example.com', 'example.com.evil', 443, false],
    ['localhost', 'localhost', 80, true],
    ['api.example.com:8443', 'api.example.com', 8443, true],
    ['api.example.com:8443', 'api.example.com', 443, false],
    ['.example.com:80', 'api.example.com', 80, true],
    ['10.0.0.0/8', '10.200.3.4', 443, true],
    ['10.0.0.0/8', '11.0.0.1', 443, false],
    ['10.0.0.0/8', '10.example.com', 443, false],
    ['10.0.0.0/8:8080', '10.0.0.1', 8080, true],
    ['10.0.0.0/8:8080', '10.0.0.1', 443, false],
    ['192.168.1.7', '192.168.1.7', 443, true],
    ['192.168.1.7', '192.168.1.70', 443, false],
    ['::1', '::1', 443, true],
    ['[::1]', '0:0:0:0:0:0:0:1', 443, true],
    ['[::1]:8080', '::1', 8080, true],
    ['[::1]:8080', '::1', 443, false],
    ['fd00::/8', 'fd12::1', 443, true],
    ['fd00::/8', 'fe80::1', 443, false],
    ['::/0', 'fe80::1', 443, true],
    ['::/0', '10.0.0.1', 443, false],
    ['10.0.0.0/8', '::ffff:10.0.0.1', 443, true],
    ['*', 'anything.at.all', 1, true],
  ];
  for (const [entry, hostname, port, expected] of cases) {
    it(`${entry} ${expected ? 'matches' : 'does not match'} ${hostname}:${port}`, () => {
      expect(matches([entry], hostname, port)).to.equal(expected);
    });
  }

  it('matches nothing if it is empty', () => {
    expect(matches([], 'localhost')).to.equal(false);
  });

  for (const wrong of [
    '',
    'http://a.example',
    '10.0.0.0/33',
    'a.*.example',
    'a:b',
    'a:123456',
    '[::1',
    'a b',
  ]) {
    it(`reports the entry ${JSON.stringify(wrong)} as unreadable`, () => {
      expect(noProxyList(['fine.example', wrong])).to.deep.equal({ wrong: 1 });
    });
  }
});
