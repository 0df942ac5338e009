import { expect } from 'chai';
import { CallCounts } from '../../../lib/metrics/call-counts.js';

describe('CallCounts', () => {
  it('goes on counting the APIs beyond its limit, which are one, when others become known', () => {
    const counts = new CallCounts('x', [1]);
    const names = Array.from({ length: 1001 }, (_, i) => `api-${i}`);
    counts.know(names);
    const others = counts.apis.get('other');
    expect(others?.errors.get('ERR_UPSTREAM_RESET')).to.equal(0);
    others?.errors.set('ERR_UPSTREAM_RESET', 3);
    counts.know([...names, 'one-more']);
    expect(others?.errors.get('ERR_UPSTREAM_RESET')).to.equal(3);
  });
});
