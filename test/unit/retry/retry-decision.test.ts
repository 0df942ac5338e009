import { expect } from 'chai';
import type { AttemptOutcome, RetryClass } from '../../../lib/core/attempt.js';
import { ProxyError } from '../../../lib/core/errors.js';
import type { RetryContext } from '../../../lib/core/exchange.js';
import { resolveOptions } from '../../../lib/core/options.js';
import { decideRetry } from '../../../lib/retry/retry-decision.js';
import { type RetryOptions, retrySchema } from '../../../lib/retry/retry-options.js';

const response = (status: number, ...rawHeaders: string[]): AttemptOutcome => ({
  kind: 'response',
  head: { status, statusText: '', rawHeaders },
});
const failure = (retryClass: RetryClass | undefined, unsent = false): AttemptOutcome => ({
  kind: 'failure',
  error: new ProxyError('ERR_UPSTREAM_RESET', 'gone'),
  by: 'target',
  retryClass,
  unsent,
  staleConnection: false,
});
function decide(outcome: AttemptOutcome, call: Partial<RetryContext> = {}, options: RetryOptions = {}) {
  const context = {
    method: 'GET',
    attemptsMade: 1,
    elapsedMs: 0,
    leastMs: 0,
    replayable: true,
    ...call,
  } as RetryContext;
  return decideRetry(resolveOptions(retrySchema, options, 'retry'), outcome, context, {
    now: 0,
    random: 0.5,
  });
}

describe('decideRetry()', () => {
  for (const status of [500, 502, 503, 504, 429]) {
    it(`retries after ${status}`, () => {
      expect(decide(response(status))).to.deep.equal({ waitMs: 1000 });
    });
  }

  for (const status of [200, 304, 400, 401, 404, 409, 501]) {
    it(`passes ${status} on`, () => {
      expect(decide(response(status))).to.deep.equal({ stop: 'outcome' });
    });
  }

  it('retries passing faults of CDNs and LLM APIs where that is wanted', () => {
    for (const status of [408, 520, 521, 522, 523, 524, 529]) {
      expect(decide(response(status)), `${status}`).to.deep.equal({ stop: 'outcome' });
      expect(decide(response(status), {}, { retryOnStatus: 'transient' })).to.have.property('waitMs');
    }
    for (const status of [500, 502, 503, 504, 429])
      expect(decide(response(status), {}, { retryOnStatus: 'transient' })).to.have.property('waitMs');
    expect(decide(response(400), {}, { retryOnStatus: 'transient' })).to.deep.equal({ stop: 'outcome' });
  });

  it('does not retry what the target says cannot be helped', () => {
    for (const name of ['X-Should-Retry', 'stripe-should-retry']) {
      expect(decide(response(503, name, 'false'))).to.deep.equal({ stop: 'outcome' });
      expect(decide(response(503, name, 'true'))).to.have.property('waitMs');
    }
  });

  it('retries a 429 of any method where that did nothing', () => {
    const options = { retryRateLimited: true };
    expect(decide(response(429), { method: 'POST' })).to.deep.equal({ stop: 'method' });
    expect(decide(response(429), { method: 'POST' }, options)).to.have.property('waitMs');
    expect(decide(response(503), { method: 'POST' }, options)).to.deep.equal({ stop: 'method' });
  });

  it('waits for as many milliseconds as the target says', () => {
    const precise = response(429, 'Retry-After', '3', 'retry-after-ms', '2500');
    expect(decide(precise)).to.deep.equal({ waitMs: 2500 });
  });

  it('counts the first attempt among maxAttempts', () => {
    expect(decide(response(503), { attemptsMade: 2 })).to.have.property('waitMs');
    expect(decide(response(503), { attemptsMade: 3 })).to.deep.equal({ stop: 'attempts' });
    expect(decide(response(503), {}, { maxAttempts: 1 })).to.deep.equal({ stop: 'attempts' });
  });

  it('retries a method that is not idempotent only if it is listed', () => {
    expect(decide(response(503), { method: 'POST' })).to.deep.equal({ stop: 'method' });
    expect(decide(response(503), { method: 'POST' }, { methods: ['POST'] })).to.have.property('waitMs');
    expect(decide(response(503), { method: 'PATCH' })).to.deep.equal({ stop: 'method' });
  });

  it('retries any method with an idempotency key', () => {
    expect(decide(response(503), { method: 'POST', keyed: true })).to.have.property('waitMs');
    expect(decide(failure('connection reset'), { method: 'POST', keyed: true })).to.have.property('waitMs');
    expect(decide(response(503), { method: 'POST', keyed: false })).to.deep.equal({ stop: 'method' });
  });

  it('retries any method when nothing of the call was sent', () => {
    expect(decide(failure('connection refused', true), { method: 'POST' })).to.have.property('waitMs');
    expect(decide(failure('connection reset'), { method: 'POST' })).to.deep.equal({ stop: 'method' });
  });

  it('does not retry errors that a second attempt cannot heal, nor those that are not listed', () => {
    expect(decide(failure(undefined))).to.deep.equal({ stop: 'outcome' });
    expect(decide(failure('timeout'), {}, { retryOnErrors: ['socket'] })).to.deep.equal({ stop: 'outcome' });
  });

  it('does not retry with half a body', () => {
    expect(decide(response(503), { method: 'PUT', replayable: false })).to.deep.equal({ stop: 'body' });
  });

  it('waits as long as the upstream requests, and gives up if that passes the total', () => {
    expect(decide(response(503, 'Retry-After', '20'))).to.deep.equal({ waitMs: 20_000 });
    expect(decide(response(503, 'Retry-After', '30'))).to.deep.equal({ stop: 'time' });
    expect(decide(response(503, 'Retry-After', '3600'))).to.deep.equal({ stop: 'time' });
    expect(decide(response(503), { elapsedMs: 29_500 })).to.deep.equal({ stop: 'time' });
    expect(decide(response(503), { elapsedMs: 28_500 })).to.have.property('waitMs');
    expect(decide(response(503), { elapsedMs: 28_500, leastMs: 1000 })).to.deep.equal({ stop: 'time' });
  });

  it('takes no response for one that was not sent, whatever else it says', () => {
    const outcome = { ...response(503), unsent: true } as AttemptOutcome;
    expect(decide(outcome, { method: 'POST' })).to.deep.equal({ stop: 'method' });
    expect(decide({ kind: 'abandoned', retryClass: 'timeout' } as AttemptOutcome)).to.deep.equal({
      stop: 'outcome',
    });
  });

  it('does not retry for a client that has left', () => {
    expect(decide({ kind: 'abandoned' })).to.deep.equal({ stop: 'outcome' });
  });
});
