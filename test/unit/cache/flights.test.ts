import { expect } from 'chai';
import { Flights } from '../../../lib/cache/flights.js';

const nothing = { joined: () => {}, deserted: () => {} };

describe('Flights', () => {
  it('has a flight until it is over', () => {
    const flights = new Flights(() => 0);
    const flight = flights.begin('a', 'a', nothing);
    expect(flights.get('a')).to.equal(flight);
    flight.finish(true);
    expect(flights.get('a')).to.equal(undefined);
  });

  it('dooms what is in flight for some keys, so that nobody joins it', () => {
    const flights = new Flights(() => 0);
    flights.begin('a', 'a', nothing);
    flights.begin('a', 'a#variant', nothing);
    const other = flights.begin('b', 'b', nothing);
    const [a, b, gone] = [flights.enter('a'), flights.enter('b'), flights.enter('a')];
    flights.leave(gone);
    flights.doom((key) => key === 'a');
    expect([a.doomed, b.doomed, gone.doomed]).to.deep.equal([true, false, false]);
    expect([flights.get('a'), flights.get('a#variant')]).to.deep.equal([undefined, undefined]);
    expect(flights.get('b')).to.equal(other);
  });

  it('remembers keys with unshared responses for ten seconds, and not more than 10 000 of them', () => {
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
