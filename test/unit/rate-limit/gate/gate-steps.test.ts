import { expect } from 'chai';
import {
  freeGate,
  type GateState,
  isExhausted,
  loseCall,
  returnCall,
  settleCall,
  takeCall,
  windowOf,
} from '../../../../lib/rate-limit/gate/gate-state.js';
import { NOTHING } from './toy-gate.js';

const NOW = 1_700_000_000_000;
const MAX = 3_600_000;

/** A gate in the middle of a window. */
const COUNTING: Partial<GateState> = {
  phase: 'counting',
  window: 3,
  remaining: 10,
  flight: 2,
  passed: 5,
  startedAt: NOW - 7000,
  endsAt: NOW + 5000,
};
const PROBING: Partial<GateState> = { ...COUNTING, phase: 'probing', remaining: 1, endsAt: NOW + 800 };

/** A state, what happens to it, and what is different afterwards; nothing else may be. */
type Step = [
  what: string,
  before: Partial<GateState>,
  step: (state: GateState) => void,
  after: Partial<GateState>,
];

function follow(steps: readonly Step[]): void {
  for (const [what, before, step, after] of steps) {
    it(what, () => {
      const state = { ...freeGate(NOW), ...before };
      const expected = { ...state, ...after };
      step(state);
      expect(state).to.deep.equal(expected);
    });
  }
}

type Response = Partial<typeof NOTHING>;

/** A response to a call of the window 3, or of another. */
const settle =
  (response?: Response, window: number | undefined = 3, now = NOW, max = MAX) =>
  (state: GateState): void =>
    settleCall(state, { window }, response && { ...NOTHING, ...response }, now, max);
/** The response to a call that was let through while nothing was known. */
const settleUncounted =
  (response?: Response, now = NOW, max = MAX) =>
  (state: GateState): void =>
    settleCall(state, { window: undefined }, response && { ...NOTHING, ...response }, now, max);
const refused = (waitMs?: number): Response => ({ limited: true, refused: true, waitMs });

describe('windowOf()', () => {
  it('is the window of a call that is counted', () => {
    expect(windowOf({ ...freeGate(NOW), window: 3 })).to.equal(undefined);
    for (const before of [COUNTING, PROBING]) expect(windowOf({ ...freeGate(NOW), ...before })).to.equal(3);
  });
});

describe('isExhausted()', () => {
  it('holds while nothing is left, until the window ends', () => {
    const state = { ...freeGate(NOW), ...COUNTING, remaining: 0 };
    expect(isExhausted(state, NOW + 4999)).to.equal(true);
    expect(isExhausted(state, NOW + 5000)).to.equal(false);
    expect(isExhausted({ ...state, remaining: 1, flight: 9 }, NOW)).to.equal(false);
  });
});

describe('takeCall()', () => {
  const take = (now: number) => (state: GateState) => void takeCall(state, now);
  follow([
    ['counts nothing while nothing is known', {}, take(NOW), {}],
    ['counts a call that is under way', COUNTING, take(NOW), { flight: 3 }],
    ['lets none through beyond what is left', { ...COUNTING, flight: 10 }, take(NOW), {}],
    [
      'begins to probe at the end of a window, with what was left of it',
      { ...COUNTING, overrun: true, advertisedLimit: true, limit: 50 },
      take(NOW + 5000),
      {
        ...{ phase: 'probing', window: 4, remaining: 8, flight: 1, passed: 0, overrun: false },
        ...{ startedAt: NOW + 5000, endsAt: NOW + 6000 },
      },
    ],
    [
      'begins to probe with a hundredth of a large limit',
      { ...COUNTING, advertisedLimit: true, limit: 5099 },
      take(NOW + 5001),
      {
        ...{ phase: 'probing', window: 4, remaining: 50, flight: 1, passed: 0 },
        ...{ startedAt: NOW + 5001, endsAt: NOW + 6001 },
      },
    ],
    [
      'begins to probe with one call where nothing was left',
      { ...COUNTING, remaining: 0 },
      take(NOW + 5000),
      {
        ...{ phase: 'probing', window: 4, remaining: 1, flight: 1, passed: 0 },
        ...{ startedAt: NOW + 5000, endsAt: NOW + 6000 },
      },
    ],
    ['waits for a probe', { ...PROBING, flight: 1 }, take(NOW + 799), {}],
    [
      'sends another probe where the first has no response in time',
      { ...PROBING, flight: 1 },
      take(NOW + 800),
      { remaining: 2, flight: 2, endsAt: NOW + 1800 },
    ],
  ]);

  const AFTER_TURN: Partial<GateState> = {
    ...{ phase: 'probing', window: 4, remaining: 8, flight: 1, passed: 0, overrun: false },
    ...{ startedAt: NOW + 5000, endsAt: NOW + 6000 },
  };
  follow([
    [
      'learns the limit of a window from what passed before a 429',
      { ...COUNTING, overrun: true, growth: 8, limit: 900 },
      take(NOW + 5000),
      { ...AFTER_TURN, limit: 5, windowMs: 12_000, growth: 1 },
    ],
    [
      'learns no limit where the very first was refused',
      { ...COUNTING, overrun: true, passed: 0, growth: 8, limit: 9 },
      take(NOW + 5000),
      AFTER_TURN,
    ],
    [
      'tries more, and twice as much more each time, where a counted limit was enough',
      { ...COUNTING, limit: 5, growth: 4, windowMs: 9000 },
      take(NOW + 5000),
      { ...AFTER_TURN, limit: 9, growth: 8 },
    ],
    [
      'tries no more where a counted limit was not used up',
      { ...COUNTING, limit: 6, growth: 4 },
      take(NOW + 5000),
      AFTER_TURN,
    ],
    ['learns no limit where none was reached', COUNTING, take(NOW + 5000), AFTER_TURN],
    [
      'takes a limit that is advertised as it is',
      { ...COUNTING, limit: 5, advertisedLimit: true, growth: 4 },
      take(NOW + 5000),
      AFTER_TURN,
    ],
  ]);

  it('says how long a call has to wait', () => {
    const state = { ...freeGate(NOW), ...COUNTING, flight: 10 };
    expect(takeCall(state, NOW + 1)).to.equal(4999);
    expect(takeCall({ ...state, flight: 9 }, NOW)).to.equal(0);
  });
});

