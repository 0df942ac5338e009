import { expect } from 'chai';
import type { Limit } from '../../../lib/core/exchange.js';
import { fakeTimers } from '../../support/fake-timers.js';
import {
  codes,
  head,
  later,
  proxyError,
  Recorder,
  retrying,
  Scene,
  socketError,
  told,
} from './call-scene.js';

const RESET = 'ECONNRESET';

describe('Call with a retry policy', () => {
  it('discards a response for another attempt, when its permits have heard the end', async () => {
    const timers = fakeTimers();
    const recorder = new Recorder();
    const scene = new Scene({ limits: [recorder], retry: retrying(2) }).start();
    scene.last.listener.head(head(503));
    expect(recorder.heard.at(-1)).to.deep.equal(['end', 1, 'discarded']);
    timers.runNext();
    expect(scene.waiting.size).to.equal(0);
    scene.last.listener.failed(socketError(RESET));
    await told();
    timers.runNext();
    expect(scene.sent).to.have.length(3);
    scene.last.listener.head(head(200));
    scene.last.listener.finished();
    expect(scene.settled).to.deep.equal([undefined]);
    const ends = scene.exchange.attempts.map(({ number, end }) => [number, end?.kind]);
    expect(ends).to.deep.equal([
      [1, 'discarded'],
      [2, 'failure'],
      [3, 'complete'],
    ]);
    expect(scene.last.cancels).to.equal(0);
    await told();
    expect(timers.waiting.size).to.equal(0);
  });

  it('asks it of responses from 400 on, and tells it what there is to know', () => {
    const asked: unknown[] = [];
    const delayAfter = (outcome: unknown, context: object) => void asked.push([outcome, context]);
    const retry = retrying(0, { delayAfter });
    const scene = new Scene({ method: 'POST', retry, body: { replayable: false } }).start();
    scene.exchange.idempotencyKey = ['Idempotency-Key', '1'];
    scene.last.listener.head(head(400));
    const accepted = new Scene({ retry }).start();
    accepted.last.listener.head(head(399));
    expect(asked).to.have.length(1);
    const [[outcome, { elapsedMs, leastMs, ...context }]] = asked as [
      [unknown, { elapsedMs: number; leastMs: number }],
    ];
    expect(leastMs).to.equal(6000);
    expect(outcome).to.deep.equal({ kind: 'response', head: head(400) });
    expect(context).to.deep.equal({
      exchange: scene.exchange,
      method: 'POST',
      attemptsMade: 1,
      replayable: false,
      keyed: true,
    });
    expect(elapsedMs).to.be.within(0, performance.now() - scene.exchange.startedAt);
  });

  it('counts the attempts that are bounded, and takes a call without a body for replayable', async () => {
    const timers = fakeTimers();
    const contexts: unknown[] = [];
    const delayAfter = (_outcome: unknown, context: object) => {
      contexts.push(context);
      return 1;
    };
    const scene = new Scene({ retry: retrying(0, { delayAfter }) }).start();
    for (let i = 0; i < 2; i++) {
      scene.last.listener.failed(socketError(RESET));
      await told();
      timers.runNext();
    }
    scene.leave();
    const seen = contexts.map((context) => Reflect.get(context as object, 'attemptsMade'));
    expect(seen).to.deep.equal([1, 2]);
    expect(contexts[0]).to.include({ replayable: true, keyed: false });
  });

  it('does not retry what a limit would refuse, nor ask whether it should', () => {
    const retry = retrying(5, { delayAfter: () => expect.fail('asked') });
    const blocking: Limit = { blocks: () => true };
    const scene = new Scene({ limits: [{}, blocking], retry }).start();
    expect(scene.last.listener.head(head(503))).to.equal(true);
  });

  it('is not asked once a permit has ended the call', async () => {
    const retry = retrying(5, { delayAfter: () => expect.fail('asked') });
    let fail = (): void => {};
    const scene = new Scene({ limits: [{ admit: () => ({ end: () => fail() }) }], retry }).start();
    fail = () => scene.call.fail(proxyError('ERR_SHUTTING_DOWN'));
    scene.last.listener.failed(socketError(RESET));
    await told();
    expect(codes(scene.settled)).to.deep.equal(['ERR_SHUTTING_DOWN']);
  });

  it('has one driver, which hears of each attempt that was not accepted', async () => {
    const timers = fakeTimers();
    const heard: unknown[] = [];
    const retry = retrying(2, {
      drive: async (again) => {
        heard.push('begun');
        for (let i = 0; i < 2; i++) await again(() => {}).catch(({ message }) => heard.push(message));
      },
    });
    const scene = new Scene({ retry }).start();
    scene.last.listener.head(head(503));
    timers.runNext();
    scene.last.listener.head(head(503));
    await told();
    expect(heard).to.deep.equal(['begun', 'The attempt was not accepted']);
    timers.runNext();
    scene.last.listener.head(head(200));
    await told();
    expect(heard).to.have.length(2);
  });

  it('gives back what a retry had taken that another limit refuses, and ends with its error', async () => {
    const timers = fakeTimers();
    const quota = new Recorder();
    let open = false;
    const breaker: Limit = { admit: () => (open ? proxyError('ERR_CIRCUIT_OPEN') : undefined) };
    const scene = new Scene({ limits: [quota, breaker], retry: retrying(5) }).start();
    scene.last.listener.head(head(503));
    open = true;
    timers.runNext();
    await told();
    expect(quota.heard.at(-1)).to.deep.equal(['end', 2, 'unused']);
    expect(codes(scene.settled)).to.deep.equal(['ERR_CIRCUIT_OPEN']);
    expect(scene.exchange.attempts).to.have.length(1);
    expect(timers.waiting.size).to.equal(0);
  });

  it('can be ended from the decision on, though its driver has not come back yet', async () => {
    const timers = fakeTimers();
    const { promise, resolve: come } = later<void>();
    const given: unknown[] = [];
    const { drive } = retrying(1);
    const slow = retrying(1, {
      drive: (again) =>
        promise.then(() => drive(again)).catch(({ message }: Error) => void given.push(message)),
    });
    const scene = new Scene({ retry: slow }).start();
    scene.last.listener.head(head(503));
    expect(scene.waiting.has(scene.call)).to.equal(true);
    scene.call.fail(proxyError('ERR_SHUTTING_DOWN'));
    come();
    await told();
    expect(codes(scene.settled)).to.deep.equal(['ERR_SHUTTING_DOWN']);
    expect(timers.waiting.size).to.equal(0);
    expect(scene.waiting.size).to.equal(0);
    expect(given).to.deep.equal(['The call has ended']);
    expect(scene.sent).to.have.length(1);
  });

  it('can be ended while it waits for a limit or for an egress proxy', async () => {
    const never = new Promise<never>(() => {});
    for (const waits of [{ limits: [{ admit: () => never }] }, { egress: { choose: () => never } }]) {
      const scene = new Scene(waits).start();
      expect([...scene.waiting]).to.deep.equal([scene.call]);
      scene.call.fail(proxyError('ERR_SHUTTING_DOWN'));
      expect(codes(scene.settled)).to.deep.equal(['ERR_SHUTTING_DOWN']);
      expect([scene.waiting.size, scene.sent.length]).to.deep.equal([0, 0]);
    }
    const scene = new Scene({ limits: [{ admit: () => Promise.resolve(undefined) }] }).start();
    await told();
    expect([scene.waiting.size, scene.sent.length]).to.deep.equal([0, 1]);
  });

  it('does not wait for another attempt where all was closed during this one', async () => {
    const timers = fakeTimers();
    const scene = new Scene({ retry: retrying(1) }).start();
    scene.closed = true;
    scene.last.listener.head(head(503));
    await told();
    expect(codes(scene.settled)).to.deep.equal(['ERR_SHUTTING_DOWN']);
    expect([timers.waiting.size, scene.waiting.size, scene.sent.length]).to.deep.equal([0, 0, 1]);
  });

  it('ends with the error of a driver that gives up by itself', async () => {
    const timers = fakeTimers();
    const scene = new Scene({
      retry: retrying(1, { drive: async () => Promise.reject(proxyError('ERR_INTERNAL')) }),
    });
    scene.start().last.listener.head(head(503));
    await told();
    expect(codes(scene.settled)).to.deep.equal(['ERR_INTERNAL']);
    expect(timers.waiting.size).to.equal(0);
  });

  it('tells its driver when a call is over, so that nothing of it is left', async () => {
    const timers = fakeTimers();
    const ends: unknown[] = [];
    for (const error of [proxyError('ERR_INTERNAL'), undefined]) {
      const { drive } = retrying(0);
      const watched = retrying(1, {
        drive: (again) => drive(again).catch((thrown) => void ends.push(thrown)),
      });
      const scene = new Scene({ retry: watched }).start();
      scene.last.listener.head(head(503));
      if (error) scene.call.fail(error);
      else scene.leave();
      await told();
    }
    expect(ends[0]).to.have.property('code', 'ERR_INTERNAL');
    expect(ends[1]).to.have.property('message', 'The call has ended');
    expect(timers.waiting.size).to.equal(0);
  });

  it('resolves its driver when an attempt was accepted', async () => {
    const timers = fakeTimers();
    const done: unknown[] = [];
    const { drive } = retrying(0);
    const retry = retrying(1, { drive: (again) => drive(again).then(() => void done.push('done')) });
    const scene = new Scene({ retry }).start();
    scene.last.listener.head(head(503));
    timers.runNext();
    scene.last.listener.head(head(200));
    await told();
    expect(done).to.deep.equal(['done']);
  });
});
