import { expect } from 'chai';
import { MissedPurges } from '../../../../lib/cache/store/missed-purges.js';

describe('MissedPurges', () => {
  it('becomes one purge for all of an API rather than forget one', () => {
    const missed = new MissedPurges();
    for (let i = 0; i <= 1000; i++) missed.add({ key: `{rpo:weather}:/${i}:` });
    missed.add({ key: '{rpo:maps}:/a:' });
    expect(missed.all()).to.deep.equal([{ prefix: '{rpo:weather}' }, { key: '{rpo:maps}:/a:' }]);
    expect(missed.concern('{rpo:weather}:/0:', [])).to.equal(true);
    expect(missed.concern('{rpo:maps}:/b:', [])).to.equal(false);
  });

  it('forgets a purge that was carried out, and no other', () => {
    const missed = new MissedPurges();
    missed.add({ key: '{rpo:weather}:/a:' });
    missed.add({ prefix: '{rpo:weather}:/a' });
    missed.done({ key: '{rpo:weather}:/a:' });
    expect(missed.all()).to.deep.equal([{ prefix: '{rpo:weather}:/a' }]);
  });
});