describe('returnCall() and loseCall()', () => {
  follow([
    ['take a call of this window back', COUNTING, (state) => returnCall(state, { window: 3 }), { flight: 1 }],
    ['take none of another back', COUNTING, (state) => returnCall(state, { window: 2 }), {}],
    [
      'take none back that was not counted',
      COUNTING,
      (state) => returnCall(state, { window: undefined }),
      {},
    ],
    [
      'take none back that was never there',
      { ...COUNTING, flight: 0 },
      (state) => returnCall(state, { window: 3 }),
      {},
    ],
    [
      'take none back while nothing is known',
      { window: 3, flight: 2 },
      (state) => returnCall(state, { window: 3 }),
      {},
    ],
    [
      'count a call of this window that was lost',
      COUNTING,
      (state) => loseCall(state, { window: 3 }),
      { flight: 1, remaining: 9 },
    ],
    ['count none of another', COUNTING, (state) => loseCall(state, { window: 2 }), {}],
    ['count none that was not counted', COUNTING, (state) => loseCall(state, { window: undefined }), {}],
    [
      'count none that was never there',
      { ...COUNTING, flight: 0, remaining: 0 },
      (state) => loseCall(state, { window: 3 }),
      {},
    ],
    [
      'count none while nothing is known',
      { window: 3, flight: 2 },
      (state) => loseCall(state, { window: 3 }),
      {},
    ],
  ]);
});

describe('settleCall() while nothing is known', () => {
  const FREE: Partial<GateState> = { startedAt: NOW - 60_000, passed: 7 };
  follow([
    ['counts what has passed', FREE, settleUncounted(), { passed: 8 }],
    [
      'counts afresh after a minute',
      FREE,
      settleUncounted(undefined, NOW + 1),
      { passed: 1, startedAt: NOW + 1 },
    ],
    [
      'begins to count by a reset that is advertised, which shows how long a window is',
      FREE,
      settleUncounted({ remaining: 4, limit: 9, waitMs: 3000 }),
      {
        ...{ phase: 'counting', passed: 8, remaining: 4, endsAt: NOW + 3000 },
        ...{ limit: 9, advertisedLimit: true, windowMs: 3000 },
      },
    ],
    [
      'begins to count by a window that is advertised without a reset',
      FREE,
      settleUncounted({ remaining: 4, windowMs: 60_000 }),
      { phase: 'counting', passed: 8, remaining: 4, endsAt: NOW + 60_000, windowMs: 60_000 },
    ],
    [
      'counts no longer than maxPauseMs',
      FREE,
      settleUncounted({ remaining: 4, windowMs: 60_000 }, NOW, 1000),
      { phase: 'counting', passed: 8, remaining: 4, endsAt: NOW + 1000, windowMs: 60_000 },
    ],
    ['knows nothing by a rest without an end', FREE, settleUncounted({ remaining: 4 }), { passed: 8 }],
    [
      'knows nothing by an end without a rest, but how long a window is',
      FREE,
      settleUncounted({ limit: 9, waitMs: 3000 }),
      { passed: 8, limit: 9, advertisedLimit: true, windowMs: 3000 },
    ],
    [
      'learns nothing of a call that was counted otherwise',
      FREE,
      settle({ remaining: 4, waitMs: 9 }, 8),
      { windowMs: 9 },
    ],
  ]);
});

