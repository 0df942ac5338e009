import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import type { Attempt, AttemptEnd, AttemptOutcome } from '../../../lib/core/attempt.js';
import { type ErrorCode, ProxyError } from '../../../lib/core/errors.js';
import type { Limit } from '../../../lib/core/exchange.js';
import { type Exchange, exchangeOf } from '../../../lib/core/exchange.js';
import { type RateLimitHandler, rateLimit } from '../../../lib/rate-limit/rate-limit.js';
import { onCleanup } from '../../support/cleanup.js';
import { toyTime } from '../../support/toy-time.js';

const MINUTE = 60_000;
const EPOCH = 1_700_000_000_000;

/** A call without a connection, up to the last stage. */
interface ToyCall {
  readonly error: unknown;
  readonly limit: Limit;
  /** Begins an attempt through a proxy. @returns the error that vetoes it, or a function that ends it */
  attempt(proxy?: string): Promise<ProxyError | ((outcome: AttemptOutcome) => void)>;
  /** Its client leaves. */
  leave(): void;
}

/** A chain with or without a rotation behind the limiter. */
async function toyCall(limiter: RateLimitHandler, { rotates = true } = {}): Promise<ToyCall> {
  const req = new IncomingMessage(new Socket());
  const res = new ServerResponse(req);
  const exchange = exchangeOf(req, res);
  const error = await new Promise<unknown>((resolve) => limiter(req, res, resolve));
  if (rotates) exchange.egress = { choose: () => 'direct' };
  const [limit = {}] = exchange.limits;
  return {
    error,
    limit,
    async attempt(proxy) {
      const attempt: Attempt = {
        number: exchange.attempts.length + 1,
        startedAt: performance.now(),
        durationMs: 0,
        waitedMs: 0,
        egress: proxy,
        outcome: undefined,
        end: undefined,
      };
      const permit = await limit.admit?.(attempt, exchange);
      if (permit instanceof ProxyError) return permit;
      exchange.attempts.push(attempt);
      return (outcome) => {
        attempt.outcome = outcome;
        if (outcome.kind === 'response') permit?.head?.(attempt, exchange);
        attempt.end = endOf(outcome);
        permit?.end?.(attempt, exchange);
      };
    },
    leave: () => res.emit('close'),
  };
}

/** Makes a call with one attempt. @returns `sent`, or the code of its error */
async function through(
  limiter: RateLimitHandler,
  proxy: string | undefined,
  outcome: AttemptOutcome,
): Promise<string> {
  const call = await toyCall(limiter);
  if (call.error instanceof ProxyError) return call.error.code;
  const attempt = await call.attempt(proxy);
  if (attempt instanceof ProxyError) return attempt.code;
  attempt(outcome);
  call.leave();
  return 'sent';
}

function response(status: number, ...rawHeaders: string[]): AttemptOutcome {
  return { kind: 'response', head: { status, statusText: '', rawHeaders } };
}

const TOO_MANY = response(429, 'Retry-After', '30');

function failure(
  code: ErrorCode,
  more: { unsent?: boolean; staleConnection?: boolean } = {},
): AttemptOutcome {
  const error = new ProxyError(code, `${code} happened`);
  const by = code === 'ERR_PROXY_CONNECT' ? 'egress' : 'target';
  return {
    kind: 'failure',
    error,
    by,
    retryClass: undefined,
    unsent: false,
    staleConnection: false,
    ...more,
  };
}

const endOf = (outcome: AttemptOutcome): AttemptEnd => {
  if (outcome.kind === 'failure') return outcome;
  return { kind: outcome.kind === 'response' ? 'complete' : 'cancelled' };
};

function opened(options: Parameters<typeof rateLimit>[0] = {}): RateLimitHandler {
  const limiter = rateLimit(options, toyTime(EPOCH));
  onCleanup(() => limiter.close());
  return limiter;
}

describe('rateLimit() in front of a rotation', () => {
  it('keeps a limit for each egress proxy', async () => {
    const limiter = opened();
    expect(await through(limiter, 'a', TOO_MANY)).to.equal('sent');
    expect(await through(limiter, 'a', response(200))).to.equal('ERR_RATE_LIMITED');
    expect(await through(limiter, 'b', response(200))).to.equal('sent');
    expect(await through(limiter, undefined, response(200))).to.equal('sent');
    expect(limiter.status().map(({ proxy, state }) => [proxy, state])).to.deep.equal([['a', 'exhausted']]);
  });

  it('tells the rotation when calls through a proxy are allowed again', async () => {
    const limiter = opened();
    await through(limiter, 'a', TOO_MANY);
    const { limit } = await toyCall(limiter);
    expect(limit.readyAt?.('a')).to.equal(EPOCH + 30_000);
    expect(limit.readyAt?.('b')).to.equal(0);
    expect(limit.readyAt?.(undefined)).to.equal(0);
  });

  it('leaves it to the rotation if the limit of the direct connection is exhausted', async () => {
    const limiter = opened();
    await through(limiter, undefined, TOO_MANY);
    expect(await through(limiter, 'a', response(200))).to.equal('sent');
    expect(await through(limiter, undefined, response(200))).to.equal('ERR_RATE_LIMITED');
  });

  it('refuses a call before the later stages if there is no rotation', async () => {
    const limiter = opened();
    const first = await toyCall(limiter, { rotates: false });
    const end = await first.attempt();
    if (!(end instanceof ProxyError)) end(TOO_MANY);
    const { error } = await toyCall(limiter, { rotates: false });
    expect(error).to.have.property('code', 'ERR_RATE_LIMITED');
  });

  it('takes one call from the quota for an attempt that moves on to another proxy', async () => {
    const limiter = opened({ limit: 2, windowMs: MINUTE });
    const call = await toyCall(limiter);
    for (const proxy of ['dead', 'dead too']) {
      const end = await call.attempt(proxy);
      if (end instanceof ProxyError) throw end;
      end(failure('ERR_PROXY_CONNECT'));
    }
    const end = await call.attempt('a');
    if (end instanceof ProxyError) throw end;
    end(response(200));
    expect(await through(limiter, 'a', response(200))).to.equal('sent');
    expect(await through(limiter, 'a', response(200))).to.equal('ERR_RATE_LIMITED');
  });
});

