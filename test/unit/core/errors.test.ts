import { expect } from 'chai';
import {
  describe as described,
  type ErrorCode,
  InvalidOptionError,
  invalidOption,
  ProxyError,
} from '../../../lib/core/errors.js';

const CODES: [code: ErrorCode, status: number, type: string][] = [
  ['ERR_UNKNOWN_API', 404, 'destination_not_found'],
  ['ERR_BODY_REQUIRED', 400, 'http_request_error'],
  ['ERR_INVALID_JSON', 400, 'http_request_error'],
  ['ERR_BAD_REQUEST', 400, 'http_request_error'],
  ['ERR_FORBIDDEN', 403, 'http_request_denied'],
  ['ERR_METHOD_NOT_ALLOWED', 405, 'http_request_denied'],
  ['ERR_BODY_TOO_LARGE', 413, 'http_request_error'],
  ['ERR_RATE_LIMITED', 429, 'http_request_denied'],
  ['ERR_BODY_CONSUMED', 500, 'proxy_configuration_error'],
  ['ERR_INTERNAL', 500, 'proxy_internal_error'],
  ['ERR_CIRCUIT_OPEN', 503, 'destination_unavailable'],
  ['ERR_CONCURRENCY_LIMIT', 503, 'connection_limit_reached'],
  ['ERR_NO_PROXY', 503, 'destination_ip_unroutable'],
  ['ERR_QUEUE_FULL', 503, 'connection_limit_reached'],
  ['ERR_SHUTTING_DOWN', 503, 'destination_unavailable'],
  ['ERR_UPSTREAM_CONNECT', 502, 'destination_ip_unroutable'],
  ['ERR_UPSTREAM_TLS', 502, 'tls_protocol_error'],
  ['ERR_UPSTREAM_RESET', 502, 'connection_terminated'],
  ['ERR_UPSTREAM_PROTOCOL', 502, 'http_protocol_error'],
  ['ERR_PROXY_CONNECT', 502, 'destination_unavailable'],
  ['ERR_LOOP_DETECTED', 508, 'proxy_loop_detected'],
  ['ERR_UPSTREAM_TIMEOUT', 504, 'http_response_timeout'],
];

describe('ProxyError', () => {
  for (const [code, status, type] of CODES) {
    it(`is ${status} for ${code}`, () => {
      const error = new ProxyError(code, 'What happened');
      expect(error).to.be.instanceOf(Error).and.include({ name: 'ProxyError', code, status, expose: true });
      expect(error).to.include({ message: 'What happened', proxyStatus: type });
      expect(error.headers).to.deep.equal({ 'Proxy-Status': `resilient-proxy-out; error=${type}` });
      expect(error).not.to.have.property('cause');
    });
  }

  it('is known to another copy of the package', async () => {
    const { href } = new URL('../../../lib/core/errors.ts?copy', import.meta.url);
    const copy: { ProxyError: typeof ProxyError } = await import(href);
    expect(copy.ProxyError).to.not.equal(ProxyError);
    class Narrower extends ProxyError {}
    const error = new copy.ProxyError('ERR_RATE_LIMITED', 'x');
    expect(error instanceof ProxyError).to.equal(true);
    expect(error instanceof Narrower).to.equal(false);
    expect(new Narrower('ERR_RATE_LIMITED', 'x') instanceof copy.ProxyError).to.equal(true);
    for (const other of [new Error('x'), { name: 'ProxyError' }, null, 'x', undefined])
      expect((other as unknown) instanceof ProxyError).to.equal(false);
  });

  it('says when to come back, in whole seconds, one at least', () => {
    expect(new ProxyError('ERR_RATE_LIMITED', 'x', { retryAfterMs: 1500 }).retryAfterMs).to.equal(1500);
    expect(new ProxyError('ERR_RATE_LIMITED', 'x')).to.include({ retryAfterMs: undefined });
    const after = (retryAfterMs: number) =>
      new ProxyError('ERR_RATE_LIMITED', 'x', { retryAfterMs }).headers['Retry-After'];
    expect([0, 1, 1000, 1001, 60_000].map(after)).to.deep.equal(['1', '1', '1', '2', '60']);
  });

  it('has the cause, the headers and the type that it was given', () => {
    const cause = new Error('below');
    const error = new ProxyError('ERR_UPSTREAM_CONNECT', 'x', {
      cause,
      headers: { RateLimit: 'r', 'Proxy-Status': 'other' },
      proxyStatus: 'dns_error',
    });
    expect(error.cause).to.equal(cause);
    expect(error.proxyStatus).to.equal('dns_error');
    expect(error.headers).to.deep.equal({
      RateLimit: 'r',
      'Proxy-Status': 'resilient-proxy-out; error=dns_error',
    });
  });
});

describe('invalidOption()', () => {
  it('says where, what must be, and what was', () => {
    const error = invalidOption('breaker.failureRatio', 'must be above 0', -1);
    expect(error).to.be.instanceOf(InvalidOptionError).and.instanceOf(TypeError);
    expect(error).to.include({
      name: 'InvalidOptionError',
      code: 'ERR_INVALID_OPTION',
      path: 'breaker.failureRatio',
      message: 'breaker.failureRatio must be above 0; received -1',
    });
  });
});

describe('describe()', () => {
  const long = 'x'.repeat(81);
  const VALUES: [value: unknown, shown: string][] = [
    ['text', '"text"'],
    ['two\nlines', '"two\\nlines"'],
    ['x'.repeat(80), `"${'x'.repeat(80)}"`],
    [long, `"${'x'.repeat(77)}..."`],
    ['http://user:pass@host/a', '"http://***@host/a"'],
    ['http://user:pa/ss?w@host/a', '"http://***@host/a"'],
    ['htp:/user:pass@host', '"***@host"'],
    ['user:pass@host', '"***@host"'],
    ['http://[::1/?api_key=k1&q=2', '"http://[::1/?***"'],
    ['htps://api.telegram.org/bot123456:AAF-x_y', '"htps://api.telegram.org/bot123456:***"'],
    ['http//a/hooks/T00/B00/xY1zA2bC3dE4', '"http//a/hooks/T00/B00/***"'],
    ['//u@h //:p@h', '"//***@h //***@h"'],
    ['//@h', '"//***@h"'],
    ['a// b@c', '"a// b@c"'],
    [() => {}, 'a function'],
    [[1, 2, 3], 'an array of 3'],
    [{}, 'an object'],
    [null, 'null'],
    [undefined, 'undefined'],
    [5, '5'],
    [true, 'true'],
    [Symbol('s'), 'Symbol(s)'],
  ];
  for (const [value, shown] of VALUES) {
    it(`shows ${shown.slice(0, 40)}`, () => {
      expect(described(value)).to.equal(shown);
    });
  }

  it('reads a text that is all colons or slashes a few times, not once for each pair of them', () => {
    // Three hundred of either would take minutes otherwise.
    for (const part of [':', '://']) {
      const text = part.repeat(1000);
      for (let i = 0; i < 300; i++) described(text);
      expect(described(`${text}u:p@h`)).to.have.length.below(90);
    }
  });
});
