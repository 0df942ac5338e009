import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import type { AttemptOutcome } from '../../../lib/core/attempt.js';
import { ProxyError } from '../../../lib/core/errors.js';
import type { RetryContext, RetryPolicy } from '../../../lib/core/exchange.js';
import { type Exchange, knownExchange } from '../../../lib/core/exchange.js';
import { IdempotencyKeys } from '../../../lib/retry/idempotency-keys.js';
import { type RetryHandler, retry } from '../../../lib/retry/retry.js';
import type { RetryOptions } from '../../../lib/retry/retry-options.js';
import { fakeTimers, stopClock } from '../../support/fake-timers.js';

/** A call that has passed the stage. */
function enter(handler: RetryHandler): Exchange {
  const req = new IncomingMessage(new Socket());
  const passed: unknown[] = [];
  handler(req, new ServerResponse(req), (error) => passed.push(error));
  expect(passed).to.deep.equal([undefined]);
  const exchange = knownExchange(req);
  if (!exchange) throw new Error('It has begun no call');
  return exchange;
}

function policyOf(options: RetryOptions = {}): RetryPolicy {
  const { retry: policy } = enter(retry(options));
  if (!policy) throw new Error('It has set no policy');
  return policy;
}

const response = (status: number): AttemptOutcome => ({
  kind: 'response',
  head: { status, statusText: '', rawHeaders: [] },
});
const failure: AttemptOutcome = {
  kind: 'failure',
  error: new ProxyError('ERR_UPSTREAM_RESET', 'gone'),
  by: 'target',
  retryClass: 'connection reset',
  unsent: false,
  staleConnection: false,
};
const contextOf = (exchange: Exchange, more: Partial<RetryContext> = {}): RetryContext => ({
  exchange,
  method: 'GET',
  attemptsMade: 1,
  elapsedMs: 0,
  leastMs: 0,
  replayable: true,
  keyed: false,
  ...more,
});

describe('retry()', () => {
  it('is called retry, and lets the call go on with its policy', () => {
    const handler = retry({ maxBodyBytes: 7, totalTimeoutMs: 9 });
    expect(handler.name).to.equal('retry');
    const exchange = enter(handler);
    expect(exchange.retry).to.include({ maxBodyBytes: 7, totalTimeoutMs: 9 });
    expect(exchange.limits).to.deep.equal([]);
    expect(enter(handler).retry).to.equal(exchange.retry);
  });

  it('refuses an option that it does not know', () => {
    expect(() => retry({ attempts: 3 } as RetryOptions)).to.throw('retry.attempts');
  });

  it('adds keys to the limits of a call where they are wanted', () => {
    const [limit, ...others] = enter(retry({ idempotencyKey: true })).limits;
    expect(limit).to.be.instanceOf(IdempotencyKeys);
    expect(others).to.deep.equal([]);
  });

  it('waits before another attempt as its options say', () => {
    const exchange = enter(retry());
    expect(exchange.retry?.delayAfter(response(503), contextOf(exchange))).to.be.within(800, 1200);
    expect(exchange.retry?.delayAfter(response(200), contextOf(exchange))).to.equal(undefined);
    const last = contextOf(exchange, { attemptsMade: 3 });
    expect(exchange.retry?.delayAfter(response(503), last)).to.equal(undefined);
  });

  const RESENT: [options: RetryOptions, method: string, resent: boolean][] = [
    [{}, 'GET', true],
    [{}, 'POST', false],
    [{ methods: ['POST'] }, 'POST', true],
    [{ idempotencyKey: true }, 'POST', true],
    [{ idempotencyKey: true }, 'CONNECT', false],
    [{ maxAttempts: 1 }, 'GET', false],
    [{ maxAttempts: 2 }, 'GET', true],
    [{ maxAttempts: 1, idempotencyKey: true }, 'POST', false],
  ];
  for (const [options, method, resent] of RESENT) {
    it(`${resent ? 'may send' : 'never sends'} a ${method} twice with ${JSON.stringify(options)}`, () => {
      expect(policyOf(options).resends(method)).to.equal(resent);
    });
  }

  it('may send a POST twice after a 429, and after no other status, with retryRateLimited', () => {
    const policy = policyOf({ retryRateLimited: true });
    expect([policy.resends('POST'), policy.resends('POST', 429)]).to.deep.equal([true, true]);
    expect(policy.resends('POST', 403)).to.equal(false);
  });
});

