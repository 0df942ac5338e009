import { expect } from 'chai';
import { resolveBreaker } from '../../../lib/breaker/breaker-options.js';
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
    expect(judgeOutcome(response(428), COUNTING)).to.equal('success');
  });

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
    'ERR_CONCURRENCY_LIMIT',
    'ERR_NO_CONNECTION',
    'ERR_REQUEST_TIMEOUT',
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

  for (const code of failures) {
    it(`counts ${code} as a failure`, () => {
      const exchange = toyExchange();
      exchange.error = new ProxyError(code, 'no luck');
      expect(judgeResponse(exchange, PLAIN)).to.include({ failure: 'no luck' });
    });
  }

  const finished = (status: number): Exchange => {
    const exchange = toyExchange();
    exchange.res.statusCode = status;
    Object.defineProperties(exchange.res, {
      writableEnded: { value: true },
      writableFinished: { value: true },
    });
    return exchange;
  };

  it('goes by the status of one that was sent in full', () => {
    expect(judgeResponse(finished(503), PLAIN)).to.include({ failure: 'status 503' });
    expect(judgeResponse(finished(200), PLAIN)).to.equal('success');
    expect(judgeResponse(finished(429), COUNTING)).to.include({ failure: 'status 429' });
  });

  it('says nothing of one that was not', () => {
    const exchange = toyExchange();
    exchange.res.statusCode = 503;
    expect(judgeResponse(exchange, PLAIN)).to.equal('neither');
  });

  it('ignores responses from a cache, and those alone', () => {
    for (const cache of ['hit', 'stale', 'coalesced', 'miss', 'revalidated', 'bypass'] as const) {
      const exchange = finished(503);
      exchange.cache = cache;
      const failed = { failure: 'status 503', cause: 'status 503' };
      const stored = ['hit', 'stale', 'coalesced'].includes(cache);
      expect(judgeResponse(exchange, PLAIN), cache).to.deep.equal(stored ? 'neither' : failed);
    }
  });
});
