import { expect } from 'chai';
import { type AdminRequest, adminCheck } from '../../../lib/gateway/admin-check.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { TokenThrottle } from '../../../lib/gateway/token-throttle.js';
import type { Tokens } from '../../../lib/gateway/tokens.js';

interface Sent {
  peer?: string | undefined;
  host?: string | undefined;
  authorization?: string | undefined;
  method?: string;
}

function checkOf(tokens: Tokens, { hostIsKnown = false } = {}) {
  const clock = { ms: 0 };
  const logs: string[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(line) });
  const throttle = new TokenThrottle(() => clock.ms);
  const { refusal } = adminCheck({ tokens, hostIsKnown, throttle, logger });
  const codeOf = ({ peer, host = 'localhost:8087', authorization, method = 'GET' }: Sent) => {
    const request = { method, headers: { host, authorization }, socket: { remoteAddress: peer } };
    // Of a request it reads nothing else.
    return refusal(request as unknown as AdminRequest)?.status;
  };
  return { codeOf, clock, logs };
}

describe('adminCheck()', () => {
  it('lets in clients on this machine where there is no token', () => {
    const { codeOf } = checkOf({});
    for (const peer of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      expect(codeOf({ peer }), peer).to.equal(undefined);
    for (const peer of ['10.0.0.1', '::ffff:10.0.0.1', undefined])
      expect(codeOf({ peer, authorization: 'Bearer ' }), peer).to.equal(403);
  });

  it('lets them in by a name that no web page can have, unless names are configured', () => {
    const { codeOf } = checkOf({});
    for (const host of ['localhost', '127.0.0.1:8087', '[::1]:1', 'a.localhost.'])
      expect(codeOf({ peer: '127.0.0.1', host }), host).to.equal(undefined);
    for (const host of ['evil.example', 'evil.example:8087', '10.0.0.1', ''])
      expect(codeOf({ peer: '127.0.0.1', host }), host).to.equal(403);
    expect(checkOf({}, { hostIsKnown: true }).codeOf({ peer: '::1', host: 'gateway' })).to.equal(undefined);
    const closed = checkOf({ admin: 's3cret' });
    expect(closed.codeOf({ peer: '::1', host: 'evil.example', authorization: 'Bearer s3cret' })).to.equal(
      undefined,
    );
  });

  it('requires the token of everybody where there is one', () => {
    const { codeOf } = checkOf({ admin: 's3cret' });
    expect(codeOf({ peer: '10.0.0.1', authorization: 'Bearer s3cret' })).to.equal(undefined);
    for (const authorization of [undefined, 'Bearer s3cre', 's3cret'])
      expect(codeOf({ peer: '127.0.0.1', authorization }), authorization).to.equal(401);
  });

  it('lets a viewer look and do nothing', () => {
    const { codeOf } = checkOf({ admin: 'a', viewer: 'v' });
    const of = (authorization: string) =>
      ['GET', 'HEAD', 'POST', 'DELETE'].map((method) => codeOf({ peer: '10.0.0.1', authorization, method }));
    expect(of('Bearer v')).to.deep.equal([undefined, undefined, 403, 403]);
    expect(of('Bearer a')).to.deep.equal([undefined, undefined, undefined, undefined]);
    const alone = checkOf({ viewer: 'v' });
    expect(alone.codeOf({ peer: '127.0.0.1' })).to.equal(401);
  });

  it('makes an address wait that guesses, and looks at none of its tokens then', () => {
    const { codeOf, clock, logs } = checkOf({ admin: 's3cret' });
    const guess = (token: number | string, peer = '10.0.0.1') =>
      codeOf({ peer, authorization: `Bearer ${token}` });
    expect(Array.from({ length: 10 }, (_, i) => guess(i))).to.deep.equal(Array(10).fill(401));
    expect([guess('eleventh'), guess('s3cret')]).to.deep.equal([429, 429]);
    expect(guess('s3cret', '10.0.0.2'), 'another address').to.equal(undefined);
    expect(logs).to.have.length(2);
    expect(logs[0]).to.match(/a wrong token came/);
    expect(logs[1]).to.match(/wrong tokens.*must wait/);
    expect(logs.join('')).not.to.match(/s3cret|eleventh/);
    clock.ms += 6000;
    expect([guess('twelfth'), guess('s3cret')]).to.deep.equal([401, 429]);
    clock.ms += 60_000;
    expect(guess('s3cret')).to.equal(undefined);
  });

  it('does not count a token that is sent again and again, nor a request without one', () => {
    const { codeOf } = checkOf({ admin: 's3cret' });
    for (let i = 0; i < 50; i++) {
      codeOf({ peer: '10.0.0.1', authorization: 'Bearer old' });
      codeOf({ peer: '10.0.0.1' });
    }
    expect(codeOf({ peer: '10.0.0.1', authorization: 'Bearer s3cret' })).to.equal(undefined);
  });
});

describe('TokenThrottle', () => {
  it('counts a network of IPv6 as one client, and addresses of IPv4 each', () => {
    const throttle = new TokenThrottle(() => 0);
    for (let i = 0; i < 10; i++) throttle.failed(`2001:db8:0:1::${i}`, `t${i}`);
    expect(throttle.waitMs('2001:db8::1:ffff:0:0:9')).to.equal(6000);
    expect(throttle.waitMs('2001:db8:0:2::1')).to.equal(0);
    for (let i = 0; i < 10; i++) throttle.failed('::ffff:10.0.0.1', `t${i}`);
    expect(throttle.waitMs('10.0.0.1')).to.equal(6000);
    expect(throttle.waitMs('10.0.0.2')).to.equal(0);
  });

  it('remembers a bounded number of addresses', () => {
    const throttle = new TokenThrottle(() => 0);
    for (let i = 0; i < 10; i++) throttle.failed('10.9.9.9', `t${i}`);
    for (let i = 0; i < 1999; i++) throttle.failed(`10.0.${i >> 8}.${i & 255}`, 't');
    expect(throttle.waitMs('10.9.9.9')).to.equal(6000);
    throttle.failed('10.1.0.0', 't');
    expect(throttle.waitMs('10.9.9.9')).to.equal(0);
  });
});
