import { expect } from 'chai';
import {
  afterFailure,
  afterProbe,
  afterSuccess,
  CLOSED,
  halfOpened,
  isDue,
  openedAt,
} from '../../../lib/breaker/circuit-state.js';
import { ProbeSlots } from '../../../lib/breaker/probe-slots.js';

describe('afterSuccess() and afterFailure()', () => {
  const one = {};
  const other = {};

  it('make no new state for a success without failures before it', () => {
    expect(afterSuccess(CLOSED, one)).to.equal(CLOSED);
  });

  it('count failures in a row and start again after a success', () => {
    const two = afterFailure(afterFailure(CLOSED, one), other);
    expect(two.failures).to.equal(2);
    expect(afterSuccess(two, {}).failures).to.equal(0);
  });

  it('resume a run when the response that ended it breaks off', () => {
    const ended = afterSuccess(afterFailure(afterFailure(CLOSED, {}), {}), one);
    expect(afterFailure(ended, one).failures).to.equal(3);
    expect(afterFailure(ended, other).failures).to.equal(1);
  });

  it('do not resume it when another call has succeeded since', () => {
    const ended = afterSuccess(afterFailure(CLOSED, {}), one);
    expect(afterFailure(afterSuccess(ended, other), one).failures).to.equal(1);
  });
});

describe('isDue()', () => {
  it('lets probes through once the reset timeout has passed', () => {
    const state = openedAt(1000, 500, 5);
    expect(isDue(state, 1499)).to.equal(false);
    expect(isDue(state, 1500)).to.equal(true);
  });

  it('never lets one through a circuit that was forced open', () => {
    expect(isDue(openedAt(0, Number.POSITIVE_INFINITY, 0), Number.MAX_SAFE_INTEGER)).to.equal(false);
  });
});

describe('afterProbe()', () => {
  it('closes the circuit with the last probe that it needs', () => {
    const halfOpen = halfOpened(openedAt(0, 1, 5), new ProbeSlots(2, 1000));
    const next = afterProbe(halfOpen, {}, 2);
    expect(next.kind).to.equal('HALF_OPEN');
    if (next.kind === 'HALF_OPEN') expect(afterProbe(next, {}, 2)).to.equal(CLOSED);
  });
});
