import { expect } from 'chai';
import { Flight } from '../../../lib/cache/flight.js';
import { Waiting } from '../../../lib/cache/waiting.js';

describe('Waiting', () => {
  it('waits for the next request however often one fails, its time up or not', () => {
    const flight = new Flight('key', 'key', { joined: () => {}, deserted: () => {}, over: () => {} });
    const waiting = new Waiting(false);
    expect(waiting.begin(0, 100)).to.equal(100);
    waiting.released('failed', flight, 'key', 60);
    expect(waiting.begin(60, 100)).to.equal(40);
    waiting.released('failed', flight, 'key', 100);
    expect(waiting.isAlone('key')).to.equal(false);
    expect(waiting.begin(100, 100)).to.equal(100);
  });
});
