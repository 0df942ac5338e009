import { expect } from 'chai';
import { EventLoopLag } from '../../../lib/metrics/event-loop-lag.js';
import { onCleanup } from '../../support/cleanup.js';
import { toyTime } from '../../support/toy-time.js';

const SECONDS_BLOCKED = 0.1;

function block(): void {
  const end = performance.now() + SECONDS_BLOCKED * 1000;
  while (performance.now() < end);
}

describe('EventLoopLag', () => {
  it('shows how long the loop was blocked, the same to each reader, until two minutes have passed', async () => {
    const time = toyTime();
    const lag = new EventLoopLag(time);
    onCleanup(() => lag.close());
    let seen = lag.read();
    expect(seen).to.deep.equal({ mean: 0, p50: 0, p99: 0, max: 0 });
    // The first tick only sets the clock: a delay shows from the second on.
    for (let i = 0; i < 3; i++) await new Promise<void>((done) => setTimeout(() => done(block()), 12));
    seen = lag.read();
    expect(seen.max).to.be.at.least(SECONDS_BLOCKED * 0.8);
    expect(seen.p99).to.be.at.most(seen.max * 1.01);
    expect(lag.read()).to.deep.equal(seen);
    time.advance(60_000);
    // The other monitor has seen the same, by ticks of its own.
    expect(lag.read().max).to.be.at.least(SECONDS_BLOCKED * 0.8);
    time.advance(60_000);
    expect(lag.read().max).to.be.below(seen.max / 2);
  });
});
