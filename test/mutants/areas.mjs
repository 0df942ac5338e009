/** Parts of the code whose tests are tested, each with the tests that are to notice. */
export const areas = {
  call: {
    mutate: ['lib/upstream/call.ts', 'lib/upstream/attempt-run.ts'],
    tests: ['test/unit/upstream'],
  },
  retry: { mutate: ['lib/retry/**/*.ts'], tests: ['test/unit/retry'] },
  breaker: { mutate: ['lib/breaker/**/*.ts'], tests: ['test/unit/breaker'] },
  'learned-limit': { mutate: ['lib/rate-limit/gate/**/*.ts'], tests: ['test/unit/rate-limit'] },
  'cache-policy': { mutate: ['lib/cache/policy/**/*.ts'], tests: ['test/unit/cache/policy'] },
  'proxy-rotate': { mutate: ['lib/proxy-rotate/**/*.ts'], tests: ['test/unit/proxy-rotate'] },
  core: {
    // The names of other libraries are a table: a test could but repeat it.
    mutate: ['lib/core/**/*.ts', '!lib/core/names-elsewhere.ts'],
    tests: ['test/unit/core'],
  },
};
