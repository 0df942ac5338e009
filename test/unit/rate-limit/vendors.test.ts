import { expect } from 'chai';
import { discord, gitHub, openAi, shopify, type VendorApi } from '../../support/vendor-apis.js';
import { simulateLoad } from '../../support/vendor-load.js';

const APIS: [name: string, make: (now: number) => VendorApi, windows: number][] = [
  ['GitHub', () => gitHub({ size: 300, ms: 120_000 }), 3],
  ['OpenAI, whose requests bind', (now) => openAi(now, 40), 1],
  ['OpenAI, whose tokens bind', (now) => openAi(now, 120), 2],
  ['Discord', () => discord(), 4],
  ['Shopify', (now) => shopify(now), 10],
];

for (const [processes, where] of [
  [1, 'in one process'],
  [4, 'in four that share a Redis'],
] as const) {
  describe(`rateLimit() with nothing configured, at ten times what an API allows, ${where}`, () => {
    for (const [name, make, windows] of APIS)
      it(`uses up the limits of ${name}, and is refused by it hardly ever`, async () => {
        const { refusedByApi, used, refusedInVain, calls } = await simulateLoad(make, windows, processes);
        expect(calls).to.be.above(1000);
        expect(refusedByApi, 'refused by the API').to.be.at.most(0.01);
        for (const [limit, share] of Object.entries(used)) expect(share, limit).to.be.at.least(0.95);
        expect(refusedInVain, 'refused here in vain').to.be.at.most(0.01);
      });
  });
}
