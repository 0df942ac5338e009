import { expect } from 'chai';
import { fakeTimers } from '../../support/fake-timers.js';
import { codes, head, Recorder, retrying, Scene, socketError, told } from './call-scene.js';

const RESET = 'ECONNRESET';

describe('Call and a transport that tells too much', () => {
  it('hears one head, one end, and nothing behind it', () => {
    const recorder = new Recorder();
    const scene = new Scene({ limits: [recorder] }).start();
    const { listener } = scene.last;
    expect(listener.head(head(200))).to.equal(true);
    expect(listener.head(head(500))).to.equal(false);
    listener.finished();
    listener.finished();
    listener.failed(socketError(RESET));
    expect(listener.head(head(200))).to.equal(false);
    listener.connected();
    expect(scene.settled).to.deep.equal([undefined]);
    expect(recorder.heard.map(([event]) => event)).to.deep.equal(['sending', 'head', 'end']);
    expect(scene.exchange.attempts[0]?.outcome).to.have.nested.property('head.status', 200);
  });

  it('hears one failure', () => {
    const scene = new Scene().start();
    const { listener } = scene.last;
    listener.failed(socketError(RESET));
    listener.failed(socketError('ECONNREFUSED'));
    listener.finished();
    expect(codes(scene.settled)).to.deep.equal(['ERR_UPSTREAM_RESET']);
  });

  it('fails where it has ended without a response', () => {
    const scene = new Scene().start();
    scene.last.listener.finished();
    expect(codes(scene.settled)).to.deep.equal(['ERR_INTERNAL']);
    expect(scene.settled[0]?.cause).to.have.property('message', 'The transport has ended without a response');
  });

  for (const event of ['failed', 'finished', 'head'] as const) {
    it(`hears nothing of one that tells "${event}" when it is cancelled`, async () => {
      const timers = fakeTimers();
      const cancelled = ({ listener }: Scene['last']): void => {
        if (event === 'failed') listener.failed(socketError('ECONNREFUSED'));
        else if (event === 'head') expect(listener.head(head(200))).to.equal(false);
        else listener.finished();
      };
      const left = new Scene({ cancelled, retry: retrying(3) }).start();
      left.leave();
      expect(left.exchange.attempts[0]).to.deep.include({
        end: { kind: 'cancelled' },
        outcome: { kind: 'abandoned' },
      });
      const broken = new Scene({ cancelled }).start();
      broken.last.listener.head(head(200));
      broken.leave();
      expect(broken.exchange.attempts[0]?.end).to.deep.equal({ kind: 'cancelled' });
      const late = new Scene({ cancelled, retry: retrying(3), requestTimeoutMs: 100 }).start();
      late.last.listener.connected();
      late.wheel.expireAll();
      expect(late.exchange.attempts[0]?.end).to.have.nested.property('error.code', 'ERR_UPSTREAM_TIMEOUT');
      await told();
      expect(timers.waiting.size).to.equal(1);
      expect(late.sent).to.have.length(1);
      late.leave();
    });
  }

  it('takes all of it from one that tells it while it is asked to send', () => {
    const scene = new Scene({
      requestTimeoutMs: 100,
      sending: ({ listener }) => {
        listener.connected();
        listener.head(head(200));
        listener.finished();
      },
    }).start();
    expect(scene.settled).to.deep.equal([undefined]);
    expect(scene.wheel.watched.size).to.equal(0);
    expect(scene.exchange.attempts[0]?.end).to.deep.equal({ kind: 'complete' });
  });

  it('cancels one that had no time to say how, once it has', () => {
    const scene = new Scene({ sending: () => scene.leave() });
    scene.start();
    expect(scene.last.cancels).to.equal(1);
    expect(scene.exchange.attempts[0]?.end).to.deep.equal({ kind: 'cancelled' });
  });

  it('fails an attempt whose transport throws', () => {
    const scene = new Scene({
      requestTimeoutMs: 100,
      sending: () => {
        throw socketError('UND_ERR_INVALID_ARG');
      },
    }).start();
    expect(codes(scene.settled)).to.deep.equal(['ERR_BAD_REQUEST']);
    expect(scene.wheel.watched.size).to.equal(0);
  });
});