describe('settleCall() and the length of a window', () => {
  const shape = (response: Response) => settle(response, 99);
  follow([
    ['is as advertised', { windowMs: 9000 }, shape({ windowMs: 60, waitMs: 99_000 }), { windowMs: 60 }],
    ['is at least the time until its reset', { windowMs: 9000 }, shape({ waitMs: 9001 }), { windowMs: 9001 }],
    ['is not shorter for a reset that is near', { windowMs: 9000 }, shape({ waitMs: 8999 }), {}],
    ['is not known by a refusal', {}, (state) => shape({ refused: true, waitMs: 99 })({ ...state }), {}],
    ['is not known without a time', {}, shape({ remaining: 4 }), {}],
  ]);
});

describe('settleCall() in the middle of a window', () => {
  const passed = { flight: 1, passed: 6 };
  follow([
    ['counts a response that says nothing as one call', COUNTING, settle(), { ...passed, remaining: 9 }],
    ['counts it not below nothing', { ...COUNTING, remaining: 0 }, settle(), passed],
    [
      'counts one that was let through before anything was known',
      COUNTING,
      settleUncounted(),
      { passed: 6, remaining: 9 },
    ],
    [
      'learns nothing from a window that is over',
      COUNTING,
      settle({ remaining: 1, waitMs: 9 }, 2),
      { windowMs: 9 },
    ],
    [
      'takes the smaller rest and the earlier end',
      COUNTING,
      settle({ remaining: 4, waitMs: 3000 }),
      { ...passed, remaining: 4, endsAt: NOW + 3000, windowMs: 3000 },
    ],
    [
      'takes no larger rest and no end that is a little later',
      COUNTING,
      settle({ remaining: 11, waitMs: 6500 }),
      { ...passed, windowMs: 6500 },
    ],
    [
      'takes an end that is much later for that of a new window',
      COUNTING,
      settle({ remaining: 90, waitMs: 6501 }),
      { ...passed, remaining: 90, endsAt: NOW + 6501, windowMs: 6501 },
    ],
    [
      'keeps its end for a rest without one',
      COUNTING,
      settle({ remaining: 4, windowMs: 9 }),
      { ...passed, remaining: 4, windowMs: 9 },
    ],
    [
      'counts a response that advertises no rest as one call',
      COUNTING,
      settle({ limit: 50, windowMs: 9 }),
      { ...passed, remaining: 9, limit: 50, advertisedLimit: true, windowMs: 9 },
    ],
    [
      'adds to each reset what was once rounded off',
      { ...COUNTING, slackMs: 1000 },
      settle({ remaining: 4, waitMs: 3000 }),
      { ...passed, remaining: 4, endsAt: NOW + 4000, windowMs: 3000 },
    ],
    [
      'counts down while it probes, by a call from before, and leaves the end to the probe',
      PROBING,
      settleUncounted({ remaining: 0, waitMs: 100 }),
      { passed: 6, remaining: 0, windowMs: 100 },
    ],
  ]);
});

