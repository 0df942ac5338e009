/** Numbers from 0 to 1 that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

type Next = (random: () => number, progress: number) => number;

/** A number of the standard normal distribution. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
}

const positive = (value: number): number => Math.max(0.001, value);

/** Times in milliseconds as APIs have them; `progress` goes from 0 to 1. */
export const DISTRIBUTIONS: Readonly<Record<string, Next>> = {
  'even times': (random) => random() * 100,
  'log-normal times': (random) => Math.exp(3 + 0.8 * normal(random)),
  'a long tail': (random) => 5 / random() ** (1 / 1.5),
  'hits and misses by halves': (random) =>
    random() < 0.48 ? positive(2 + 0.3 * normal(random)) : 80 * (1 + random()),
  'a tenth of misses': (random) =>
    random() < 0.89 ? 0.3 + 0.1 * random() : 40 * Math.exp(0.5 * normal(random)),
  'a few time-outs': (random) =>
    random() < 0.985 ? 20 * Math.exp(0.4 * normal(random)) : 10_000 + 20 * random(),
  'times that grow': (random, progress) => positive(50 * (1 + 2 * progress) + 5 * normal(random)),
  'times that rise one by one': (_random, progress) => positive(progress * 100),
};

/** By how much the share of values up to `value` differs from `share`. */
export function rankError(sorted: Float64Array, value: number, share: number): number {
  const below = firstAt(sorted, (other) => other >= value) / sorted.length;
  const upTo = firstAt(sorted, (other) => other > value) / sorted.length;
  return Math.max(0, below - share, share - upTo);
}

function firstAt(sorted: Float64Array, reached: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reached(sorted[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}
