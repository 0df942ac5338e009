import { expect } from 'chai';
import fc from 'fast-check';
import { type Item, parseList } from 'structured-headers';
import { ProxyError } from '../../../lib/core/errors.js';
import { ownErrorType, proxyStatusValue } from '../../../lib/explain/proxy-status.js';
import { answered, callOf, failed } from './call.js';

const memberOf = (call: Parameters<typeof callOf>[0], sent = 200, type?: string) =>
  proxyStatusValue(callOf(call), sent, type);

describe('proxyStatusValue()', () => {
  it('is a name for an answer that was passed on', () => {
    expect(memberOf({ attempts: [answered(1, 200)] })).to.equal('resilient-proxy-out');
    expect(memberOf({ cache: 'hit' })).to.equal('resilient-proxy-out');
  });

  it('tells the received status where another is sent, or a stored answer', () => {
    const changed = 'resilient-proxy-out; received-status=503';
    expect(memberOf({ attempts: [answered(1, 503)] }, 200)).to.equal(changed);
    expect(memberOf({ attempts: [answered(1, 503)], cache: 'stale' }, 503)).to.equal(changed);
    expect(memberOf({ attempts: [answered(1, 304)], cache: 'revalidated' }, 304)).to.equal(
      'resilient-proxy-out; received-status=304',
    );
  });

  it('tells an error by its type and in words', () => {
    const error = new ProxyError('ERR_UPSTREAM_CONNECT', 'It said "no"', { proxyStatus: 'dns_error' });
    expect(memberOf({ error }, 502)).to.equal(
      'resilient-proxy-out; error=dns_error; details="It said \\"no\\""',
    );
    expect(memberOf({}, 429, 'http_request_denied')).to.equal(
      'resilient-proxy-out; error=http_request_denied',
    );
  });

  it('gives no error type to a stored answer that stands in', () => {
    expect(memberOf({ cache: 'stale', attempts: [failed(1)] })).to.equal(
      'resilient-proxy-out; details="A stored answer stands in: connection_terminated"',
    );
  });

  it('can be read and is of bounded length, whatever an error says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (message) => {
        const value = memberOf({ error: new ProxyError('ERR_INTERNAL', message) }, 500);
        expect(value.length).to.be.below(500);
        const [[name, parameters] = []] = parseList(value) as Item[];
        expect(String(name)).to.equal('resilient-proxy-out');
        expect(parameters?.get('details')).to.be.a('string');
      }),
    );
  });
});

describe('ownErrorType()', () => {
  it('knows a line of our own from others', () => {
    expect(ownErrorType('resilient-proxy-out; error=dns_error')).to.equal('dns_error');
    for (const line of ['resilient-proxy-out', 'other; error=dns_error', 'resilient-proxy-out; error=a, b']) {
      expect(ownErrorType(line)).to.equal(undefined);
    }
  });
});
