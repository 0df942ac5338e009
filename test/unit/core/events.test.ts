import { expect } from 'chai';
import { Events } from '../../../lib/core/events.js';
import { onCleanup } from '../../support/cleanup.js';

interface Types {
  open: [event: { api: string }];
  close: [];
}

/** What the process is warned of meanwhile. */
function warnings(): { message: string; options: NodeJS.EmitWarningOptions }[] {
  const heard: { message: string; options: NodeJS.EmitWarningOptions }[] = [];
  const { emitWarning } = process;
  const keep = (message: string | Error, options: NodeJS.EmitWarningOptions) =>
    void heard.push({ message: String(message), options });
  Object.assign(process, { emitWarning: keep });
  onCleanup(() => Object.assign(process, { emitWarning }));
  return heard;
}

describe('Events', () => {
  it('tells each listener of an event, in the order in which they came', () => {
    const events = new Events<Types>();
    const told: unknown[] = [];
    events.on('open', ({ api }) => told.push(['first', api]));
    events.on('open', ({ api }) => told.push(['second', api]));
    events.on('close', () => told.push('closed'));
    events.emit('open', { api: 'a' });
    expect(told).to.deep.equal([
      ['first', 'a'],
      ['second', 'a'],
    ]);
    events.emit('close');
    expect(told.at(-1)).to.equal('closed');
  });

  it('knows whether anybody listens', () => {
    const events = new Events<Types>();
    const listener = () => {};
    expect(events.has('open')).to.equal(false);
    events.on('open', listener);
    expect([events.has('open'), events.has('close')]).to.deep.equal([true, false]);
    events.off('open', listener);
    expect(events.has('open')).to.equal(false);
  });

  it('takes off one listener at a time, the last that was put on first', () => {
    const events = new Events<Types>();
    const told: string[] = [];
    const twice = () => void told.push('twice');
    const once = () => void told.push('once');
    events.on('close', twice);
    events.on('close', once);
    events.on('close', twice);
    events.off('close', twice);
    events.emit('close');
    expect(told).to.deep.equal(['twice', 'once']);
    events.off('close', () => {});
    events.off('open', twice);
    events.off('close', once);
    events.emit('close');
    expect(told).to.deep.equal(['twice', 'once', 'twice']);
  });

  it('tells those who listened when it began, whoever comes or goes meanwhile', () => {
    const events = new Events<Types>();
    const told: string[] = [];
    const late = () => void told.push('late');
    const second = () => void told.push('second');
    events.on('close', () => {
      events.off('close', second);
      events.on('close', late);
    });
    events.on('close', second);
    events.emit('close');
    expect(told).to.deep.equal(['second']);
    events.emit('close');
    expect(told).to.deep.equal(['second', 'late']);
  });

  it('refuses what is no function', () => {
    const events = new Events<Types>();
    expect(() => events.on('open', 'x' as never)).to.throw(
      TypeError,
      'A listener of open must be a function',
    );
    expect(events.has('open')).to.equal(false);
  });

  it('tells the others where one fails, and warns of it once', () => {
    const heard = warnings();
    const events = new Events<Types>();
    const told: string[] = [];
    const fault = new Error('A faulty listener');
    events.on('close', () => {
      throw fault;
    });
    events.on('close', () => told.push('second'));
    events.emit('close');
    events.emit('close');
    expect(told).to.deep.equal(['second', 'second']);
    expect(heard).to.deep.equal([
      {
        message: 'A listener of "close" failed: A faulty listener',
        options: { type: 'ListenerWarning', code: 'RESILIENT_PROXY_LISTENER', detail: fault.stack },
      },
    ]);
  });

  it('warns of each that fails', () => {
    const heard = warnings();
    const events = new Events<Types>();
    for (const name of ['first', 'second']) {
      events.on('close', () => {
        throw new Error(name);
      });
    }
    events.emit('close');
    expect(heard.map(({ message }) => message.slice(-6))).to.deep.equal([' first', 'second']);
  });

  it('warns of a promise that is rejected', async () => {
    const heard = warnings();
    const events = new Events<Types>();
    events.on('close', () => Promise.reject(new Error('later')));
    events.on('close', async () => {});
    events.emit('close');
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard.map(({ message }) => message)).to.deep.equal(['A listener of "close" failed: later']);
  });

  const unreadable = { get: () => expect.fail() };
  const THROWN: [what: string, thrown: unknown, said: string][] = [
    ['a text', 'out of paper', 'out of paper'],
    ['nothing', undefined, 'undefined'],
    ['an object without a prototype', Object.create(null), '[Object: null prototype] {}'],
    ['a symbol', Symbol('odd'), 'Symbol(odd)'],
    [
      'an object that cannot be shown',
      { toString: () => expect.fail(), [Symbol.for('nodejs.util.inspect.custom')]: () => expect.fail() },
      '{',
    ],
    [
      'an error without a stack',
      Object.assign(new Error('no stack'), { stack: undefined }),
      'failed: no stack',
    ],
    [
      'an error that cannot be read',
      Object.defineProperty(new Error('x'), 'message', unreadable),
      'cannot be shown',
    ],
  ];
  for (const [what, thrown, said] of THROWN) {
    it(`survives a listener that throws ${what}`, () => {
      const heard = warnings();
      const events = new Events<Types>();
      events.on('close', () => {
        throw thrown;
      });
      events.emit('close');
      expect(heard[0]?.message).to.include(said);
      expect(heard[0]?.options).not.to.have.property('detail');
    });
  }
});
