import { expect } from 'chai';
import { judgeOutcome, judgeResponse } from '../../../lib/breaker/verdict.js';
import { ProxyError } from '../../../lib/core/errors.js';
import type { Exchange } from '../../../lib/core/exchange.js';
import { ABANDONED, failure, response, toyExchange } from './toy-call.js';

const failures = [
  'ERR_UPSTREAM_CONNECT',
  'ERR_UPSTREAM_TLS',
  'ERR_UPSTREAM_RESET',
  'ERR_UPSTREAM_PROTOCOL',
  'ERR_UPSTREAM_TIMEOUT',
] as const;

describe('judgeOutcome()', () => {
  it('counts a status of 500 and above as a failure, and one below as a success', () => {
    expect(judgeOutcome(response(500), false)).to.deep.equal({ failure: 'status 500' });
    expect(judgeOutcome(response(599), false)).to.deep.equal({ failure: 'status 599' });
    for (const status of [200, 304, 400, 404, 499]) {
      expect(judgeOutcome(response(status), false), String(status)).to.equal('success');
    }
  });

  it('counts 429 as a failure only with countRateLimited', () => {
    expect(judgeOutcome(response(429), false)).to.equal('success');
    expect(judgeOutcome(response(429), true)).to.deep.equal({ failure: 'status 429' });
    expect(judgeOutcome(response(428), true)).to.equal('success');
  });

  for (const code of failures) {
    it(`counts ${code} as a failure`, () => {
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
    it(`does not blame the target for ${code}`, () => {
      expect(judgeOutcome(failure(code), false)).to.equal('neither');
    });
  }

  it('ignores a client that has left, and a kept connection that was closed in the meantime', () => {
    expect(judgeOutcome(ABANDONED, false)).to.equal('neither');
    expect(judgeOutcome(failure('ERR_UPSTREAM_RESET', true), false)).to.equal('neither');
  });
});

describe('judgeResponse()', () => {
  it('goes by the error if the response is one', () => {
    const exchange = toyExchange();
    exchange.error = new ProxyError('ERR_RATE_LIMITED', 'too many');
    expect(judgeResponse(exchange, false)).to.equal('neither');
    exchange.error = new ProxyError('ERR_UPSTREAM_TIMEOUT', 'late');
    expect(judgeResponse(exchange, false)).to.deep.equal({ failure: 'late' });
  });

  for (const code of failures) {
    it(`counts ${code} as a failure`, () => {
      const exchange = toyExchange();
      exchange.error = new ProxyError(code, 'no luck');
      expect(judgeResponse(exchange, false)).to.deep.equal({ failure: 'no luck' });
    });
  }

  const finished = (status: number): Exchange => {
    const exchange = toyExchange();
    exchange.res.statusCode = status;
    Object.defineProperty(exchange.res, 'writableFinished', { value: true });
    return exchange;
  };

  it('goes by the status of one that was sent in full', () => {
    expect(judgeResponse(finished(503), false)).to.deep.equal({ failure: 'status 503' });
    expect(judgeResponse(finished(200), false)).to.equal('success');
    expect(judgeResponse(finished(429), true)).to.deep.equal({ failure: 'status 429' });
  });

  it('says nothing of one that was not', () => {
    const exchange = toyExchange();
    exchange.res.statusCode = 503;
    expect(judgeResponse(exchange, false)).to.equal('neither');
  });

  it('ignores responses from a cache, and those alone', () => {
    for (const cache of ['hit', 'stale', 'coalesced', 'miss', 'revalidated', 'bypass'] as const) {
      const exchange = finished(503);
      exchange.cache = cache;
      const stored = ['hit', 'stale', 'coalesced'].includes(cache);
      expect(judgeResponse(exchange, false), cache).to.deep.equal(
        stored ? 'neither' : { failure: 'status 503' },
      );
    }
  });
});
