import { expect } from 'chai';
import type { Limit, Permit } from '../../../lib/core/exchange.js';
import { onCleanup } from '../../support/cleanup.js';
import { eventOf } from '../../support/until.js';
import { codes, head, later, proxyError, Recorder, Scene, told } from './call-scene.js';

describe('Call and its limits', () => {
  it('asks each in turn, and tells each the head and the end that hears of it', async () => {
    const warned: unknown[] = [];
    const warn = (warning: unknown): void => void warned.push(warning);
    process.on('warning', warn);
    onCleanup(() => process.off('warning', warn));
    const limits = [new Recorder(), {}, { admit: () => undefined }, { admit: () => ({}) }, new Recorder()];
    const scene = new Scene({ limits }).start();
    scene.last.listener.head(head(200));
    scene.last.listener.finished();
    await told();
    expect(warned).to.deep.equal([]);
    for (const limit of [limits[0], limits[4]]) {
      const heard = [
        ['sending', 1],
        ['head', 1],
        ['end', 1, 'complete'],
      ];
      expect(limit).to.deep.include({ heard });
    }
  });

  const REFUSALS: [what: string, admit: NonNullable<Limit['admit']>, code: string][] = [
    ['refuses', () => proxyError('ERR_CIRCUIT_OPEN'), 'ERR_CIRCUIT_OPEN'],
    ['refuses later', async () => proxyError('ERR_RATE_LIMITED'), 'ERR_RATE_LIMITED'],
    ['rejects', () => Promise.reject(proxyError('ERR_INTERNAL')), 'ERR_INTERNAL'],
    [
      'throws',
      () => {
        throw new Error('no limit');
      },
      'ERR_INTERNAL',
    ],
  ];
  for (const [what, admit, code] of REFUSALS) {
    it(`sends nothing where one ${what}, and gives back what others gave`, async () => {
      const [before, behind] = [new Recorder(), new Recorder()];
      const scene = new Scene({ limits: [before, { admit }, behind], body: { replayable: true } }).start();
      await told();
      expect(codes(scene.settled)).to.deep.equal([code]);
      expect(scene.exchange.error).to.equal(scene.settled[0]);
      expect(scene.sent).to.deep.equal([]);
      expect(scene.exchange.attempts).to.deep.equal([]);
      expect(before.heard).to.deep.equal([['end', 1, 'unused']]);
      expect(behind.heard).to.deep.equal([]);
      expect(scene.bodyCloses).to.equal(1);
    });
  }

  it('begins an attempt when it has waited, and counts the wait', async () => {
    const permit = later<Permit>();
    const recorder = new Recorder();
    const limits = [{ admit: () => permit.promise }, recorder];
    const scene = new Scene({ limits, requestTimeoutMs: 1000 }).start();
    const since = performance.now();
    while (performance.now() < since + 5) await told();
    expect(scene.sent).to.deep.equal([]);
    permit.resolve({});
    await told();
    const [attempt] = scene.exchange.attempts;
    expect(attempt?.waitedMs).to.be.at.least(5).and.below(1000);
    expect(attempt?.startedAt).to.be.at.least(since + 5);
    const [deadline] = scene.wheel.watched;
    expect(deadline)
      .to.have.property('dueAt')
      .that.is.closeTo((attempt?.startedAt ?? 0) + 1000, 0.001);
    expect(recorder.heard).to.deep.equal([['sending', 1]]);
  });

  it('gives a permit back that comes when its client has left, and asks no more of them', async () => {
    const permit = later<Permit>();
    const [held, late, behind] = [new Recorder(), new Recorder(), new Recorder()];
    const scene = new Scene({ limits: [held, { admit: () => permit.promise }, behind] }).start();
    scene.leave();
    expect(held.heard).to.deep.equal([['end', 1, 'unused']]);
    permit.resolve(late);
    await told();
    expect(late.heard).to.deep.equal([['end', 1, 'unused']]);
    expect(behind.heard).to.deep.equal([]);
    expect(scene.sent).to.deep.equal([]);
    expect(scene.settled).to.deep.equal([undefined]);
  });

  it('asks none behind the one that has ended the call, whatever that one says', () => {
    for (const answer of [undefined, new Recorder(), proxyError('ERR_RATE_LIMITED')]) {
      const behind = new Recorder();
      const limit: Limit = {
        admit: (_attempt, { res }) => {
          res.emit('close');
          return answer;
        },
      };
      const scene = new Scene({ limits: [limit, { admit: () => expect.fail('asked') }, behind] }).start();
      expect(scene.sent).to.deep.equal([]);
      expect(scene.settled).to.deep.equal([undefined]);
      if (answer instanceof Recorder) expect(answer.heard).to.deep.equal([['end', 1, 'unused']]);
    }
  });

  it('sends nothing once a permit has ended the call while it was asked for headers', () => {
    const leaving: Permit = { sending: (_attempt, { res }) => void res.emit('close') };
    const recorder = new Recorder();
    const scene = new Scene({ limits: [recorder, { admit: () => leaving }], requestTimeoutMs: 100 }).start();
    expect(scene.sent).to.deep.equal([]);
    expect(scene.wheel.watched.size).to.equal(0);
    expect(recorder.heard.at(-1)).to.deep.equal(['end', 1, 'unused']);
  });

  it('tells no head behind the end, where a permit has ended the call at the head', () => {
    const leaving: Permit = { head: (_attempt, { res }) => void res.emit('close') };
    const recorder = new Recorder();
    const scene = new Scene({ limits: [{ admit: () => leaving }, recorder] }).start();
    expect(scene.last.listener.head(head(200))).to.equal(false);
    expect(recorder.heard).to.deep.equal([
      ['sending', 1],
      ['end', 1, 'cancelled'],
    ]);
    expect(scene.last.cancels).to.equal(1);
    expect(scene.settled).to.deep.equal([undefined]);
  });

  for (const hook of ['sending', 'head', 'end'] as const) {
    it(`survives a permit that throws at "${hook}", and tells the others`, async () => {
      const failing: Permit = {
        [hook]: () => {
          throw new Error('A faulty permit');
        },
      };
      const warned = hook === 'end' ? eventOf<Error>(process, 'warning') : undefined;
      const others = [new Recorder(), new Recorder()] as const;
      const limits = [others[0], { admit: () => failing }, others[1]];
      const scene = new Scene({ limits, requestTimeoutMs: 100 }).start();
      if (hook !== 'sending') scene.last.listener.head(head(200));
      if (hook === 'end') scene.last.listener.finished();
      expect(codes(scene.settled)).to.deep.equal([hook === 'end' ? undefined : 'ERR_INTERNAL']);
      for (const { heard } of others) {
        expect(heard.filter(([event]) => event === 'end')).to.deep.equal([
          ['end', 1, hook === 'end' ? 'complete' : 'failure'],
        ]);
      }
      expect(scene.wheel.watched.size).to.equal(0);
      if (!warned) return;
      expect(await warned).to.include({
        name: 'PermitWarning',
        code: 'RESILIENT_PROXY_PERMIT',
        message: 'A permit failed at the end of its attempt: A faulty permit',
      });
    });
  }
});
