import { expect } from 'chai';
import { DIRECT } from '../../../lib/core/egress.js';
import type { ProxyError } from '../../../lib/core/errors.js';
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
  standStill,
  told,
  way,
} from './call-scene.js';

const RESET = 'ECONNRESET';

describe('Call with an egress policy', () => {
  it('goes as it is told: through a proxy, or directly', () => {
    const proxy = way('a');
    const through = new Scene({ egress: { choose: () => proxy } }).start();
    expect(through.last.plan).to.include({ egress: proxy, direct: false });
    expect(through.exchange.attempts[0]?.egress).to.equal('a');
    const direct = new Scene({ egress: { choose: () => DIRECT } }).start();
    expect(direct.last.plan).to.include({ egress: undefined, direct: true });
    expect(direct.exchange.attempts[0]?.egress).to.equal(undefined);
  });

  it('asks it for this call, where it goes', () => {
    const asked: unknown[] = [];
    const scene = new Scene({
      egress: {
        choose: (call, tried, target) => {
          asked.push(call, [...tried], target.origin);
          return DIRECT;
        },
      },
    }).start();
    expect(asked).to.deep.equal([scene.exchange, [], 'http://api.test']);
  });

  it('tells the limits which proxy it goes through', () => {
    const names: unknown[] = [];
    const limit: Limit = { admit: ({ egress }) => void names.push(egress) };
    new Scene({ limits: [limit], egress: { choose: async () => way('a') } }).start();
    return told().then(() => expect(names).to.deep.equal(['a']));
  });

  const REFUSALS: [what: string, choose: () => Promise<ProxyError>, code: string][] = [
    ['has none left', async () => proxyError('ERR_NO_PROXY'), 'ERR_NO_PROXY'],
    ['rejects', () => Promise.reject(new Error('no key')), 'ERR_INTERNAL'],
    [
      'throws',
      () => {
        throw new Error('no key');
      },
      'ERR_INTERNAL',
    ],
  ];
  for (const [what, choose, code] of REFUSALS) {
    it(`is refused where it ${what}`, async () => {
      const recorder = new Recorder();
      const scene = new Scene({ egress: { choose }, limits: [recorder], body: { replayable: true } }).start();
      await told();
      expect(codes(scene.settled)).to.deep.equal([code]);
      expect(scene.sent).to.deep.equal([]);
      expect(recorder.heard).to.deep.equal([]);
      expect(scene.bodyCloses).to.equal(1);
    });
  }

  it('ends where it throws behind a back-off', async () => {
    const timers = fakeTimers();
    let calls = 0;
    const choose = (): typeof DIRECT => {
      if (calls++ > 0) throw new Error('no key');
      return DIRECT;
    };
    const scene = new Scene({ egress: { choose }, retry: retrying(3) }).start();
    scene.last.listener.head(head(503));
    timers.runNext();
    await told();
    expect(codes(scene.settled)).to.deep.equal(['ERR_INTERNAL']);
  });

  it('counts the wait for a proxy, and sends nothing once its client has left', async () => {
    const choice = later<typeof DIRECT>();
    const scene = new Scene({ egress: { choose: () => choice.promise } }).start();
    const since = performance.now();
    while (performance.now() < since + 5) await told();
    choice.resolve(DIRECT);
    await told();
    expect(scene.exchange.attempts[0]?.waitedMs).to.be.at.least(5);

    const late = later<typeof DIRECT>();
    const recorder = new Recorder();
    const left = new Scene({ egress: { choose: () => late.promise }, limits: [recorder] }).start();
    left.leave();
    expect(left.settled).to.deep.equal([undefined]);
    late.resolve(DIRECT);
    await told();
    expect(left.sent).to.deep.equal([]);
    expect(recorder.heard).to.deep.equal([]);
  });

  /** Proxies in turn, none of those that have failed. */
  const inTurn = (...names: string[]) => ({
    choose: (_call: unknown, tried: ReadonlySet<string>) => {
      const name = names.find((each) => !tried.has(each));
      return name === undefined ? proxyError('ERR_NO_PROXY') : way(name);
    },
  });

  it('goes through the next proxy where one has failed, which costs no attempt', async () => {
    const timers = fakeTimers();
    const made: unknown[] = [];
    const retry = retrying(1, {
      delayAfter: (_outcome, { attemptsMade }) => (made.push(attemptsMade) < 2 ? 10 : undefined),
    });
    const recorder = new Recorder();
    const scene = new Scene({ egress: inTurn('a', 'b', 'c'), retry, limits: [recorder] }).start();
    scene.last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    scene.last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    expect(scene.sent.map(({ plan }) => plan.egress?.name)).to.deep.equal(['a', 'b', 'c']);
    expect(made).to.deep.equal([]);
    scene.last.listener.head(head(503));
    timers.runNext();
    // It has not forgotten which ones had failed.
    expect(scene.last.plan.egress?.name).to.equal('c');
    scene.last.listener.head(head(503));
    expect(made).to.deep.equal([1, 2]);
    expect(scene.exchange.attempts.map(({ number, egress }) => [number, egress])).to.deep.equal([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'c'],
    ]);
    scene.leave();
    expect(recorder.heard.filter(([event]) => event === 'end')).to.have.length(4);
  });

  it('ends with the refusal of its policy once all of them have failed', () => {
    const scene = new Scene({ egress: inTurn('a') }).start();
    scene.last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    expect(codes(scene.settled)).to.deep.equal(['ERR_NO_PROXY']);
    expect(scene.sent).to.have.length(1);
  });

  it('ends with the failure of its proxy where the body is gone, or the time', () => {
    const gone = new Scene({ egress: inTurn('a', 'b'), body: { replayable: false } }).start();
    gone.last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    expect(codes(gone.settled)).to.deep.equal(['ERR_PROXY_CONNECT']);
    const retry = retrying(3, { totalTimeoutMs: 40 });
    const late = new Scene({ egress: inTurn('a', 'b'), retry }).start();
    standStill(25);
    late.last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    expect(codes(late.settled)).to.deep.equal(['ERR_PROXY_CONNECT']);
    const inTime = new Scene({ egress: inTurn('a', 'b'), retry: retrying(3), body: { replayable: true } });
    inTime.start().last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    expect(inTime.sent).to.have.length(2);
  });

  it('takes no proxy to blame where none was used', () => {
    const direct = new Scene({ egress: { choose: () => DIRECT } }).start();
    direct.last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    expect(codes(direct.settled)).to.deep.equal(['ERR_PROXY_CONNECT']);
    expect(direct.sent).to.have.length(1);
    const none = new Scene().start();
    none.last.listener.failed(proxyError('ERR_PROXY_CONNECT'));
    expect(none.sent).to.have.length(1);
  });

  it('takes the failure of a target for what it is, behind a proxy too', () => {
    const scene = new Scene({ egress: inTurn('a', 'b') }).start();
    scene.last.listener.failed(socketError('ECONNREFUSED'));
    expect(codes(scene.settled)).to.deep.equal(['ERR_UPSTREAM_CONNECT']);
    expect(scene.sent).to.have.length(1);
  });

  it('keeps a 407 of its proxy from the client, and one of the target not', () => {
    const absoluteForm = { origin: 'http://proxy', rawHeaders: [] };
    const choose = (_call: unknown, tried: ReadonlySet<string>) =>
      tried.size === 0 ? way('a', { absoluteForm }) : way('b');
    const scene = new Scene({ egress: { choose } }).start();
    expect(scene.last.listener.head(head(407))).to.equal(false);
    expect(scene.exchange.attempts[0]?.end).to.have.nested.property(
      'error.message',
      'The egress proxy refused its credentials: status 407',
    );
    expect(scene.last.plan.egress?.name).to.equal('b');
    expect(scene.last.listener.head(head(407))).to.equal(true);
    const passed = new Scene({ egress: { choose } }).start();
    expect(passed.last.listener.head(head(200))).to.equal(true);
  });
});

