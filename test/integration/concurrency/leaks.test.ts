import { expect } from 'chai';
import { retry } from '../../../lib/retry/retry.js';
import { begin } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';
import { opened, sums, WAYS } from './testing.js';

const CALLS = 150;
const LIMIT = 5;

/** Numbers from 0 to 1, the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

for (const way of WAYS)
  describe(`places of concurrency(), ${way.forwards ? 'of an API' : 'by itself'}, transport ${way.transport}`, () => {
    it('are all given back, once, whatever clients and target do', async () => {
      const random = seeded(3);
      const upstream = await startUpstream((req, res) => {
        const fate = random();
        setTimeout(() => {
          if (fate < 0.15) req.socket.destroy();
          else if (fate < 0.3) res.writeHead(503).end();
          else if (fate < 0.45) {
            res.writeHead(200).write('some');
            setTimeout(() => (fate < 0.38 ? res.end('more') : res.destroy()), random() * 4);
          } else res.end('done');
        }, random() * 4);
      });
      const limiter = opened({ limit: LIMIT, queue: 40, maxWaitMs: 60 }, way.forwards);
      const again = retry({ initialDelayMs: 1, maxDelayMs: 3, budgetRatio: false });
      const { url } = await startForward({ target: upstream.url, transport: way.transport }, limiter, again);
      let over = 0;
      let highest = 0;
      for (let i = 0; i < CALLS; i++) {
        const req = begin(url);
        req.on('response', (res) => res.resume().on('error', () => {}));
        req.on('close', () => over++);
        if (random() < 0.3) setTimeout(() => req.destroy(), random() * 15);
        await new Promise((resolve) => setTimeout(resolve, random()));
        highest = Math.max(highest, sums(limiter).inFlight);
        expect(sums(limiter).inFlight).to.be.within(0, LIMIT);
      }
      await until(() => over === CALLS, 'all calls to end');
      await until(() => sums(limiter).inFlight === 0 && sums(limiter).waiting === 0, 'all places to be free');
      expect(highest).to.equal(LIMIT);
    });
  });
