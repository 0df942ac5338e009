import { expect } from 'chai';
import { EventLoopLag } from '../../../lib/metrics/event-loop-lag.js';
import { onCleanup } from '../../support/cleanup.js';

const SECONDS_BLOCKED = 0.1;

function block(): void {
  const end = performance.now() + SECONDS_BLOCKED * 1000;
  while (performance.now() < end);
}

describe('EventLoopLag', () => {
  it('shows how long the loop was blocked, and begins anew with each reading', async () => {
    const lag = new EventLoopLag();
    onCleanup(() => lag.close());
    let seen = lag.read();
    expect(seen).to.deep.equal({ mean: 0, p50: 0, p99: 0, max: 0 });
    // The first tick after a reading only sets the clock: a delay shows from the second on.
    for (let i = 0; i < 3; i++) await new Promise<void>((done) => setTimeout(() => done(block()), 12));
    seen = lag.read();
    expect(seen.max).to.be.at.least(SECONDS_BLOCKED * 0.8);
    expect(seen.p99).to.be.at.most(seen.max * 1.01);
    expect(lag.read().max).to.equal(0);
  });
});
