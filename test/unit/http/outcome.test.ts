import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import type { Attempt, AttemptEnd, AttemptOutcome } from '../../../lib/core/attempt.js';
import { type ErrorCode, ProxyError } from '../../../lib/core/errors.js';
import { Exchange } from '../../../lib/core/exchange.js';
import { attemptResultOf, outcomeOf, resultOf, upstreamMs, wasStream } from '../../../lib/http/outcome.js';

/** A call whose response had this status; 0 is none. */
function exchangeOf(status: number, { finished = true, type = 'text/plain' } = {}): Exchange {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method: 'GET', url: '/' });
  const res = new ServerResponse(req);
  const exchange = new Exchange(req, res);
  res.setHeader('content-type', type);
  if (status > 0) res.writeHead(status);
  Object.defineProperties(res, { writableEnded: { value: finished }, writableFinished: { value: finished } });
  return exchange;
}

function attemptOf(outcome: AttemptOutcome, end: AttemptEnd = { kind: 'complete' }): Attempt {
  return { number: 1, startedAt: 1000, durationMs: 300, waitedMs: 50, egress: undefined, outcome, end };
}

const response = (status: number): AttemptOutcome => ({
  kind: 'response',
  head: { status, statusText: '', rawHeaders: [] },
});

function failure(code: ErrorCode, retryClass?: 'timeout'): AttemptEnd & AttemptOutcome {
  const error = new ProxyError(code, 'It failed');
  const { by } = error;
  return { kind: 'failure', error, by, retryClass, unsent: false, staleConnection: false };
}

const ending = (exchange: Exchange, code?: ErrorCode, tried = false) => {
  if (code) exchange.error = new ProxyError(code, 'It ended');
  if (tried) exchange.attempts.push(attemptOf(response(503)));
  return outcomeOf(exchange, resultOf(exchange, undefined));
};

describe('outcomeOf()', () => {
  it('is the error of this process where it has not sent the call on, whatever its status', () => {
    expect(ending(exchangeOf(429), 'ERR_RATE_LIMITED')).to.equal('refused');
    expect(ending(exchangeOf(503), 'ERR_CIRCUIT_OPEN')).to.equal('refused');
    expect(ending(exchangeOf(400), 'ERR_BAD_REQUEST')).to.equal('refused');
    expect(ending(exchangeOf(503), 'ERR_NO_PROXY'), 'the egress proxies have failed').to.equal('failure');
    expect(ending(exchangeOf(500), 'ERR_INTERNAL')).to.equal('failure');
  });

  it('is a failure where a call was tried before the circuit opened under it', () => {
    expect(ending(exchangeOf(503), 'ERR_CIRCUIT_OPEN', true)).to.equal('failure');
  });

  it('is by the status of the API otherwise', () => {
    const statuses = [200, 304, 401, 429, 499, 500, 503];
    expect(statuses.map((status) => ending(exchangeOf(status)))).to.deep.equal([
      ...['success', 'success', 'clientError', 'clientError', 'clientError', 'failure', 'failure'],
    ]);
  });

  it('is aborted where the client has left, unless it was a stream of events', () => {
    expect(ending(exchangeOf(0, { finished: false }))).to.equal('aborted');
    expect(ending(exchangeOf(200, { finished: false }))).to.equal('aborted');
    expect(ending(exchangeOf(200, { finished: false, type: 'text/event-stream' }))).to.equal('success');
  });
});

describe('wasStream()', () => {
  it('is true of events, and of a body that took longer than a second', () => {
    expect(wasStream(exchangeOf(200, { type: 'text/event-stream' }), 0)).to.equal(true);
    expect(wasStream(exchangeOf(200, { type: 'application/x-ndjson' }), 0)).to.equal(true);
    expect(wasStream(exchangeOf(200), 1000)).to.equal(false);
    expect(wasStream(exchangeOf(200), 1001)).to.equal(true);
    expect(wasStream(exchangeOf(0), 5000), 'there was no head').to.equal(false);
  });
});

describe('attemptResultOf()', () => {
  it('says what an attempt says of its API', () => {
    const results = [
      attemptOf(response(200)),
      attemptOf(response(404)),
      attemptOf(response(503), { kind: 'discarded' }),
      attemptOf(response(200), failure('ERR_UPSTREAM_RESET')),
      attemptOf(failure('ERR_UPSTREAM_TIMEOUT', 'timeout'), failure('ERR_UPSTREAM_TIMEOUT', 'timeout')),
      attemptOf(failure('ERR_PROXY_CONNECT'), failure('ERR_PROXY_CONNECT')),
      attemptOf({ kind: 'abandoned' }, { kind: 'cancelled' }),
      attemptOf(response(200), { kind: 'cancelled' }),
    ].map(attemptResultOf);
    expect(results).to.deep.equal([
      ...['success', 'clientError', 'failure', 'failure', 'failure', 'otherFailure', 'abandoned', 'success'],
    ]);
  });
});

describe('upstreamMs()', () => {
  it('is the time to the head, or the time that was waited for it in vain', () => {
    const exchange = exchangeOf(200);
    const timedOut = failure('ERR_UPSTREAM_TIMEOUT', 'timeout');
    expect(upstreamMs(attemptOf(response(503)), exchange)).to.equal(300);
    expect(upstreamMs(attemptOf(timedOut, timedOut), exchange)).to.equal(300);
    expect(upstreamMs(attemptOf({ kind: 'abandoned' }, { kind: 'cancelled' }), exchange)).to.equal(300);
  });

  it('is none of an attempt that was not sent, or that failed at once', () => {
    const exchange = exchangeOf(502);
    const refused = failure('ERR_UPSTREAM_CONNECT');
    expect(upstreamMs(attemptOf(refused, refused), exchange)).to.equal(undefined);
    expect(upstreamMs(attemptOf({ kind: 'abandoned' }, { kind: 'unused' }), exchange)).to.equal(undefined);
  });

  it('begins with the last byte of a body', () => {
    const exchange = exchangeOf(200);
    exchange.req.headers['content-length'] = '5';
    expect(upstreamMs({ ...attemptOf(response(200)), sentAt: 1200 }, exchange)).to.equal(100);
    const left = attemptOf({ kind: 'abandoned' }, { kind: 'cancelled' });
    expect(upstreamMs(left, exchange), 'it left amid its upload').to.equal(undefined);
  });
});
