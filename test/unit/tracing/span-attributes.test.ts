import { expect } from 'chai';
import type { Attempt } from '../../../lib/core/attempt.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { attemptAttributes, outcomeAttributes, spanMethod } from '../../../lib/tracing/span-attributes.js';

const ATTEMPT: Attempt = {
  number: 1,
  startedAt: 0,
  durationMs: 0,
  waitedMs: 0,
  egress: undefined,
  outcome: undefined,
  end: undefined,
};
const sent = (origin: string, method = 'GET') => ({ method, path: '/x', target: { origin } });

describe('attemptAttributes()', () => {
  it('names the egress proxy and how often the call was sent before', () => {
    const attributes = attemptAttributes(
      { ...ATTEMPT, number: 3, egress: 'proxy-1' },
      sent('http://a.example'),
    );
    expect(attributes).to.include({ 'resilient_proxy.egress': 'proxy-1', 'http.request.resend_count': 2 });
  });

  const origins: [string, string, number][] = [
    ['https://api.example', 'api.example', 443],
    ['http://api.example', 'api.example', 80],
    ['http://api.example:8080', 'api.example', 8080],
    ['http://[::1]:8080', '::1', 8080],
  ];
  for (const [origin, address, port] of origins) {
    it(`takes address and port from ${origin}`, () => {
      expect(attemptAttributes(ATTEMPT, sent(origin))).to.include({
        'server.address': address,
        'server.port': port,
        'url.full': `${origin}/x`,
      });
    });
  }

  it('does not show an invented method', () => {
    expect(attemptAttributes(ATTEMPT, sent('http://a', 'XYZ'))).to.include({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'XYZ',
    });
    expect([spanMethod('XYZ'), spanMethod('PATCH')]).to.deep.equal(['HTTP', 'PATCH']);
  });
});

describe('outcomeAttributes()', () => {
  const response = (status: number) =>
    outcomeAttributes({ kind: 'response', head: { status, statusText: '', rawHeaders: [] } });

  it('treats a response from 400 on as an error, as a client does', () => {
    expect(response(399)['error.type']).to.equal(undefined);
    expect(response(404)['error.type']).to.equal('404');
  });

  it('shows the code of a failure, and none for a client that left', () => {
    const error = new ProxyError('ERR_UPSTREAM_TIMEOUT', 'late');
    const failure = {
      kind: 'failure' as const,
      error,
      by: 'target' as const,
      retryClass: undefined,
      unsent: false,
      staleConnection: false,
    };
    expect(outcomeAttributes(failure)).to.deep.equal({
      'error.type': 'ERR_UPSTREAM_TIMEOUT',
      'resilient_proxy.outcome': 'failure',
    });
    expect(outcomeAttributes({ kind: 'abandoned' })).to.deep.equal({
      'resilient_proxy.outcome': 'abandoned',
    });
  });
});
