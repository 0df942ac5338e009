import { expect } from 'chai';
import { resolveBreaker } from '../../../lib/breaker/breaker-options.js';
import { judgeOutcome, judgeResponse } from '../../../lib/breaker/verdict.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { ABANDONED, failure, response, toyExchange } from './toy-call.js';

const PLAIN = resolveBreaker({}).config;
const COUNTING = resolveBreaker({ countRateLimited: true }).config;

describe('judgeOutcome()', () => {
  it('counts a status of 500 and above as a failure, and one below as a success', () => {
    expect(judgeOutcome(response(500), PLAIN)).to.deep.equal({ failure: 'status 500', cause: 'status 500' });
    expect(judgeOutcome(response(599), PLAIN)).to.deep.equal({ failure: 'status 599', cause: 'status 599' });
    for (const status of [200, 304, 400, 404, 499]) {
      expect(judgeOutcome(response(status), PLAIN), String(status)).to.equal('success');
    }
  });

  it('counts no 501, 505 or 511: they do not say that the target is unwell', () => {
    for (const status of [501, 505, 511]) {
      expect(judgeOutcome(response(status), PLAIN), String(status)).to.equal('success');
    }
    for (const status of [500, 502, 504, 506, 510, 512]) {
      expect(judgeOutcome(response(status), PLAIN), String(status)).to.not.equal('success');
    }
  });

  it('counts the statuses of failureStatuses, and no others', () => {
    const { config } = resolveBreaker({ failureStatuses: [408, '501-503'] });
    for (const status of [408, 501, 502, 503]) {
      expect(judgeOutcome(response(status), config), String(status)).to.deep.equal({
        failure: `status ${status}`,
        cause: `status ${status}`,
      });
    }
    for (const status of [200, 404, 409, 500, 504]) {
      expect(judgeOutcome(response(status), config), String(status)).to.equal('success');
    }
  });

  it('counts 429 as a failure only with countRateLimited', () => {
    expect(judgeOutcome(response(429), PLAIN)).to.equal('success');
    expect(judgeOutcome(response(429), COUNTING)).to.deep.equal({
      failure: 'status 429',
      cause: 'status 429',
    });
  });

  const failures = [
    'ERR_UPSTREAM_CONNECT',
    'ERR_UPSTREAM_TLS',
    'ERR_UPSTREAM_RESET',
    'ERR_UPSTREAM_PROTOCOL',
    'ERR_UPSTREAM_TIMEOUT',
  ] as const;
  for (const code of failures) {
    it(`counts ${code} as a failure`, () => {
      expect(judgeOutcome(failure(code), PLAIN)).to.include({ failure: `${code} happened` });
    });
  }

  const neither = [
    'ERR_PROXY_CONNECT',
    'ERR_NO_PROXY',
    'ERR_RATE_LIMITED',
    'ERR_BAD_REQUEST',
    'ERR_SHUTTING_DOWN',
    'ERR_CIRCUIT_OPEN',
    'ERR_QUEUE_FULL',
    'ERR_BODY_REQUIRED',
    'ERR_BODY_TOO_LARGE',
    'ERR_BODY_CONSUMED',
    'ERR_INTERNAL',
  ] as const;
  for (const code of neither) {
    it(`does not blame the target for ${code}`, () => {
      expect(judgeOutcome(failure(code), PLAIN)).to.equal('neither');
    });
  }

  it('ignores a client that has left, and a kept connection that was closed in the meantime', () => {
    expect(judgeOutcome(ABANDONED, PLAIN)).to.equal('neither');
    expect(judgeOutcome(failure('ERR_UPSTREAM_RESET', true), PLAIN)).to.equal('neither');
  });
});

describe('judgeResponse()', () => {
  it('goes by the error if the response is one', () => {
    const exchange = toyExchange();
    exchange.error = new ProxyError('ERR_RATE_LIMITED', 'too many');
    expect(judgeResponse(exchange, PLAIN)).to.equal('neither');
    exchange.error = new ProxyError('ERR_UPSTREAM_TIMEOUT', 'late');
    expect(judgeResponse(exchange, PLAIN)).to.deep.equal({ failure: 'late', cause: 'timeout' });
  });

  it('ignores responses from a cache', () => {
    for (const cache of ['hit', 'stale', 'coalesced'] as const) {
      const exchange = toyExchange();
      exchange.cache = cache;
      exchange.res.end('copy');
      expect(judgeResponse(exchange, PLAIN), cache).to.equal('neither');
    }
  });
});
