import { expect } from 'chai';
import { type ApiOptions, resolveConfig } from '../../../lib/apis/options.js';
import { sortOptions } from '../../../lib/apis/sort-options.js';
import { parseConfig } from '../../../lib/config/load-config.js';

const target = 'http://api.test';
const PARTS = ['cache', 'breaker', 'rateLimit', 'concurrency', 'retry', 'proxyRotate'] as const;
const SHARED = ['stats', 'metrics', 'tracing'] as const;

const sorted = (options: ApiOptions, defaults: Partial<ApiOptions> = {}) => {
  const { apis } = resolveConfig({ apis: { x: { target, ...options } }, defaults });
  return sortOptions('apis.x', apis.get('x') ?? {});
};

describe('true in the place of a block', () => {
  for (const part of PARTS) {
    it(`means the defaults of ${part}`, () => {
      expect(sorted({ [part]: true })).to.deep.equal(sorted({ [part]: {} }));
      expect(sorted({ [part]: true })[part]).to.not.equal(false);
    });

    it(`means what the defaults say of ${part}`, () => {
      const common = { cache: { ttlMs: 5 }, retry: { maxAttempts: 7 }, breaker: { failureThreshold: 9 } };
      const defaults = { ...common, [part]: Reflect.get(common, part) ?? {} };
      expect(sorted({ [part]: true }, defaults)).to.deep.equal(sorted({}, defaults));
    });

    it(`turns ${part} on where the defaults turn it off, and is turned off by an API`, () => {
      expect(sorted({ [part]: true }, { [part]: false })).to.deep.equal(sorted({ [part]: {} }));
      expect(sorted({ [part]: false }, { [part]: true })[part]).to.equal(false);
    });

    it(`can stand in a file for ${part}`, () => {
      const read = (block: string) =>
        parseConfig(`apis: { x: { target: "${target}", ${part}: ${block} } }`, { env: {} }).config.apis.x;
      expect(sorted(read('true') ?? {})).to.deep.equal(sorted(read('{}') ?? {}));
    });
  }

  for (const part of SHARED) {
    it(`means the defaults of ${part}, in code and in a file`, () => {
      expect(resolveConfig({ apis: {}, [part]: true }).shared[part]).to.deep.equal({});
      const read = (block: string) => {
        const { config } = parseConfig(`apis: { x: { target: "${target}" } }\n${part}: ${block}`, {
          env: {},
        });
        return resolveConfig(config).shared[part];
      };
      expect(read('true')).to.deep.equal(read('{}'));
    });
  }

  it('keeps options that a file has beside it', () => {
    const { config } = parseConfig(`apis: { x: { target_url: "${target}", cache: true, cache_ttl: 5 } }`, {
      env: {},
    });
    expect(config.apis.x?.cache).to.deep.equal({ ttlMs: 5000 });
  });
});
