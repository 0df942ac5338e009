import { expect } from 'chai';
import type { Limit } from '../../../lib/core/exchange.js';
import { fakeTimers } from '../../support/fake-timers.js';
import { codes, head, proxyError, Recorder, retrying, Scene, socketError, told } from './call-scene.js';

const RESET = 'ECONNRESET';

describe('Call', () => {
  it('sends its plan once, and has ended when the response was passed on', () => {
    const scene = new Scene({ body: { replayable: true } }).start();
    const { listener, plan } = scene.last;
    expect(plan).to.include({ path: '/path', method: 'GET', direct: true, egress: undefined });
    listener.connected();
    expect(listener.head(head(200))).to.equal(true);
    expect(scene.settled).to.deep.equal([]);
    expect(scene.bodyCloses).to.equal(0);
    listener.finished();
    expect(scene.settled).to.deep.equal([undefined]);
    expect(scene.bodyCloses).to.equal(1);
    expect(scene.sent).to.have.length(1);
    const [attempt] = scene.exchange.attempts;
    expect(attempt).to.deep.include({ number: 1, waitedMs: 0, egress: undefined, end: { kind: 'complete' } });
    expect(attempt?.outcome).to.deep.equal({ kind: 'response', head: head(200) });
  });

  it('tells who writes a log of each response that is passed on', () => {
    const log: unknown[] = [];
    const scene = new Scene({ logResponse: ({ path }, status) => log.push([path, status]) }).start();
    scene.last.listener.head(head(404));
    expect(log).to.deep.equal([['/path', 404]]);
  });

  it('passes a response that cannot be retried on as it is', () => {
    const scene = new Scene().start();
    expect(scene.last.listener.head(head(503))).to.equal(true);
    scene.last.listener.finished();
    expect(scene.settled).to.deep.equal([undefined]);
  });

  it('ends with the error of an attempt that fails, and says so in the record', () => {
    const scene = new Scene().start();
    scene.last.listener.failed(socketError('ECONNREFUSED'));
    expect(codes(scene.settled)).to.deep.equal(['ERR_UPSTREAM_CONNECT']);
    expect(scene.exchange.error).to.equal(scene.settled[0]);
    expect(scene.exchange.attempts[0]?.end).to.include({ kind: 'failure', by: 'target', unsent: true });
    expect(scene.exchange.attempts[0]?.outcome).to.equal(scene.exchange.attempts[0]?.end);
    expect(scene.last.cancels).to.equal(0);
  });

  it('has no error for a response that breaks off behind its head, but before it', () => {
    for (const sentHead of [true, false]) {
      const scene = new Scene().start();
      scene.last.listener.head(head(200));
      if (sentHead) scene.sendHead();
      scene.last.listener.failed(socketError(RESET));
      expect(codes(scene.settled)).to.deep.equal([sentHead ? undefined : 'ERR_UPSTREAM_RESET']);
      const [attempt] = scene.exchange.attempts;
      expect([attempt?.outcome?.kind, attempt?.end?.kind]).to.deep.equal(['response', 'failure']);
    }
  });

  it('takes up to its head, however long the body takes', async () => {
    for (const end of ['failed', 'left'] as const) {
      const scene = new Scene().start();
      scene.last.listener.head(head(200));
      const [attempt] = scene.exchange.attempts;
      const before = attempt?.durationMs;
      await told();
      if (end === 'failed') scene.last.listener.failed(socketError(RESET));
      else scene.leave();
      expect(attempt?.durationMs).to.equal(before);
    }
  });

  it('does not retry a response that breaks off', () => {
    const scene = new Scene({ retry: retrying(5) }).start();
    scene.last.listener.head(head(200));
    scene.last.listener.failed(socketError(RESET));
    expect(codes(scene.settled)).to.deep.equal(['ERR_UPSTREAM_RESET']);
  });

  it('refuses a head that no client could be sent', () => {
    const scene = new Scene().start();
    expect(scene.last.listener.head(head(200, 'bad name', 'x'))).to.equal(false);
    expect(codes(scene.settled)).to.deep.equal(['ERR_UPSTREAM_PROTOCOL']);
    expect(scene.settled[0]?.message).to.include('a header name that is not a token');
  });

  it('puts the headers that its permits give in the place of its own', () => {
    const key: Limit = { admit: () => ({ sending: () => ['accept', 'a', 'Key', '1'] }) };
    const other: Limit = { admit: () => ({ sending: () => ['key', '2'] }) };
    const scene = new Scene({ limits: [key, new Recorder(), other] }).start();
    expect(scene.last.plan.rawHeaders).to.deep.equal(['Host', 'api.test', 'accept', 'a', 'key', '2']);
  });

  it('ends at an error from outside, and cuts off what has begun', () => {
    for (const begun of [false, true]) {
      const scene = new Scene().start();
      scene.last.listener.head(head(200));
      if (begun) scene.sendHead();
      scene.call.fail(proxyError('ERR_INTERNAL'));
      scene.call.fail(proxyError('ERR_SHUTTING_DOWN'));
      expect(codes(scene.settled)).to.deep.equal([begun ? undefined : 'ERR_INTERNAL']);
      expect(scene.exchange.res.destroyed).to.equal(begun);
      expect(scene.last.cancels).to.equal(1);
    }
  });

  it('hears of no error from outside once it has ended, and keeps one that the record has', () => {
    const scene = new Scene();
    const error = proxyError('ERR_RATE_LIMITED');
    scene.exchange.error = error;
    scene.start().last.listener.head(head(200));
    scene.sendHead();
    scene.last.listener.finished();
    scene.call.fail(proxyError('ERR_INTERNAL'));
    expect(scene.exchange.res.destroyed).to.equal(false);
    expect(scene.exchange.error).to.equal(error);
  });
});

