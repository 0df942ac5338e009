import { expect } from 'chai';
import type { Attempt } from '../../../lib/core/attempt.js';
import type { Limit, Permit } from '../../../lib/core/exchange.js';
import type { AttemptClock } from '../../../lib/upstream/attempt-clock.js';
import type { UploadWait } from '../../../lib/upstream/request/body-rules.js';
import { fakeTimers } from '../../support/fake-timers.js';
import {
  codes,
  head,
  later,
  proxyError,
  retrying,
  Scene,
  type SceneOptions,
  socketError,
  standStill,
  told,
  way,
} from './call-scene.js';

function clockOf(scene: Scene): AttemptClock {
  const [deadline] = scene.wheel.watched;
  if (!deadline) throw new Error('No clock runs');
  return deadline as AttemptClock;
}

/** Milliseconds that an attempt has from now on. */
const timeOf = (scene: Scene): number => clockOf(scene).dueAt - performance.now();

/** An attempt that waits for its head. */
function connected(options: SceneOptions): Scene {
  const scene = new Scene(options).start();
  scene.last.listener.connected();
  return scene;
}

const endOf = ({ exchange }: Scene) => exchange.attempts.at(-1)?.end;
const endsAs = (scene: Scene): string => {
  const end = endOf(scene);
  return end?.kind === 'failure' ? `${end.error.code} by ${end.by}` : String(end?.kind);
};

describe('Call and what the target may take', () => {
  it('is what forward() was given, or a stage in front if that is less', () => {
    expect(timeOf(connected({}))).to.equal(Number.POSITIVE_INFINITY);
    expect(timeOf(connected({ requestTimeoutMs: 300 }))).to.be.within(250, 300);
    expect(timeOf(connected({ requestTimeoutMs: 300, attemptTimeoutMs: 200 }))).to.be.within(150, 200);
    expect(timeOf(connected({ requestTimeoutMs: 200, attemptTimeoutMs: 300 }))).to.be.within(150, 200);
    expect(timeOf(connected({ attemptTimeoutMs: 300 }))).to.be.within(250, 300);
  });

  it('begins when the request has left', () => {
    const scene = new Scene({ requestTimeoutMs: 300 }).start();
    standStill(100);
    scene.last.listener.connected();
    expect(timeOf(scene)).to.be.within(250, 300);
  });

  it('is at most what is left of all the time of a call with retries', () => {
    const retry = retrying(0, { totalTimeoutMs: 5000 });
    expect(timeOf(connected({ retry }))).to.be.within(4500, 5000);
    expect(timeOf(connected({ retry, requestTimeoutMs: 300 }))).to.be.within(250, 300);
    expect(timeOf(connected({ retry, requestTimeoutMs: 9000 }))).to.be.within(4500, 5000);
  });

  it('ends an attempt without a head, and its connection first', () => {
    const order: string[] = [];
    const limit: Limit = { admit: () => ({ end: () => order.push('end') }) };
    const scene = connected({
      limits: [limit],
      requestTimeoutMs: 300,
      cancelled: () => order.push('cancelled'),
    });
    scene.wheel.expireAll();
    expect(order).to.deep.equal(['cancelled', 'end']);
    expect(scene.settled[0]?.message).to.equal('The upstream did not respond within 300 ms');
    expect(endsAs(scene)).to.equal('ERR_UPSTREAM_TIMEOUT by target');
    expect(endOf(scene)).to.include({ retryClass: 'timeout', unsent: false });
  });

  it('does not bound the body', () => {
    const scene = connected({ requestTimeoutMs: 300 });
    scene.last.listener.head(head(200));
    expect(clockOf(scene).dueInMs(performance.now() + 1_000_000)).to.be.above(0);
    const [attempt] = scene.exchange.attempts;
    const { durationMs } = attempt as Attempt;
    scene.last.listener.finished();
    expect(attempt?.durationMs).to.equal(durationMs);
    expect(scene.wheel.watched.size).to.equal(0);
  });
});

