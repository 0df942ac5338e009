import { expect } from 'chai';
import { resolveOptions } from '../../../lib/core/options.js';
import { backOffMs } from '../../../lib/retry/back-off.js';
import { retrySchema } from '../../../lib/retry/retry-options.js';

const defaults = resolveOptions(retrySchema, {}, 'retry');

describe('backOffMs()', () => {
  it('grows by the factor from the initial delay', () => {
    const waits = [1, 2, 3].map((made) => backOffMs(defaults, made, 0.5));
    expect(waits).to.deep.equal([1000, 2000, 4000]);
  });

  it('varies by a fifth', () => {
    expect(backOffMs(defaults, 1, 0)).to.be.closeTo(800, 0.001);
    expect(backOffMs(defaults, 1, 1)).to.be.closeTo(1200, 0.001);
  });

  it('never passes the cap, jitter included', () => {
    expect(backOffMs(defaults, 20, 1)).to.equal(10_000);
  });
});
