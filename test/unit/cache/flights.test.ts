import { expect } from 'chai';
import { Flights } from '../../../lib/cache/flights.js';
import { RetryGate } from '../../../lib/cache/policy/retry-gate.js';

const nothing = { joined: () => {}, deserted: () => {} };

describe('Flights', () => {
  it('has a flight until it is over', () => {
    const flights = new Flights(() => 0);
    const flight = flights.begin('a', nothing);
    expect(flights.get('a')).to.equal(flight);
    flight.finish(true);
    expect(flights.get('a')).to.equal(undefined);
  });

  it('dooms what is under way for some keys, so that nobody joins it', () => {
    const flights = new Flights(() => 0);
    flights.begin('a', nothing);
    const other = flights.begin('b', nothing);
    const [a, b, gone] = [flights.enter('a'), flights.enter('b'), flights.enter('a')];
    flights.leave(gone);
    flights.doom((key) => key === 'a');
    expect([a.doomed, b.doomed, gone.doomed]).to.deep.equal([true, false, false]);
    expect(flights.get('a')).to.equal(undefined);
    expect(flights.get('b')).to.equal(other);
  });

  it('remembers for ten seconds whose answers are not shared, and not more than 10 000 of them', () => {
    let now = 0;
    const flights = new Flights(() => now);
    flights.noteUnshared('a');
    expect([flights.isUnshared('a'), flights.isUnshared('b')]).to.deep.equal([true, false]);
    now = 10_000;
    expect(flights.isUnshared('a')).to.equal(false);
    flights.noteUnshared('a');
    for (let i = 0; i < 10_000; i++) flights.noteUnshared(`key ${i}`);
    expect([flights.isUnshared('a'), flights.isUnshared('key 0')]).to.deep.equal([false, true]);
  });
});

describe('RetryGate', () => {
  const closed = (value: string | undefined, at: number): boolean => {
    const gate = new RetryGate();
    gate.learn('a', value === undefined ? [] : ['Retry-After', value], 0);
    return gate.isClosed(() => 'a', at);
  };

  it('is closed until the time in seconds or as a date', () => {
    expect([closed('10', 9999), closed('10', 10_000)]).to.deep.equal([true, false]);
    const date = new Date(20_000).toUTCString();
    expect([closed(date, 19_999), closed(date, 20_000)]).to.deep.equal([true, false]);
  });

  it('stays open without a time, or with one that cannot be read', () => {
    for (const value of [undefined, 'soon', '-1', '']) expect(closed(value, 1), value).to.equal(false);
  });

  it('is closed for an hour at most', () => {
    expect([closed('999999', 3_599_999), closed('999999', 3_600_000)]).to.deep.equal([true, false]);
  });

  it('is one for each set of credentials', () => {
    const gate = new RetryGate();
    gate.learn('a', ['retry-after', '10'], 0);
    expect([gate.isClosed(() => 'a', 1), gate.isClosed(() => 'b', 1)]).to.deep.equal([true, false]);
  });
});
