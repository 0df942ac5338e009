import { expect } from 'chai';
import { Events } from '../../../../lib/core/events.js';
import type { Gate, Passage } from '../../../../lib/rate-limit/gate/gate.js';
import { Gates } from '../../../../lib/rate-limit/gate/gates.js';
import { LocalGate } from '../../../../lib/rate-limit/gate/local-gate.js';
import type { RateLimitEvents } from '../../../../lib/rate-limit/rate-limit-events.js';
import { NOTHING, tooMany } from './toy-gate.js';

const NOW = 1_700_000_000_000;
const NAME = { api: 'api', credential: 'abc', proxy: 'p' };

function opened(listens = true) {
  const clock = { now: NOW };
  const events = new Events<RateLimitEvents>();
  const told: unknown[] = [];
  if (listens) {
    events.on('limitExhausted', (event) => told.push(['exhausted', event]));
    events.on('limitAvailable', (event) => told.push(['available', event]));
  }
  const site = { clock: () => clock.now, maxPauseMs: 60_000, events };
  return { clock, told, site, gate: new LocalGate(NAME, site) };
}

const take = (gate: Gate): Passage => {
  const taken = gate.take();
  if (taken instanceof Promise || 'by' in taken) throw new Error('It had to wait');
  return taken;
};
const LIMIT = { ...NOTHING, remaining: 2, limit: 9, waitMs: 5000, windowMs: 10_000 };

describe('LocalGate', () => {
  it('knows nothing at first, and lets all through', () => {
    const { gate } = opened();
    expect(gate.knows).to.equal(false);
    expect(gate.refusal()).to.equal(undefined);
    expect(gate.readyAt()).to.equal(0);
    for (let i = 0; i < 3; i++) expect(gate.take()).to.deep.equal({ window: undefined });
    expect(gate.status(4)).to.deep.equal({
      ...NAME,
      ...{ name: 'default', state: 'available', remaining: undefined, limit: undefined },
      ...{ resetsAt: undefined, queued: 4 },
    });
  });

  it('counts down what it was told, and says what a call has to wait for', () => {
    const { gate, clock } = opened();
    gate.settle(take(gate), LIMIT);
    expect(gate.knows).to.equal(true);
    const passages = [take(gate), take(gate)];
    expect(passages).to.deep.equal([{ window: 0 }, { window: 0 }]);
    // Those under way may be given back: until then nothing is settled.
    expect(gate.refusal()).to.equal(undefined);
    clock.now += 1000;
    const waits = { by: 'advertised', waitMs: 4000, againMs: 4000, limit: 9, windowMs: 10_000 };
    expect(gate.take()).to.deep.equal(waits);
    expect(gate.readyAt()).to.equal(NOW + 5000);
    expect(gate.status(1)).to.include({
      ...{ state: 'exhausted', remaining: 0, limit: 9, resetsAt: NOW + 5000, queued: 1 },
    });
    gate.giveBack(passages[0] as Passage);
    expect(gate.readyAt()).to.equal(0);
    expect(gate.status(0)).to.include({ state: 'available', remaining: 1 });
    gate.lose(passages[1] as Passage);
    expect(take(gate)).to.deep.equal({ window: 0 });
    expect(gate.take()).to.have.property('by', 'advertised');
  });

  it('refuses all until the window ends, once nothing is left', () => {
    const { gate, clock } = opened();
    gate.settle(take(gate), { ...LIMIT, remaining: 0, limit: undefined });
    const refusal = {
      by: 'advertised',
      waitMs: 5000,
      againMs: undefined,
      limit: undefined,
      windowMs: 10_000,
    };
    expect(gate.refusal()).to.deep.equal(refusal);
    expect(gate.take()).to.deep.equal(refusal);
    clock.now += 5000;
    expect(gate.refusal()).to.equal(undefined);
    expect(gate.readyAt()).to.equal(0);
    expect(gate.status(0)).to.include({ state: 'available', remaining: undefined, resetsAt: undefined });
    expect(take(gate)).to.deep.equal({ window: 1 });
  });

  it('pauses for maxPauseMs at most', () => {
    const { gate } = opened();
    gate.settle(take(gate), { ...NOTHING, ...tooMany(90_000) });
    expect(gate.readyAt()).to.equal(NOW + 60_000);
  });

  it('tells when it is exhausted and when calls go again, once each', () => {
    const { gate, clock, told } = opened();
    gate.settle(take(gate), { ...LIMIT, waitMs: 4999.5, remaining: 0 });
    gate.take();
    gate.settle({ window: undefined }, { ...LIMIT, remaining: 0 });
    expect(told).to.deep.equal([['exhausted', { ...NAME, retryAfterMs: 5000 }]]);
    clock.now += 5000;
    take(gate);
    expect(told[1]).to.deep.equal(['available', NAME]);
    expect(told).to.have.length(2);
  });

  it('works where nobody listens', () => {
    const { gate, clock } = opened(false);
    gate.settle(take(gate), { ...LIMIT, remaining: 0 });
    clock.now += 5000;
    expect(take(gate)).to.deep.equal({ window: 1 });
  });
});

