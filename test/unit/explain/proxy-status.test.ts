import { expect } from 'chai';
import fc from 'fast-check';
import { type Item, parseList } from 'structured-headers';
import { ProxyError } from '../../../lib/core/errors.js';
import { ownErrorType, proxyStatusValue } from '../../../lib/explain/proxy-status.js';
import { callOf, failed, responded } from './call.js';

const memberOf = (call: Parameters<typeof callOf>[0], sent = 200, type?: string) =>
  proxyStatusValue(callOf(call), sent, type);

describe('proxyStatusValue()', () => {
  it('is only a name for a response that was passed on', () => {
    expect(memberOf({ attempts: [responded(1, 200)] })).to.equal('resilient-proxy-out');
    expect(memberOf({ cache: 'hit' })).to.equal('resilient-proxy-out');
  });

  it('has the received status if another one or a stored response is sent', () => {
    const changed = 'resilient-proxy-out; received-status=503';
    expect(memberOf({ attempts: [responded(1, 503)] }, 200)).to.equal(changed);
    expect(memberOf({ attempts: [responded(1, 503)], cache: 'stale' }, 503)).to.equal(changed);
    expect(memberOf({ attempts: [responded(1, 304)], cache: 'revalidated' }, 304)).to.equal(
      'resilient-proxy-out; received-status=304',
    );
  });

  it('has the type and the message of an error', () => {
    const error = new ProxyError('ERR_UPSTREAM_CONNECT', 'It said "no"', { proxyStatus: 'dns_error' });
    expect(memberOf({ error }, 502)).to.equal(
      'resilient-proxy-out; error=dns_error; details="It said \\"no\\""',
    );
    expect(memberOf({}, 429, 'http_request_denied')).to.equal(
      'resilient-proxy-out; error=http_request_denied',
    );
  });

  it('has no error type for a stored response after a failure', () => {
    expect(memberOf({ cache: 'stale', attempts: [failed(1)] })).to.equal(
      'resilient-proxy-out; details="Served a stored response after connection_terminated"',
    );
  });

  it('is valid and bounded, whatever an error message contains', () => {
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
  it('recognizes our own lines', () => {
    expect(ownErrorType('resilient-proxy-out; error=dns_error')).to.equal('dns_error');
    for (const line of ['resilient-proxy-out', 'other; error=dns_error', 'resilient-proxy-out; error=a, b']) {
      expect(ownErrorType(line)).to.equal(undefined);
    }
  });
});
