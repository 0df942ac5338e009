import { expect } from 'chai';
import fc from 'fast-check';
import type { LimitNews } from '../../../../lib/http/advertised-limits.js';
import { Toy, tooMany } from './toy-gate.js';

describe('a gate in front of an API', () => {
  it('sends no calls in vain after the first window, apart from probes, whatever the latencies', () => {
    const latencies = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(
        latencies,
        fc.integer({ min: 1, max: 150 }),
        fc.integer({ min: 0, max: 1999 }),
        (each, limit, at) => {
          const windowMs = 2000;
          const toy = new Toy();
          toy.now += at;
          const flights: {
            window: number | undefined;
            due: number;
            advertised: Partial<LimitNews>;
          }[] = [];
          let used = 0;
          let current = Math.floor(toy.now / windowMs);
          const first = current;
          let vain = 0;
          for (let step = 0; step < 1200; step++) {
            toy.now += 10;
            const index = Math.floor(toy.now / windowMs);
            if (index !== current) {
              current = index;
              used = 0;
            }
            for (const flight of flights.filter(({ due }) => due <= toy.now)) {
              flights.splice(flights.indexOf(flight), 1);
              toy.settle(flight.window, flight.advertised);
            }
            for (const window of toy.take(5)) {
              used++;
              const due = toy.now + (each[step % each.length] ?? 0);
              const waitMs = (current + 1) * windowMs - due;
              const remaining = Math.max(0, limit - used);
              if (used > limit && current > first + 1) vain++;
              const advertised =
                used > limit
                  ? { ...tooMany(Math.max(1, waitMs)), remaining }
                  : { remaining, waitMs: Math.max(0, waitMs) };
              flights.push({ window, due, advertised: { limit, ...advertised } });
            }
          }
          // Six windows; each may begin with a call or so that comes too early.
          expect(vain).to.be.at.most(6 * Math.max(1, Math.floor(limit / 100)));
        },
      ),
      { numRuns: 200 },
    );
  });
});
