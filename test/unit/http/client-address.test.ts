import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { clientAddress, isAddressRange } from '../../../lib/http/client-address.js';

const requestFrom = (remoteAddress: string | undefined, forwarded?: string) =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

describe('clientAddress()', () => {
  const behind = clientAddress(['loopback', 'uniquelocal', '2001:db8::/32', '198.51.100.7']);

  for (const [what, peer, forwarded, client] of [
    ['the peer, where nobody says otherwise', '127.0.0.1', undefined, '127.0.0.1'],
    ['the peer, where it is not trusted', '203.0.113.1', '1.1.1.1', '203.0.113.1'],
    ['the last one that is not trusted', '127.0.0.1', '1.1.1.1, 2.2.2.2, 10.0.0.1', '2.2.2.2'],
    ['the first one, where all are trusted', '::1', '10.0.0.2, 2001:db8::1, 198.51.100.7', '10.0.0.2'],
    ['an address without its port', '127.0.0.1', '2.2.2.2:4711', '2.2.2.2'],
    ['an IPv6 address without its brackets', '127.0.0.1', '[2a00::1]:443', '2a00::1'],
    ['a mapped address as the one it stands for', '::ffff:127.0.0.1', '::ffff:2.2.2.2', '2.2.2.2'],
    ['who passed on what is no address', '127.0.0.1', '1.1.1.1, unknown, 10.0.0.1', '10.0.0.1'],
    ['nobody on a Unix socket', undefined, '1.1.1.1', undefined],
  ] as const) {
    it(`is ${what}`, () => {
      expect(behind(requestFrom(peer, forwarded))).to.equal(client);
    });
  }

  it('believes nobody by default', () => {
    expect(clientAddress([])(requestFrom('::ffff:127.0.0.1', '1.1.1.1'))).to.equal('127.0.0.1');
  });
});

describe('isAddressRange()', () => {
  it('knows addresses, ranges and names', () => {
    for (const text of ['10.0.0.1', '10.0.0.0/8', '::1', 'fc00::/7', 'loopback', 'linklocal', 'uniquelocal'])
      expect(isAddressRange(text), text).to.equal(true);
    for (const text of [
      '',
      'proxy.example',
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0',
      'toString',
    ])
      expect(isAddressRange(text), text).to.equal(false);
  });
});
