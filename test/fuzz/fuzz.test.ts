import { expect } from 'chai';
import { fuzz } from './fuzz.js';

const SECONDS = 10;
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_007);

describe('forward() survives whatever a target or a client does', function survives() {
  this.timeout((SECONDS + 30) * 1000);
  for (const transport of ['undici', 'node'] as const) {
    it(`for ${SECONDS} s, transport ${transport}, seed ${seed} (FUZZ_SEED=${seed} again, or npm run fuzz -- --seed ${seed})`, async () => {
      const { faults, exchanges, plain } = await fuzz({ transport, seed, seconds: SECONDS });
      expect(faults, faults.join('\n\n')).to.deep.equal([]);
      expect(exchanges).to.be.above(100);
      expect(plain).to.be.above(5);
    });
  }
});
