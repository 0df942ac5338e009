import { normal, seeded } from '../../unit/stats/digest/distributions.js';

/** Calls of each process. */
export const CALLS = 3000;

/** One call of the mixture. */
export interface MixedCall {
  readonly path: '/hits' | '/misses' | '/tail' | '/steady';
  readonly status: 200 | 404 | 503;
  readonly ms: number;
}

/** The calls of one process, the same for the same number: hits of a cache, its misses, a long tail, equal times. */
export function mixtureOf(process: number): MixedCall[] {
  const random = seeded(process);
  return Array.from({ length: CALLS }, () => {
    const kind = random();
    const status = kind < 0.02 ? 503 : kind < 0.05 ? 404 : 200;
    const pick = random();
    if (pick < 0.5) return { path: '/hits', status, ms: Math.fround(0.3 + random() / 10) };
    if (pick < 0.7) return { path: '/misses', status, ms: Math.fround(Math.exp(6 + 0.2 * normal(random))) };
    if (pick < 0.8) return { path: '/tail', status, ms: Math.fround(2 / random()) };
    return { path: '/steady', status, ms: 5 };
  });
}