describe('Call on a connection that the target had closed', () => {
  const stale = (scene: Scene): void => scene.last.listener.failed(socketError(RESET), true);

  it('is sent once more at once, which costs no attempt', async () => {
    const timers = fakeTimers();
    const made: unknown[] = [];
    const retry = retrying(1, {
      delayAfter: (outcome, { attemptsMade }) => {
        made.push([attemptsMade, outcome.kind === 'failure' && outcome.staleConnection]);
        return made.length < 2 ? 10 : undefined;
      },
    });
    const scene = new Scene({ retry }).start();
    stale(scene);
    expect(scene.sent).to.have.length(2);
    expect(scene.exchange.attempts[0]?.end).to.include({ staleConnection: true });
    // A second one in a row is the target's doing.
    stale(scene);
    expect(scene.exchange.attempts[1]?.end).to.include({ staleConnection: false });
    timers.runNext();
    // For another attempt it holds anew.
    stale(scene);
    expect(scene.sent).to.have.length(4);
    stale(scene);
    expect(made).to.deep.equal([
      [1, false],
      [2, false],
    ]);
    await told();
    expect(codes(scene.settled)).to.deep.equal(['ERR_UPSTREAM_RESET']);
  });

  const METHODS: [method: string, resent: boolean][] = [
    ...['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'].map((method): [string, boolean] => [
      method,
      true,
    ]),
    ['POST', false],
    ['PATCH', false],
  ];
  for (const [method, resent] of METHODS) {
    it(`${resent ? 'sends' : 'does not send'} a ${method} again`, () => {
      const scene = new Scene({ method, body: { replayable: true } }).start();
      stale(scene);
      expect(scene.sent).to.have.length(resent ? 2 : 1);
    });
  }

  it('sends a POST again that has a key, and nothing whose body is gone', () => {
    const keyed = new Scene({ method: 'POST' });
    keyed.exchange.idempotencyKey = ['Idempotency-Key', '1'];
    stale(keyed.start());
    expect(keyed.sent).to.have.length(2);
    const gone = new Scene({ body: { replayable: false } }).start();
    stale(gone);
    expect(codes(gone.settled)).to.deep.equal(['ERR_UPSTREAM_RESET']);
  });

  it('does not send again what a used connection broke off otherwise', () => {
    const scene = new Scene().start();
    scene.last.listener.failed(socketError('ECONNREFUSED'), true);
    expect(scene.sent).to.have.length(1);
    const unused = new Scene().start();
    unused.last.listener.failed(socketError(RESET));
    expect(unused.sent).to.have.length(1);
  });
});