describe('Call and the wait for a connection', () => {
  it('has limits of its own, and by default those of the target', () => {
    expect(timeOf(new Scene({ requestTimeoutMs: 300 }).start())).to.be.within(250, 300);
    const scene = new Scene({ requestTimeoutMs: 300, phases: { queueMs: 700, connectMs: 900 } }).start();
    expect(timeOf(scene)).to.be.within(600, 700);
    scene.last.listener.connecting();
    expect(timeOf(scene)).to.be.within(800, 900);
    const open = new Scene({
      requestTimeoutMs: 60_000,
      phases: { queueMs: Number.POSITIVE_INFINITY },
    }).start();
    expect(timeOf(open)).to.equal(Number.POSITIVE_INFINITY);
    open.last.listener.connecting();
    expect(timeOf(open)).to.be.within(9900, 10_000);
    const quick = new Scene({ requestTimeoutMs: 300 }).start();
    quick.last.listener.connecting();
    expect(timeOf(quick)).to.be.within(250, 300);
  });

  it('is this side’s doing while all connections are in use, and may be sent again', () => {
    const scene = new Scene({ requestTimeoutMs: 300 }).start();
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_NO_CONNECTION by self');
    expect(endOf(scene)).to.include({ unsent: true, retryClass: 'socket' });
    expect(scene.settled[0]?.headers).to.have.property('Retry-After', '1');
  });

  it('is the target’s once a connection is being opened, and nothing was sent', () => {
    const scene = new Scene({ requestTimeoutMs: 300 }).start();
    scene.last.listener.connecting();
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_UPSTREAM_TIMEOUT by target');
    expect(endOf(scene)).to.include({ unsent: true, retryClass: 'timeout' });
  });

  it('makes nothing sent of what breaks off before there is a connection', () => {
    const early = new Scene().start();
    early.last.listener.connecting();
    early.last.listener.failed(socketError('ECONNRESET'));
    expect(endOf(early)).to.include({ unsent: true, retryClass: 'connection reset' });
    const late = connected({});
    late.last.listener.failed(socketError('ECONNRESET'));
    expect(endOf(late)).to.include({ unsent: false, retryClass: 'connection reset' });
  });

  const WAYS: [what: string, phase: 'queue' | 'connect' | 'head', code: string][] = [
    ['opens a tunnel', 'connect', 'ERR_PROXY_CONNECT'],
    ['waits for a connection', 'queue', 'ERR_NO_CONNECTION'],
    ['has its connection', 'head', 'ERR_UPSTREAM_TIMEOUT'],
  ];
  for (const [what, phase, code] of WAYS) {
    it(`ends one that ${what} with ${code}`, () => {
      const tried: string[][] = [];
      const choose = (_call: unknown, names: ReadonlySet<string>) => {
        tried.push([...names]);
        return names.size === 0 ? way('a') : proxyError('ERR_NO_PROXY');
      };
      const scene = new Scene({ egress: { choose }, requestTimeoutMs: 300 }).start();
      if (phase !== 'queue') scene.last.listener.connecting();
      if (phase === 'head') scene.last.listener.connected();
      scene.wheel.expireAll();
      const end = scene.exchange.attempts[0]?.end;
      expect(end).to.have.nested.property('error.code', code);
      if (code === 'ERR_PROXY_CONNECT') {
        expect(end).to.have.nested.property('error.message', 'The egress proxy made no connection in time');
      }
      expect(tried).to.deep.equal(code === 'ERR_PROXY_CONNECT' ? [[], ['a']] : [[]]);
    });
  }
});

