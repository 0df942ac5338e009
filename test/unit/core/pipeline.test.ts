import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { type Exchange, exchangeOf, type Handler, knownExchange } from '../../../lib/core/exchange.js';
import { enterBy, pipeline, type Stage } from '../../../lib/core/pipeline.js';

function call() {
  const req = new IncomingMessage(new Socket());
  return { req, res: new ServerResponse(req) };
}

/** What stages and the end were told, in order. */
class Trail {
  readonly steps: unknown[] = [];

  /** A stage that goes on at once. */
  stage(name: string): Handler {
    return (_req, _res, next) => {
      this.steps.push(name);
      next();
    };
  }

  /** A stage that writes on the exchange, and may fail. */
  entering(name: string, error?: unknown): Stage {
    const never: Handler = () => expect.fail('It has a shorter way');
    const enter = ({ req }: Exchange): unknown => {
      this.steps.push(`${name} of ${req.url}`);
      return error;
    };
    return Object.assign(never, { enter });
  }

  /** Runs stages for a call. */
  run(stages: readonly (Stage | undefined)[], { req, res } = call()): Exchange | undefined {
    req.url = '/a';
    pipeline(stages)(req, res, (error) => this.steps.push(['end', error]));
    return knownExchange(req);
  }
}

describe('pipeline()', () => {
  it('is called pipeline, and runs its stages in turn, but for those that are missing', () => {
    const trail = new Trail();
    trail.run([trail.stage('a'), undefined, trail.entering('b'), trail.stage('c'), trail.entering('d')]);
    expect(trail.steps).to.deep.equal(['a', 'b of /a', 'c', 'd of /a', ['end', undefined]]);
    expect(pipeline([]).name).to.equal('pipeline');
  });

  it('ends at once without any', () => {
    const trail = new Trail();
    trail.run([]);
    expect(trail.steps).to.deep.equal([['end', undefined]]);
  });

  it('waits for a stage that has to, and goes on or ends as it says', async () => {
    for (const [late, rest] of [
      [undefined, ['c', ['end', undefined]]],
      ['broken', [['end', 'broken']]],
    ] as const) {
      const trail = new Trail();
      const waiting = Promise.resolve(late);
      trail.run([trail.entering('b', waiting), trail.stage('c')]);
      expect(trail.steps).to.deep.equal(['b of /a']);
      await waiting;
      expect(trail.steps).to.deep.equal(['b of /a', ...rest]);
    }
  });

  it('ends for a client that leaves while a stage waits', async () => {
    const trail = new Trail();
    const waiting = Promise.resolve();
    trail.run([trail.entering('b', waiting), trail.stage('c')])?.close();
    await waiting;
    expect(trail.steps).to.deep.equal(['b of /a']);
  });

  it('ends at the first that fails', () => {
    for (const failing of [
      (trail: Trail): Stage => trail.entering('failing', 'broken'),
      (trail: Trail): Stage =>
        (_req, _res, next) => {
          trail.steps.push('failing of /a');
          next('broken');
        },
    ]) {
      const trail = new Trail();
      trail.run([trail.stage('a'), failing(trail), trail.stage('b')]);
      expect(trail.steps).to.deep.equal(['a', 'failing of /a', ['end', 'broken']]);
    }
  });

  it('takes null for no error', () => {
    const trail = new Trail();
    trail.run([(_req, _res, next) => next(null), trail.stage('a')]);
    expect(trail.steps).to.deep.equal(['a', ['end', undefined]]);
  });

  it('gives a stage the request and response of the call', () => {
    const { req, res } = call();
    const given: unknown[] = [];
    pipeline([(...both) => given.push(...both.slice(0, 2))])(req, res, () => {});
    expect(given).to.deep.equal([req, res]);
    expect(exchangeOf(req, res)).to.include({ req, res });
  });

  it('begins no stage once its client has left', () => {
    const trail = new Trail();
    const left = call();
    left.res.destroy();
    trail.run([trail.stage('a'), trail.entering('b')], left);
    expect(trail.steps).to.deep.equal([]);
  });

  for (const kind of ['a stage', 'one that writes on the exchange', 'the end'] as const) {
    it(`does not come to ${kind} when its client leaves meanwhile`, () => {
      const trail = new Trail();
      const next = { 'a stage': [trail.stage('b')], 'the end': [] }[kind as 'the end'] ?? [
        trail.entering('b'),
      ];
      const waiting: (() => void)[] = [];
      const both = call();
      trail.run([(_req, _res, go) => waiting.push(() => go()), ...next], both);
      both.res.emit('close');
      waiting[0]?.();
      expect(trail.steps).to.deep.equal([]);
    });
  }

  it('comes to no end where its last stage has ended the call', () => {
    const trail = new Trail();
    const leaving = Object.assign((() => {}) as Handler, {
      enter: ({ res }: Exchange) => void res.emit('close'),
    });
    trail.run([leaving]);
    expect(trail.steps).to.deep.equal([]);
  });

  it('can be run again from behind each of its stages, for a detached call', () => {
    const trail = new Trail();
    const rests: Handler[] = [];
    const keep: Stage = (req, res, next) => {
      const { rest } = exchangeOf(req, res);
      if (rest) rests.push(rest);
      next();
    };
    trail.run([trail.stage('a'), keep, trail.entering('b'), keep, trail.stage('c')]);
    trail.steps.length = 0;
    const other = call();
    other.req.url = '/other';
    exchangeOf(other.req, other.res);
    for (const rest of [...rests]) rest(other.req, other.res, (error) => trail.steps.push(['again', error]));
    expect(trail.steps).to.deep.equal(['b of /other', 'c', ['again', undefined], 'c', ['again', undefined]]);
  });

  it('runs nothing again for a call that nobody has begun', () => {
    const trail = new Trail();
    const exchange = trail.run([trail.stage('a'), trail.stage('b')]);
    trail.steps.length = 0;
    const { req, res } = call();
    exchange?.rest?.(req, res, () => trail.steps.push('again'));
    expect(trail.steps).to.deep.equal([]);
  });
});

describe('enterBy()', () => {
  it('runs a stage that is mounted by itself', () => {
    for (const error of [undefined, 'broken']) {
      const { req, res } = call();
      const passed: unknown[] = [];
      const entered: unknown[] = [];
      const enter = (exchange: Exchange): unknown => {
        entered.push(exchange);
        return error;
      };
      enterBy(enter, req, res, (...given) => passed.push(given));
      expect(entered).to.deep.equal([exchangeOf(req, res)]);
      expect(passed).to.deep.equal([error === undefined ? [] : [error]]);
    }
  });

  it('does nothing for a client that has left', () => {
    const { req, res } = call();
    res.destroy();
    enterBy(
      () => expect.fail('entered'),
      req,
      res,
      () => expect.fail('passed'),
    );
  });
});