describe('Call whose client leaves', () => {
  it('gives the attempt up that is under way', () => {
    const recorder = new Recorder();
    const scene = new Scene({
      limits: [recorder],
      requestTimeoutMs: 1000,
      body: { replayable: true },
    }).start();
    scene.leave();
    expect(scene.last.cancels).to.equal(1);
    expect(scene.settled).to.deep.equal([undefined]);
    expect(scene.wheel.watched.size).to.equal(0);
    expect(scene.bodyCloses).to.equal(1);
    expect(recorder.heard.at(-1)).to.deep.equal(['end', 1, 'cancelled']);
    expect(scene.exchange.attempts[0]?.outcome).to.deep.equal({ kind: 'abandoned' });
    const { durationMs = 0, startedAt = 0 } = scene.exchange.attempts[0] ?? {};
    expect(durationMs)
      .to.be.above(0)
      .and.at.most(performance.now() - startedAt);
  });

  it('gives a response up that is under way, whose head stays known', () => {
    const scene = new Scene().start();
    scene.last.listener.head(head(200));
    scene.sendHead();
    scene.leave();
    expect(scene.last.cancels).to.equal(1);
    const [attempt] = scene.exchange.attempts;
    expect([attempt?.outcome?.kind, attempt?.end?.kind]).to.deep.equal(['response', 'cancelled']);
  });

  it('takes a response that has arrived for complete, whatever its connection still does', () => {
    const scene = new Scene().start();
    scene.last.listener.head(head(200));
    scene.sendAll();
    scene.leave();
    expect(scene.exchange.attempts[0]?.end).to.deep.equal({ kind: 'complete' });
    expect(scene.last.cancels).to.equal(0);
    scene.last.listener.finished();
    expect(scene.settled).to.deep.equal([undefined]);
  });

  it('takes one for cancelled whose error response has arrived, not that of the target', () => {
    const scene = new Scene().start();
    scene.sendAll();
    scene.leave();
    expect(scene.exchange.attempts[0]?.end).to.deep.equal({ kind: 'cancelled' });
    expect(scene.last.cancels).to.equal(1);
  });

  it('is not even begun where it had left before', () => {
    const recorder = new Recorder();
    const scene = new Scene({ limits: [recorder], body: { replayable: true } });
    scene.leave();
    scene.start();
    expect(scene.sent).to.deep.equal([]);
    expect(recorder.heard).to.deep.equal([]);
    expect(scene.settled).to.deep.equal([undefined]);
    expect(scene.bodyCloses).to.equal(1);
  });

  it('frees the timer of its back-off, and makes no other attempt', async () => {
    const timers = fakeTimers();
    const scene = new Scene({ retry: retrying(3) }).start();
    expect(scene.last.listener.head(head(503))).to.equal(false);
    expect([...timers.waiting.values()].map(({ ms }) => ms)).to.deep.equal([10]);
    expect(scene.waiting.has(scene.call)).to.equal(true);
    scene.leave();
    expect(timers.waiting.size).to.equal(0);
    expect(scene.waiting.size).to.equal(0);
    await told();
    expect(scene.sent).to.have.length(1);
    expect(scene.settled).to.deep.equal([undefined]);
  });

  it('makes no attempt once it has left at the decision to make one', async () => {
    const timers = fakeTimers();
    let leave = (): void => {};
    const delayAfter = () => {
      leave();
      return 10;
    };
    for (const end of ['head', 'failed'] as const) {
      const scene = new Scene({ retry: retrying(3, { delayAfter }) }).start();
      leave = () => scene.leave();
      if (end === 'head') expect(scene.last.listener.head(head(503))).to.equal(false);
      else scene.last.listener.failed(socketError(RESET));
      await told();
      expect(timers.waiting.size).to.equal(0);
      expect(scene.waiting.size).to.equal(0);
      expect(scene.settled).to.deep.equal([undefined]);
      expect(scene.exchange.error).to.equal(undefined);
    }
  });

  it('is not passed a response whose judgement has ended the call', () => {
    const log: unknown[] = [];
    let leave = (): void => {};
    const retry = retrying(0, { delayAfter: () => leave() as undefined });
    const scene = new Scene({ retry, logResponse: (_plan, status) => log.push(status) }).start();
    leave = () => scene.leave();
    expect(scene.last.listener.head(head(503))).to.equal(false);
    expect(log).to.deep.equal([]);
    expect(scene.exchange.attempts[0]?.end).to.deep.equal({ kind: 'cancelled' });
  });
});