describe('Call and an upload', () => {
  function uploading(awaits: UploadWait, { phases, ...more }: SceneOptions = {}) {
    const upload = { moves: 0, awaits, bytes: 0, pace: undefined };
    const scene = connected({
      requestTimeoutMs: 300,
      phases: { uploadMs: 500, ...phases },
      body: { replayable: false, upload },
      ...more,
    });
    // Whole milliseconds add up exactly.
    const now = Math.ceil(performance.now());
    const isDue = (ms: number): boolean => clockOf(scene).dueInMs(now + ms) <= 0;
    isDue(0);
    return { scene, upload, isDue };
  }

  const slow = (minBodyRate: number) => uploading('client', { phases: { minBodyRate } });

  it('may take as long as it flows', () => {
    const { scene, upload, isDue } = uploading('client');
    for (let ms = 400; ms < 100_000; ms += 400) {
      upload.moves++;
      expect(isDue(ms)).to.equal(false);
    }
    scene.last.listener.sent();
    expect(timeOf(scene)).to.be.within(250, 300);
  });

  it('is the client’s that stops sending', () => {
    const { scene, isDue } = uploading('client');
    expect([isDue(499), isDue(500)]).to.deep.equal([false, true]);
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_REQUEST_TIMEOUT by client');
    expect(endOf(scene)).to.include({ retryClass: undefined });
  });

  it('is the target’s that takes nothing, from when it began to', () => {
    const { scene, upload, isDue } = uploading('client');
    isDue(400);
    upload.awaits = 'target';
    expect([isDue(410), isDue(709), isDue(710)]).to.deep.equal([false, false, true]);
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_UPSTREAM_TIMEOUT by target');
  });

  it('is the client’s that is slower than minBodyRate for as long as it may pause', () => {
    const { scene, upload, isDue } = slow(1000);
    const drip = (ms: number): boolean => {
      upload.moves++;
      upload.bytes += 1;
      return isDue(ms);
    };
    for (let ms = 25; ms < 500; ms += 25) expect(drip(ms)).to.equal(false);
    expect([drip(500), drip(525)]).to.deep.equal([false, true]);
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_REQUEST_TIMEOUT by client');
  });

  it('is the client’s that was fast enough once, too', () => {
    const { upload, isDue } = slow(1000);
    upload.bytes = 1_000_000;
    const due = [];
    for (let ms = 25; ms <= 1000; ms += 25) {
      upload.moves++;
      if (isDue(ms)) due.push(ms);
    }
    expect(due[0]).to.equal(525);
  });

  it('is nobody’s failure at the least rate, whatever its pauses', () => {
    const { upload, isDue } = slow(1000);
    for (let ms = 400; ms <= 10_000; ms += 400) {
      upload.moves++;
      upload.bytes += 400;
      expect(isDue(ms)).to.equal(false);
    }
  });

  it('does not charge the client with what the target has not taken', () => {
    const { upload, isDue } = slow(1000);
    for (let ms = 25; ms <= 5000; ms += 25) {
      upload.moves++;
      // For one look in twenty the target is ahead of the client.
      upload.awaits = ms % 500 === 0 ? 'client' : 'target';
      expect(isDue(ms)).to.equal(false);
    }
  });

  it('waits for the receiver of a copy as long as that is waited for', () => {
    expect(uploading('copy').isDue(1_000_000)).to.equal(false);
  });

  it('is this side’s where an option gave the stream', () => {
    const { scene, isDue } = uploading('source');
    expect(isDue(500)).to.equal(true);
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_INTERNAL by self');
  });

  it('does not count against the total', () => {
    const { scene } = uploading('client', {
      retry: retrying(0, { totalTimeoutMs: 400 }),
      requestTimeoutMs: 0,
    });
    standStill(300);
    scene.last.listener.sent();
    expect(timeOf(scene)).to.be.within(300, 400);
  });

  it('is the client’s too where an option ends silent connections', () => {
    const { scene } = uploading('client');
    scene.last.listener.failed(socketError('UND_ERR_HEADERS_TIMEOUT'));
    expect(endsAs(scene)).to.equal('ERR_REQUEST_TIMEOUT by client');
    const { scene: other } = uploading('target');
    other.last.listener.failed(socketError('UND_ERR_HEADERS_TIMEOUT'));
    expect(endsAs(other)).to.equal('ERR_UPSTREAM_TIMEOUT by target');
  });

  it('that stops while the response is under way is the client’s', () => {
    const { scene } = uploading('client');
    scene.last.listener.head(head(200));
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_REQUEST_TIMEOUT by client');
  });
});

