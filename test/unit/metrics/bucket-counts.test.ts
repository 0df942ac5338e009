import { expect } from 'chai';
import { BucketCounts } from '../../../lib/metrics/bucket-counts.js';

describe('BucketCounts', () => {
  it('counts a time in the first bucket whose bound it does not pass', () => {
    const buckets = new BucketCounts([10, 100]);
    for (const ms of [0, 10, 10.001, 100, 100.5, 5000]) buckets.observe(ms);
    expect([...buckets.counts]).to.deep.equal([2, 2, 2]);
    expect(buckets.sumMs).to.be.closeTo(5220.501, 1e-9);
  });
});
