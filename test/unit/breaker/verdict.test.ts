import { expect } from 'chai';
import { judgeOutcome, judgeResponse } from '../../../lib/breaker/verdict.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { ABANDONED, failure, response, toyExchange } from './toy-call.js';

describe('judgeOutcome()', () => {
  it('takes a status of 500 and above for a failure, and below for an answer', () => {
    expect(judgeOutcome(response(500), false)).to.deep.equal({ failure: 'status 500' });
    expect(judgeOutcome(response(599), false)).to.deep.equal({ failure: 'status 599' });
    for (const status of [200, 304, 400, 404, 499]) {
      expect(judgeOutcome(response(status), false), String(status)).to.equal('success');
    }
  });

  it('takes 429 for a failure only when asked', () => {
    expect(judgeOutcome(response(429), false)).to.equal('success');
    expect(judgeOutcome(response(429), true)).to.deep.equal({ failure: 'status 429' });
  });

  const failures = [
    'ERR_UPSTREAM_CONNECT',
    'ERR_UPSTREAM_TLS',
    'ERR_UPSTREAM_RESET',
    'ERR_UPSTREAM_PROTOCOL',
    'ERR_UPSTREAM_TIMEOUT',
  ] as const;
  for (const code of failures) {
    it(`takes ${code} for a failure`, () => {
      expect(judgeOutcome(failure(code), false)).to.deep.equal({ failure: `${code} happened` });
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
    it(`takes ${code} for nothing that the target did`, () => {
      expect(judgeOutcome(failure(code), false)).to.equal('neither');
    });
  }

  it('counts neither a client that has left nor a kept connection that was closed meanwhile', () => {
    expect(judgeOutcome(ABANDONED, false)).to.equal('neither');
    expect(judgeOutcome(failure('ERR_UPSTREAM_RESET', true), false)).to.equal('neither');
  });
});

describe('judgeResponse()', () => {
  it('goes by the error where one was answered', () => {
    const exchange = toyExchange();
    exchange.error = new ProxyError('ERR_RATE_LIMITED', 'too many');
    expect(judgeResponse(exchange, false)).to.equal('neither');
    exchange.error = new ProxyError('ERR_UPSTREAM_TIMEOUT', 'late');
    expect(judgeResponse(exchange, false)).to.deep.equal({ failure: 'late' });
  });

  it('counts no copy from a cache', () => {
    for (const cache of ['hit', 'stale', 'coalesced'] as const) {
      const exchange = toyExchange();
      exchange.cache = cache;
      exchange.res.end('copy');
      expect(judgeResponse(exchange, false), cache).to.equal('neither');
    }
  });
});