describe('settleCall() for a refusal', () => {
  const pause = { phase: 'counting', remaining: 0, flight: 1 } as const;
  follow([
    [
      'pauses for as long as it says',
      COUNTING,
      settle(refused(2000)),
      { ...pause, endsAt: NOW + 2000, overrun: true },
    ],
    [
      'pauses for a second where it says nothing',
      COUNTING,
      settle(refused()),
      { ...pause, endsAt: NOW + 1000, overrun: true },
    ],
    [
      'pauses for a second where it says none',
      COUNTING,
      settle(refused(0)),
      { ...pause, endsAt: NOW + 1000, overrun: true },
    ],
    [
      'pauses for maxPauseMs at most',
      COUNTING,
      settle(refused(2000), 3, NOW, 1500),
      { ...pause, endsAt: NOW + 1500, overrun: true },
    ],
    [
      'pauses without blaming the window, by a 503',
      COUNTING,
      settle({ refused: true, waitMs: 2000 }),
      { ...pause, endsAt: NOW + 2000 },
    ],
    [
      'pauses by a call of a window that is over, and does not blame this one',
      COUNTING,
      settle(refused(2000), 2),
      { phase: 'counting', remaining: 0, endsAt: NOW + 2000 },
    ],
    [
      'pauses where nothing was known',
      {},
      settleUncounted(refused(2000)),
      { phase: 'counting', remaining: 0, endsAt: NOW + 2000, overrun: true },
    ],
  ]);

  const EXHAUSTED: Partial<GateState> = { ...COUNTING, remaining: 0 };
  const overrun = { flight: 1, overrun: true };
  follow([
    ['changes nothing of a pause without a time', EXHAUSTED, settle(refused()), { flight: 1 }],
    [
      'takes the earlier of two ends that are one',
      EXHAUSTED,
      settle(refused(3500)),
      { ...overrun, endsAt: NOW + 3500 },
    ],
    ['keeps the earlier of two ends that are one', EXHAUSTED, settle(refused(6500)), overrun],
    ['takes the later of two ends', EXHAUSTED, settle(refused(6501)), { ...overrun, endsAt: NOW + 6501 }],
    ['keeps the later of two ends', EXHAUSTED, settle(refused(3499)), overrun],
    [
      'takes any end where calls were left',
      COUNTING,
      settle(refused(4000)),
      { ...pause, overrun: true, endsAt: NOW + 4000 },
    ],
    [
      'takes any end at the end of the window',
      { ...EXHAUSTED, endsAt: NOW },
      settle(refused(1200)),
      { ...pause, overrun: true, endsAt: NOW + 1200 },
    ],
  ]);

  follow([
    [
      'of a probe adds a second from now on, where the window goes on a little',
      PROBING,
      settle(refused(1500)),
      { ...pause, overrun: true, slackMs: 1000, endsAt: NOW + 2500 },
    ],
    [
      'of a probe is that of a new window, where it goes on for longer',
      PROBING,
      settle(refused(1501)),
      { ...pause, overrun: true, endsAt: NOW + 1501 },
    ],
    [
      'of a probe by a 503 adds nothing',
      PROBING,
      settle({ refused: true, waitMs: 500 }),
      { ...pause, endsAt: NOW + 500 },
    ],
    [
      'of a call from the window before adds nothing',
      PROBING,
      settle(refused(500), 2),
      { phase: 'counting', remaining: 0, endsAt: NOW + 500 },
    ],
    [
      'of a probe ends any pause of its own',
      { ...PROBING, remaining: 0 },
      settle(refused(500)),
      { ...pause, overrun: true, slackMs: 500, endsAt: NOW + 1000 },
    ],
  ]);
});

describe('settleCall() for a probe', () => {
  const known = { phase: 'counting', flight: 1, passed: 6 } as const;
  follow([
    [
      'begins the window that it advertises',
      PROBING,
      settle({ remaining: 40, waitMs: 9000 }),
      { ...known, remaining: 40, endsAt: NOW + 9000, windowMs: 9000 },
    ],
    [
      'begins the window that it advertises by its length',
      PROBING,
      settle({ remaining: 40, windowMs: 9000 }),
      { ...known, remaining: 40, endsAt: NOW + 9000, windowMs: 9000 },
    ],
    [
      'begins a window like the last one where it advertises nothing',
      { ...PROBING, limit: 50, windowMs: 20_000 },
      settle(),
      { ...known, remaining: 44, endsAt: NOW + 13_000 },
    ],
    [
      'begins one like the last where it advertises no end that is known',
      { ...PROBING, limit: 50, windowMs: 20_000 },
      settle({ waitMs: 5000 }),
      { ...known, remaining: 44, endsAt: NOW + 13_000 },
    ],
    [
      'begins one like the last, no longer than maxPauseMs',
      { ...PROBING, limit: 50, windowMs: 20_000 },
      settle(undefined, 3, NOW, 8000),
      { ...known, remaining: 44, endsAt: NOW + 1000 },
    ],
    [
      'begins one like the last that is used up and over',
      { ...PROBING, limit: 5, windowMs: 6000 },
      settle(),
      { ...known, remaining: 0, endsAt: NOW },
    ],
    [
      'knows nothing where neither limit nor window is known',
      { ...PROBING, limit: 50 },
      settle(),
      { phase: 'free', passed: 6, flight: 0, remaining: Infinity, endsAt: Infinity },
    ],
    [
      'knows nothing where its rest has no end',
      PROBING,
      settle({ remaining: 40 }),
      { phase: 'free', passed: 6, flight: 0, remaining: Infinity, endsAt: Infinity },
    ],
    [
      'knows nothing by the length of the last window alone',
      { ...PROBING, windowMs: 6000 },
      settle(),
      { phase: 'free', passed: 6, flight: 0, remaining: Infinity, endsAt: Infinity },
    ],
  ]);
});
