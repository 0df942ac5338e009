import { expect } from 'chai';
import { FrequencySketch } from '../../../../lib/cache/store/frequency-sketch.js';
import { hashKey } from '../../../../lib/cache/store/text-hash.js';

describe('FrequencySketch', () => {
  it('tells what is requested often from what is requested once', () => {
    const sketch = new FrequencySketch(1000);
    for (let i = 0; i < 4000; i++) {
      sketch.count(hashKey(`/once/${i}`));
      if (i % 400 === 0) sketch.count(hashKey('/often'));
    }
    expect(sketch.frequency(hashKey('/often'))).to.be.within(9, 12);
    expect(sketch.frequency(hashKey('/never'))).to.be.at.most(1);
    const once = Array.from({ length: 4000 }, (_, i) => sketch.frequency(hashKey(`/once/${i}`)));
    expect(once.every((frequency) => frequency >= 1)).to.equal(true);
    expect(once.filter((frequency) => frequency > 1).length).to.be.below(200);
  });

  it('forgets what was popular long ago', () => {
    const sketch = new FrequencySketch(1000);
    for (let i = 0; i < 20; i++) sketch.count(hashKey('/old'));
    expect(sketch.frequency(hashKey('/old'))).to.be.at.least(15);
    for (let i = 0; i < 60_000; i++) sketch.count(hashKey(`/${i}`));
    expect(sketch.frequency(hashKey('/old'))).to.be.at.most(2);
  });
});