describe('Call and the body of a response', () => {
  const TYPE = 'Content-Type';
  function responding(phases: SceneOptions['phases'], ...rawHeaders: string[]) {
    const scene = connected({ phases });
    scene.last.listener.head(head(200, ...rawHeaders));
    const now = performance.now();
    const isDue = (ms: number): boolean => clockOf(scene).dueInMs(now + ms) <= 0;
    isDue(0);
    return { scene, isDue };
  }
  const holdsBack = ({ exchange: { res } }: Scene, holds: boolean): void => {
    Object.defineProperty(res, 'writableNeedDrain', { value: holds, configurable: true });
  };

  it('may flow for any time, and not stop for long', () => {
    const { scene, isDue } = responding({ bodyMs: 300 });
    for (let ms = 200; ms < 5000; ms += 200) {
      scene.last.received++;
      expect(isDue(ms)).to.equal(false);
    }
    expect([isDue(5099), isDue(5100)]).to.deep.equal([false, true]);
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_UPSTREAM_TIMEOUT by target');
  });

  it('is not waited for while its client does not read, nor once all of it is here', () => {
    const { scene, isDue } = responding({ bodyMs: 300 });
    holdsBack(scene, true);
    expect(isDue(1_000_000)).to.equal(false);
    holdsBack(scene, false);
    expect([isDue(1_000_299), isDue(1_000_300)]).to.deep.equal([false, true]);
    scene.last.received = Number.POSITIVE_INFINITY;
    expect(isDue(9_000_000)).to.equal(false);
  });

  /** How a response ends that breaks off after its client has not read for so long. */
  function brokenOff(heldMs: number, code = 'ECONNRESET'): string {
    const { scene, isDue } = responding({});
    holdsBack(scene, true);
    for (let ms = 0; ms <= heldMs; ms += 25) isDue(ms);
    holdsBack(scene, false);
    scene.last.listener.failed(socketError(code));
    return endsAs(scene);
  }

  it('is the client’s that has not read for long, when its target gives it up', () => {
    expect(brokenOff(200)).to.equal('ERR_UPSTREAM_RESET by target');
    expect(brokenOff(300)).to.equal('ERR_UPSTREAM_RESET by client');
    expect(brokenOff(300, 'HPE_INVALID_CHUNK_SIZE')).to.equal('ERR_UPSTREAM_PROTOCOL by target');
  });

  it('may be quiet where it is a stream, whose end by this side is no failure', () => {
    const quiet = responding({ bodyMs: 300 }, TYPE, 'text/event-stream; charset=utf-8');
    expect(quiet.isDue(1_000_000)).to.equal(false);
    const { scene, isDue } = responding({ bodyMs: 300, streamIdleMs: 600 }, TYPE, 'application/x-ndjson');
    expect([isDue(599), isDue(600)]).to.deep.equal([false, true]);
    scene.sendHead();
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('cancelled');
    expect(scene.last.cancels).to.equal(1);
    expect(scene.settled).to.deep.equal([undefined]);
    expect(scene.exchange.res.destroyed).to.equal(true);
  });
});

describe('Call and the time that waits have used up', () => {
  it('begins no attempt whose useful time is gone', async () => {
    const permit = later<Permit>();
    let ended = '';
    const held: Permit = {
      end: ({ end }) => {
        ended = String(end?.kind);
      },
    };
    const limits = [{ admit: () => permit.promise }];
    const scene = new Scene({ limits, retry: retrying(3, { totalTimeoutMs: 120 }) }).start();
    standStill(80);
    permit.resolve(held);
    await told();
    expect(scene.sent).to.have.length(0);
    expect(codes(scene.settled)).to.deep.equal(['ERR_NO_CONNECTION']);
    expect(scene.exchange.attempts).to.deep.equal([]);
    expect(ended).to.equal('unused');
  });

  it('ends with the last failure where there was one', async () => {
    const timers = fakeTimers();
    const scene = new Scene({ retry: retrying(3, { totalTimeoutMs: 120 }) }).start();
    scene.last.listener.failed(socketError('ECONNREFUSED'));
    await told();
    standStill(80);
    timers.runNext();
    await told();
    expect(scene.sent).to.have.length(1);
    expect(codes(scene.settled)).to.deep.equal(['ERR_UPSTREAM_CONNECT']);
  });

  it('asks for the larger of 50 ms and a tenth of what the target may take, and half of a short total', () => {
    const leastOf = (totalTimeoutMs: number, requestTimeoutMs: number): number => {
      let least = -1;
      const delayAfter: ReturnType<typeof retrying>['delayAfter'] = (_outcome, { leastMs }) => {
        least = leastMs;
        return undefined;
      };
      const retry = retrying(0, { totalTimeoutMs, delayAfter });
      new Scene({ retry, requestTimeoutMs }).start().last.listener.failed(socketError('ECONNREFUSED'));
      return least;
    };
    expect(leastOf(30_000, 10_000)).to.equal(1000);
    expect(leastOf(30_000, 300)).to.equal(50);
    expect(leastOf(1000, 10_000)).to.equal(100);
    expect(leastOf(60, 10_000)).to.equal(30);
  });

  it('does not hold it against a target that had no time left', async () => {
    const permit = later<Permit>();
    const limits = [{ admit: () => permit.promise }];
    const retry = retrying(0, { totalTimeoutMs: 400 });
    const scene = new Scene({ limits, retry, requestTimeoutMs: 10_000 }).start();
    standStill(100);
    permit.resolve({});
    await told();
    scene.last.listener.connected();
    scene.wheel.expireAll();
    expect(endsAs(scene)).to.equal('ERR_UPSTREAM_TIMEOUT by self');
    expect(scene.settled[0]?.message).to.match(/within \d+ ms, all that was left of the call's time$/);
    const inTime = connected({ retry, requestTimeoutMs: 10_000 });
    inTime.wheel.expireAll();
    expect(endsAs(inTime)).to.equal('ERR_UPSTREAM_TIMEOUT by target');
  });
});
