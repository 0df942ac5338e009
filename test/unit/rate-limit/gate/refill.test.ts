import { expect } from 'chai';
import type { LimitNews } from '../../../../lib/http/advertised-limits.js';
import {
  freeGate,
  type GateState,
  loseCall,
  type Passage,
  passageOf,
  returnCall,
  settleCall,
  takeCall,
} from '../../../../lib/rate-limit/gate/gate-state.js';
import { decodeGate, encodeGate } from '../../../../lib/rate-limit/gate/gate-text.js';
import { levelOf } from '../../../../lib/rate-limit/gate/refill.js';
import { NOTHING } from './toy-gate.js';

const BEGIN = 1_700_000_000_000;

/** A limit of 1000 that fills up within 100 s, so that 10 come back each second; and a clock that stands still. */
function bucket(news: Partial<LimitNews> = {}) {
  let now = BEGIN;
  const state: GateState = freeGate(now);
  const told = (remaining: number): LimitNews => ({
    ...NOTHING,
    refills: true,
    limit: 1000,
    waitMs: (1000 - remaining) * 100,
    windowMs: 100_000,
    remaining,
    ...news,
  });
  settleCall(state, { window: undefined }, told(500), now, 3_600_000);
  return {
    state,
    level: () => Math.floor(levelOf(state, now)),
    pass(ms: number): void {
      now += ms;
    },
    waitMs: () => takeCall(state, now),
    send(): Passage {
      expect(takeCall(state, now), 'wait').to.equal(0);
      return passageOf(state, now);
    },
    hear(passage: Passage, remaining: number, more: Partial<LimitNews> = {}): void {
      settleCall(state, passage, { ...told(remaining), ...more }, now, 3_600_000);
    },
  };
}

const TOKENS = { unit: 'tokens' } as const;

describe('a gate of a limit that fills up all the time', () => {
  it('believes what a response tells, be it more or less than was reckoned', () => {
    for (const remaining of [100, 900]) {
      const api = bucket();
      api.hear(api.send(), remaining);
      expect(api.level()).to.equal(remaining);
    }
  });

  it('subtracts the calls that were sent since, and adds what has come back', () => {
    const api = bucket();
    const first = api.send();
    api.pass(1000);
    for (let i = 0; i < 5; i++) api.send();
    api.hear(first, 499);
    // The call arrived within 50 ms, and 10 come back each second.
    expect(api.level()).to.equal(499 - 5 + 10);
  });

  it('learns nothing of what is left from a response that was overtaken', () => {
    const api = bucket();
    const [first, second] = [api.send(), api.send()];
    api.hear(second, 300);
    api.hear(first, 700);
    expect(api.level()).to.equal(300);
  });

  it('does not count for ever what was lost on the way', () => {
    const api = bucket();
    for (let i = 0; i < 50; i++) api.send();
    loseCall(api.state, api.send());
    expect(api.level()).to.equal(449);
    api.hear(api.send(), 498);
    expect(api.level()).to.equal(498);
  });

  it('goes on learning where what calls were charged to is lost', () => {
    const api = bucket();
    const lost = { ...api.send(), mark: 10_000 };
    api.hear(lost, 400);
    expect(api.level()).to.equal(400);
    api.hear(api.send(), 300);
    expect(api.level()).to.equal(300);
  });

  it('takes a call back that never arrived, unless a later one has told what is left', () => {
    const api = bucket();
    const [first, second, third] = [api.send(), api.send(), api.send()];
    expect(api.level()).to.equal(497);
    returnCall(api.state, third);
    expect(api.level()).to.equal(498);
    api.hear(second, 400);
    const level = api.level();
    returnCall(api.state, first);
    expect(api.level()).to.equal(level);
  });

  it('does not take for more what is only rounded', () => {
    const api = bucket({ limit: 10, waitMs: 1_000_000, windowMs: 1_000_000 });
    api.hear(api.send(), 0);
    // One comes back in 100 s. With each response 0.0 to 0.9 are left.
    for (let i = 0; i < 20; i++) {
      expect(api.waitMs(), `after ${i} calls`).to.be.above(0);
      api.pass(100_000);
      api.hear(api.send(), 0);
    }
  });

  it('learns how much calls take, and keeps room for those that take the most', () => {
    const api = bucket(TOKENS);
    let left = 500;
    for (const takes of [40, 60, 20, 40, 60, 20, 40]) {
      const passage = api.send();
      left -= takes;
      api.hear(passage, left);
    }
    expect(api.state.cost).to.be.within(35, 45);
    expect(api.state.peak).to.be.within(55, 85);
    api.hear(api.send(), 45);
    expect(api.waitMs()).to.be.above(0);
  });

  it('reserves what calls in flight will take', () => {
    const api = bucket(TOKENS);
    api.hear(api.send(), 460);
    for (let i = 0; i < 11; i++) api.send();
    expect(api.level()).to.equal(460 - 11 * 40);
    expect(api.waitMs()).to.be.above(0);
  });

  it('keeps more room after a refusal', () => {
    const api = bucket(TOKENS);
    let left = 500;
    for (const takes of [40, 60, 20, 40, 60, 20, 40]) {
      const passage = api.send();
      left -= takes;
      api.hear(passage, left);
    }
    const { peak } = api.state;
    api.hear(api.send(), 50, { limited: true, refused: true, waitMs: 500 });
    expect(api.state.peak).to.be.above(peak + 5);
    expect(api.waitMs()).to.equal(500);
  });

  it('lets one call go when the API has room for it by its own account, and the next when it has come back', () => {
    const api = bucket({ limit: 3, windowMs: 60_000 });
    api.hear(api.send(), 0, { limited: true, refused: true, waitMs: 300 });
    expect(api.waitMs()).to.equal(300);
    api.pass(300);
    api.send();
    expect(api.waitMs()).to.equal(20_000);
  });

  it('keeps all that it has learned as a text', () => {
    const api = bucket(TOKENS);
    api.hear(api.send(), 460);
    api.send();
    expect(decodeGate(encodeGate(api.state))).to.deep.equal(api.state);
  });
});
