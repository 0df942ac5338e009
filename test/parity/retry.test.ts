import { expect } from 'chai';
import { RETRY_CASES, withRetry } from './cases/retry-cases.js';
import { transcript } from './support/observation.js';
import { runCase } from './support/run-case.js';

describe('retry() in front of forward() with the options of http-proxy-middleware', () => {
  for (const one of RETRY_CASES) {
    for (const subject of ['node', 'auto'] as const) {
      it(`${one.topic}, ${one.name}: ${subject}`, async () => {
        const { seen } = await runCase({ stages: () => withRetry(), ...one }, subject);
        const text = transcript(seen);
        for (const pattern of one.shows) expect(pattern.test(text), `${pattern} in\n${text}`).to.equal(true);
        for (const pattern of one.lacks ?? [])
          expect(pattern.test(text), `${pattern} in\n${text}`).to.equal(false);
      });
    }
  }
});