describe('retry() and its budget', () => {
  // Ten more are free with each second.
  beforeEach(stopClock);

  const retries = (exchange: Exchange, tries = 1000): number =>
    Array.from({ length: tries }, () => exchange.retry?.delayAfter(failure, contextOf(exchange))).filter(
      (delay) => delay !== undefined,
    ).length;

  it('counts the calls that have passed, and the retries that were made', () => {
    const handler = retry({ budgetRatio: 0.5 });
    const exchange = enter(handler);
    for (let i = 0; i < 199; i++) enter(handler);
    expect(retries(exchange)).to.equal(100);
    expect(retries(exchange)).to.equal(0);
  });

  it('is no bound where it is off', () => {
    expect(retries(enter(retry({ budgetRatio: false })))).to.equal(1000);
  });

  it('pays nothing for an outcome that is not retried', () => {
    const exchange = enter(retry({ budgetRatio: 0 }));
    for (let i = 0; i < 100; i++) exchange.retry?.delayAfter(response(200), contextOf(exchange));
    expect(retries(exchange)).to.equal(10);
  });
});

describe('retry() and its events', () => {
  it('tells of each retry, and why', () => {
    const handler = retry({ initialDelayMs: 100, backoffFactor: 1 });
    const events: object[] = [];
    const listener = (event: object): void => void events.push(event);
    handler.on('retry', listener);
    const exchange = enter(handler);
    exchange.api = 'orders';
    const waits = [response(503), failure].map((outcome, i) =>
      exchange.retry?.delayAfter(outcome, contextOf(exchange, { attemptsMade: i + 1 })),
    );
    expect(events).to.deep.equal([
      { api: 'orders', method: 'GET', attemptsMade: 1, because: '503', waitMs: waits[0] },
      { api: 'orders', method: 'GET', attemptsMade: 2, because: 'ERR_UPSTREAM_RESET', waitMs: waits[1] },
    ]);
    handler.off('retry', listener);
    exchange.retry?.delayAfter(failure, contextOf(exchange));
    expect(events).to.have.length(2);
  });

  it('tells where it gives up, and why, but not of what is no failure', () => {
    const handler = retry({ budgetRatio: 0 });
    const events: object[] = [];
    handler.on('giveUp', (event) => events.push(event));
    const exchange = enter(handler);
    const judge = (outcome: AttemptOutcome, more: Partial<RetryContext> = {}) =>
      exchange.retry?.delayAfter(outcome, contextOf(exchange, more));
    judge(response(200));
    judge({ kind: 'abandoned' });
    judge(response(503), { attemptsMade: 3 });
    judge(failure, { method: 'POST' });
    for (let i = 0; i < 11; i++) judge(failure);
    expect(events).to.deep.equal([
      { api: '', method: 'GET', attemptsMade: 3, because: '503', stop: 'attempts' },
      { api: '', method: 'POST', attemptsMade: 1, because: 'ERR_UPSTREAM_RESET', stop: 'method' },
      { api: '', method: 'GET', attemptsMade: 1, because: 'ERR_UPSTREAM_RESET', stop: 'budget' },
    ]);
  });
});

describe('retry() and its driver', () => {
  const flush = () => new Promise((resolve) => setImmediate(resolve));

  it('begins again until an attempt is accepted, behind the one that has failed already', async () => {
    const timers = fakeTimers();
    const ends = [false, false, true];
    let made = 0;
    const driven = policyOf({ maxAttempts: 4 }).drive(async () => {
      if (!ends[made++]) throw new Error('not accepted');
    });
    expect(made).to.equal(0);
    while (timers.runNext()) await flush();
    await driven;
    expect(made).to.equal(3);
  });

  it('begins no more often than there are attempts', async () => {
    const timers = fakeTimers();
    let made = 0;
    const driven = policyOf({ maxAttempts: 3 }).drive(async () => {
      made++;
      throw new Error('not accepted');
    });
    const end = driven.catch(({ message }: Error) => message);
    while (timers.runNext()) await flush();
    expect(await end).to.equal('not accepted');
    expect(made).to.equal(2);
  });

  it('waits no time of its own', async () => {
    const timers = fakeTimers();
    void policyOf({ maxAttempts: 5 })
      .drive(() => Promise.reject(new Error('no')))
      .catch(() => {});
    for (let i = 0; i < 4; i++) {
      const [timer] = timers.waiting.values();
      expect(timer?.ms).to.be.at.most(1);
      timers.runNext();
      await flush();
    }
    expect(timers.waiting.size).to.equal(0);
  });

  it('ends where the call gives up', async () => {
    const timers = fakeTimers();
    const driven = policyOf().drive((giveUp) => {
      giveUp(new Error('left'));
      return new Promise(() => {});
    });
    const end = driven.catch(({ message }: Error) => message);
    timers.runNext();
    expect(await end).to.equal('left');
    expect(timers.waiting.size).to.equal(0);
  });
});
