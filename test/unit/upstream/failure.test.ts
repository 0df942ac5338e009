import { expect } from 'chai';
import { errors } from 'undici';
import type { Blame } from '../../../lib/core/attempt.js';
import { type ErrorCode, ProxyError } from '../../../lib/core/errors.js';
import { failureOf, readFailure, timeoutFailure } from '../../../lib/upstream/failure.js';

const coded = (code: string) => Object.assign(new Error('10.0.0.1 secret'), { code });

const BLAMED: Partial<Record<ErrorCode, Blame>> = {
  ERR_UPSTREAM_CONNECT: 'target',
  ERR_UPSTREAM_TIMEOUT: 'target',
  ERR_UPSTREAM_RESET: 'target',
  ERR_UPSTREAM_PROTOCOL: 'target',
  ERR_UPSTREAM_TLS: 'target',
  ERR_BAD_REQUEST: 'client',
  ERR_SHUTTING_DOWN: 'self',
  ERR_INTERNAL: 'self',
};

describe('readFailure()', () => {
  for (const [code, name, retryClass, unsent, proxyStatus] of [
    ['ECONNREFUSED', 'ERR_UPSTREAM_CONNECT', 'connection refused', true, 'connection_refused'],
    ['ENOTFOUND', 'ERR_UPSTREAM_CONNECT', 'host not found', true, 'dns_error'],
    ['EAI_AGAIN', 'ERR_UPSTREAM_CONNECT', 'host not found', true, 'dns_error'],
    ['EHOSTUNREACH', 'ERR_UPSTREAM_CONNECT', 'socket', true, 'destination_ip_unroutable'],
    ['ENETUNREACH', 'ERR_UPSTREAM_CONNECT', 'socket', true, 'destination_ip_unroutable'],
    ['UND_ERR_CONNECT_TIMEOUT', 'ERR_UPSTREAM_TIMEOUT', 'timeout', true, 'connection_timeout'],
    ['ETIMEDOUT', 'ERR_UPSTREAM_TIMEOUT', 'timeout', true, 'connection_timeout'],
    ['ECONNRESET', 'ERR_UPSTREAM_RESET', 'connection reset', false, 'connection_terminated'],
    ['EPIPE', 'ERR_UPSTREAM_RESET', 'connection reset', false, 'connection_terminated'],
    ['UND_ERR_SOCKET', 'ERR_UPSTREAM_RESET', 'connection reset', false, 'connection_terminated'],
    ['UND_ERR_BODY_TIMEOUT', 'ERR_UPSTREAM_TIMEOUT', undefined, false, 'connection_read_timeout'],
    ['UND_ERR_HEADERS_OVERFLOW', 'ERR_UPSTREAM_PROTOCOL', undefined, false, 'http_protocol_error'],
    ['HPE_INVALID_CONSTANT', 'ERR_UPSTREAM_PROTOCOL', undefined, false, 'http_protocol_error'],
    ['UND_ERR_INVALID_ARG', 'ERR_BAD_REQUEST', undefined, false, 'http_request_error'],
    ['ERR_UNESCAPED_CHARACTERS', 'ERR_BAD_REQUEST', undefined, false, 'http_request_error'],
    ['UND_ERR_DESTROYED', 'ERR_SHUTTING_DOWN', undefined, false, 'destination_unavailable'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_UPSTREAM_TLS', undefined, false, 'tls_certificate_error'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'ERR_UPSTREAM_TLS', undefined, false, 'tls_certificate_error'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_UPSTREAM_TLS', undefined, false, 'tls_certificate_error'],
    ['CERT_HAS_EXPIRED', 'ERR_UPSTREAM_TLS', undefined, false, 'tls_certificate_error'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_UPSTREAM_TLS', undefined, false, 'tls_certificate_error'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_UPSTREAM_TLS', undefined, false, 'tls_protocol_error'],
    ['EPROTO', 'ERR_UPSTREAM_TLS', undefined, false, 'tls_protocol_error'],
    ['ESOMETHING', 'ERR_INTERNAL', undefined, false, 'proxy_internal_error'],
    ['constructor', 'ERR_INTERNAL', undefined, false, 'proxy_internal_error'],
  ] as const) {
    it(`reads ${code} as ${name}`, () => {
      const cause = coded(code);
      const { error, by, ...outcome } = readFailure(cause);
      expect(outcome).to.deep.equal({ kind: 'failure', retryClass, unsent, staleConnection: false });
      expect(by).to.equal(BLAMED[name]);
      expect(error).to.include({ code: name, cause });
      expect(error.headers['Proxy-Status']).to.equal(`resilient-proxy-out; error=${proxyStatus}`);
    });
  }

  for (const code of ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS']) {
    it(`blames this process for ${code}`, () => {
      expect(readFailure(coded(code))).to.include({ by: 'self', unsent: true });
    });
  }

  it('blames an egress proxy for an error that names it', () => {
    expect(readFailure(new ProxyError('ERR_PROXY_CONNECT', 'status 407')).by).to.equal('egress');
  });

  it('reads an error of undici’s parser as an unreadable response, with a code or without', () => {
    for (const error of [
      new errors.HTTPParserError('x'),
      Object.assign(new errors.HTTPParserError('x'), { code: 'ANY' }),
    ]) {
      expect(readFailure(error).error.code).to.equal('ERR_UPSTREAM_PROTOCOL');
    }
  });

  it('reads the failure of all addresses of a name as a failed connection', () => {
    const tried = new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]);
    expect(readFailure(Object.assign(tried, { code: 'ECONNREFUSED' })).retryClass).to.equal(
      'connection refused',
    );
  });

  it('shows the client nothing of the underlying error', () => {
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'HPE_INVALID_CONSTANT', 'CERT_HAS_EXPIRED', 'ENONE']) {
      expect(readFailure(coded(code)).error.message).to.not.match(/secret|10\.0/);
    }
  });

  it('takes anything that is thrown', () => {
    for (const thrown of [undefined, null, 'text', 5, {}, Object.assign(new Error('x'), { code: 5 })]) {
      expect(readFailure(thrown).error.code).to.equal('ERR_INTERNAL');
    }
  });

  it('keeps an error that a stage has already described', () => {
    const error = new ProxyError('ERR_NO_PROXY', 'No proxy left');
    expect(readFailure(error)).to.deep.equal(failureOf(error));
    expect(readFailure(error).by).to.equal('egress');
    expect(readFailure(error).error).to.equal(error);
  });
});

describe('timeoutFailure()', () => {
  it('shows the limit in whole milliseconds', () => {
    const { error, retryClass, unsent } = timeoutFailure(150.4);
    expect(error).to.include({ code: 'ERR_UPSTREAM_TIMEOUT', status: 504 });
    expect(error.message).to.equal('The upstream did not respond within 150 ms');
    expect({ retryClass, unsent }).to.deep.equal({ retryClass: 'timeout', unsent: false });
  });
});