describe('Gates', () => {
  const gatesFor = (max: number) => new Gates('api', max, opened().site, undefined);
  const learn = (gate: Gate) => gate.settle(take(gate), LIMIT);

  it('are one for each credential and proxy', () => {
    const gates = gatesFor(10);
    const gate = gates.get('abc', 'p');
    expect(gate).to.be.instanceOf(LocalGate);
    expect(gates.get('abc', 'p')).to.equal(gate);
    expect(gates.known('abc', 'p')).to.equal(gate);
    for (const [credential, proxy] of [
      ['abc', undefined],
      ['', 'p'],
      ['abc', 'q'],
    ] as const) {
      expect(gates.known(credential, proxy)).to.equal(undefined);
      expect(gates.get(credential, proxy)).not.to.equal(gate);
    }
    expect(gate.status(0)).to.include(NAME);
  });

  it('list those that know something, with how many wait', () => {
    const gates = gatesFor(10);
    const [a] = [gates.get('a', undefined), gates.get('b', undefined)];
    learn(a);
    const status = gates.status((gate) => (gate === a ? 7 : 0));
    expect(status).to.have.length(1);
    expect(status[0]).to.include({ credential: 'a', proxy: undefined, queued: 7, api: 'api' });
  });

  const left = (gates: Gates, names: string) =>
    [...names].filter((name) => gates.known(name, undefined) !== undefined).join('');

  it('forget those first that know nothing', () => {
    const gates = gatesFor(3);
    for (const name of 'abc') learn(gates.get(name, undefined));
    // All know something: the one that was unused for longest goes.
    gates.get('d', undefined);
    expect(left(gates, 'abcd')).to.equal('bcd');
    gates.get('e', undefined);
    expect(left(gates, 'abcde')).to.equal('bce');
  });

  it('forget the one that was unused for longest', () => {
    const gates = gatesFor(3);
    for (const name of 'abcad') gates.get(name, undefined);
    expect(left(gates, 'abcd')).to.equal('acd');
  });

  it('need not know the order of use while half of the room is free', () => {
    const gates = gatesFor(4);
    for (const name of 'aba') gates.get(name, undefined);
    for (const name of 'cde') gates.get(name, undefined);
    expect(left(gates, 'abcde')).to.equal('bcde');
  });

  it('are searched for one that knows nothing, but not all of them', () => {
    const many = (knowing: number): Gates => {
      const gates = gatesFor(40);
      for (let i = 0; i < 40; i++) {
        const gate = gates.get(`${i}`, undefined);
        if (i < knowing) learn(gate);
      }
      gates.get('new', undefined);
      return gates;
    };
    expect(many(15).known('15', undefined)).to.equal(undefined);
    expect(many(15).known('0', undefined)).not.to.equal(undefined);
    expect(many(16).known('16', undefined)).not.to.equal(undefined);
    expect(many(16).known('0', undefined)).to.equal(undefined);
  });
});