describe('rateLimit() and how an attempt ends', () => {
  const UNUSED: [what: string, outcome: AttemptOutcome][] = [
    ['was refused a connection', failure('ERR_UPSTREAM_CONNECT', { unsent: true })],
    ['met a stale connection', failure('ERR_UPSTREAM_RESET', { staleConnection: true })],
    ['failed at its proxy', failure('ERR_PROXY_CONNECT')],
  ];
  for (const [what, outcome] of UNUSED) {
    it(`gives back the quota of an attempt that ${what}`, async () => {
      const limiter = opened({ limit: 1, windowMs: MINUTE });
      for (let i = 0; i < 5; i++) expect(await through(limiter, 'a', outcome)).to.equal('sent');
      expect(await through(limiter, 'a', response(200))).to.equal('sent');
      expect(await through(limiter, 'a', response(200))).to.equal('ERR_RATE_LIMITED');
    });
  }

  const USED: [what: string, outcome: AttemptOutcome][] = [
    ['timed out', failure('ERR_UPSTREAM_TIMEOUT')],
    ['broke off', failure('ERR_UPSTREAM_RESET')],
    ['was abandoned', { kind: 'abandoned' }],
    ['got a 500', response(500)],
  ];
  for (const [what, outcome] of USED) {
    it(`gives nothing back for an attempt that ${what}`, async () => {
      const limiter = opened({ limit: 1, windowMs: MINUTE });
      expect(await through(limiter, 'a', outcome)).to.equal('sent');
      expect(await through(limiter, 'a', response(200))).to.equal('ERR_RATE_LIMITED');
    });
  }

  it('gives back the quota of a call without an attempt', async () => {
    const limiter = opened({ limit: 1, windowMs: 3 * MINUTE });
    await through(limiter, 'a', failure('ERR_PROXY_CONNECT'));
    for (let i = 0; i < 3; i++) {
      const { error, leave } = await toyCall(limiter);
      expect(error).to.equal(undefined);
      leave();
    }
    expect(await through(limiter, 'a', response(200))).to.equal('sent');
  });

  it('gives back the quota of an attempt that another limit refuses', async () => {
    const limiter = opened({ limit: 1, windowMs: MINUTE });
    const { limit, leave } = await toyCall(limiter);
    const attempt: Attempt = {
      number: 1,
      startedAt: 0,
      durationMs: 0,
      waitedMs: 0,
      egress: 'a',
      outcome: undefined,
      end: undefined,
    };
    const toy = {} as Exchange;
    const permit = await limit.admit?.(attempt, toy);
    if (!permit || permit instanceof ProxyError) throw new Error('It was refused');
    attempt.outcome = { kind: 'abandoned' };
    attempt.end = { kind: 'unused' };
    permit.end?.(attempt, toy);
    leave();
    expect(await through(limiter, 'a', response(200))).to.equal('sent');
  });

  it('makes no attempt for a client that has left', async () => {
    const limiter = opened({ limit: 1, windowMs: MINUTE });
    const call = await toyCall(limiter);
    await call.attempt('a').then((end) => end instanceof ProxyError || end(failure('ERR_PROXY_CONNECT')));
    call.leave();
    expect(await call.attempt('a')).to.be.instanceOf(ProxyError);
    expect(await through(limiter, 'a', response(200))).to.equal('sent');
  });

  it('counts the end of an attempt once, however often it is reported', async () => {
    const limiter = opened({ limit: 2, windowMs: MINUTE });
    const call = await toyCall(limiter);
    const end = await call.attempt('a');
    if (end instanceof ProxyError) throw end;
    for (let i = 0; i < 5; i++) end(failure('ERR_PROXY_CONNECT'));
    expect(await through(limiter, 'a', response(200))).to.equal('sent');
    expect(await through(limiter, 'a', response(200))).to.equal('sent');
    expect(await through(limiter, 'a', response(200))).to.equal('ERR_RATE_LIMITED');
  });
});
