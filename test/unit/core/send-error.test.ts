import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { ProxyError } from '../../../lib/core/errors.js';
import { exchangeOf } from '../../../lib/core/exchange.js';
import { asProxyError, sendError } from '../../../lib/core/send-error.js';
import { fakeTimers } from '../../support/fake-timers.js';

const BUSY = new ProxyError('ERR_RATE_LIMITED', 'Too many', { retryAfterMs: 5000 });
const BODY = '{"error":"Too many","code":"ERR_RATE_LIMITED"}';

/** A call whose response is kept. */
function call(headers: Record<string, string> = {}, complete = true) {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { headers, complete });
  const res = new ServerResponse(req);
  const sent: string[] = [];
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      sent.push(String(chunk));
      done();
    },
  });
  res.assignSocket(sink as unknown as Socket);
  return { req, res, text: () => sent.join('') };
}

describe('sendError()', () => {
  it('responds with the error as JSON, with its status and headers', async () => {
    const { req, res, text } = call();
    const exchange = exchangeOf(req, res);
    const finished = once(res, 'finish');
    expect(sendError(req, res, BUSY)).to.equal(BUSY);
    await finished;
    expect(text().split('\r\n\r\n')[1]).to.equal(BODY);
    expect(res.statusCode).to.equal(429);
    expect(res.getHeaders()).to.include({
      'retry-after': '5',
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-length': BODY.length,
    });
    expect(res.hasHeader('connection')).to.equal(false);
    expect(exchange.bytesOut).to.equal(BODY.length);
  });

  it('needs no call that was begun, and begins none', async () => {
    const { req, res } = call();
    const finished = once(res, 'finish');
    sendError(req, res, BUSY);
    await finished;
    expect(Object.getOwnPropertySymbols(req).map(String)).not.to.include(
      'Symbol(resilient-proxy-out.exchange)',
    );
  });

  it('tells nothing of what is no error of ours', async () => {
    const { req, res, text } = call();
    const finished = once(res, 'finish');
    const thrown = new Error('password is hidden');
    const error = sendError(req, res, thrown);
    await finished;
    expect(error).to.include({ code: 'ERR_INTERNAL', cause: thrown });
    expect(text()).to.include('{"error":"The call failed inside the proxy","code":"ERR_INTERNAL"}');
    expect(res.statusCode).to.equal(500);
  });

  it('cuts a response off that has begun', () => {
    const { req, res, text } = call();
    res.write('begun');
    const before = text();
    expect(sendError(req, res, BUSY)).to.equal(BUSY);
    expect(res.destroyed).to.equal(true);
    expect(text()).to.equal(before);
  });

  for (const event of ['end', 'close', 'a second'] as const) {
    it(`asks a client that still sends to stop, and closes at ${event}`, async () => {
      const timers = fakeTimers();
      const { req, res, text } = call({ 'content-length': '9' }, false);
      const finished = once(res, 'finish');
      sendError(req, res, BUSY);
      expect(res.getHeader('connection')).to.equal('close');
      expect(req.isPaused()).to.equal(false);
      await new Promise((resolve) => setImmediate(resolve));
      expect(text()).to.include(BODY);
      expect(res.writableEnded).to.equal(false);
      expect([...timers.waiting.values()].map(({ ms }) => ms)).to.deep.equal([1000]);
      if (event === 'a second') timers.runNext();
      else req.emit(event);
      await finished;
      expect(res.writableEnded).to.equal(true);
      expect(timers.waiting.size).to.equal(0);
      expect([req.listenerCount('end'), req.listenerCount('close')]).to.deep.equal([0, 0]);
    });
  }

  it('ends at once where all of the body has come, or there is none', () => {
    for (const { req, res } of [call({ 'content-length': '9' }, true), call({}, false)]) {
      sendError(req, res, BUSY);
      expect(res.writableEnded).to.equal(true);
      expect(res.hasHeader('connection')).to.equal(false);
    }
  });
});

describe('asProxyError()', () => {
  it('keeps one of ours, and wraps all else', () => {
    expect(asProxyError(BUSY)).to.equal(BUSY);
    expect(asProxyError('text')).to.include({ code: 'ERR_INTERNAL', cause: 'text' });
    expect(asProxyError('text').message).to.equal('The call failed inside the proxy');
  });
});
