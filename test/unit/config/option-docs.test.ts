import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { resolveConcurrency } from '../../../lib/concurrency/concurrency-options.js';
import type { JsonSchema } from '../../../lib/config/json-schema.js';
import { redisSchema } from '../../../lib/config/schema.js';
import { rateLimitSchema } from '../../../lib/rate-limit/rate-limit-options.js';
import { SharedRedis } from '../../../lib/redis/shared-redis.js';
import { idempotencyKeySchema } from '../../../lib/retry/retry-options.js';
import { resolveForward } from '../../../lib/upstream/options/resolve-forward.js';
import { describedSchema } from '../../support/options/described-schema.js';
import type { OptionDoc } from '../../support/options/option-docs.js';
import { OPTION_GROUPS, type OptionGroup } from '../../support/options/option-groups.js';
import { optionsPage } from '../../support/options/page.js';

const groups: readonly (readonly [string, OptionGroup])[] = Object.entries(OPTION_GROUPS);
const membersOf = (docs: readonly OptionDoc[], name: string) =>
  docs.find((doc) => doc.name === name)?.members ?? [];

/** Each option of a file by its path, with what an editor says of it. */
function described(part: unknown, path = ''): [path: string, description: unknown][] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) => {
    if (key !== 'properties') return described(value, path);
    return Object.entries(value as Record<string, JsonSchema>).flatMap(([name, property]) => [
      [`${path}.${name}`, property.description] as [string, unknown],
      ...described(property, `${path}.${name}`),
    ]);
  });
}

/** A value as a doc comment writes it. */
function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Whether a `@default` is a value and no text about one. */
const isValue = (preset: string) => /^(?:\d[\d.]*|true|'.*'|\[.*\]|\{.*\})$/.test(preset);

describe('the documentation of options', () => {
  it('is the page docs/options.md: npm run docs:options writes it anew', () => {
    expect(readFileSync('docs/options.md', 'utf8')).to.equal(optionsPage());
  });

  it('is in the published schema: npm run schema writes it anew', () => {
    const published: unknown = JSON.parse(readFileSync('schema/apis.schema.json', 'utf8'));
    expect(published).to.deep.equal(JSON.parse(JSON.stringify(describedSchema())));
  });

  it('describes every option that a file takes', () => {
    const all = described(describedSchema());
    expect(all.length).to.be.above(150);
    expect(all.filter(([, text]) => typeof text !== 'string' || text.length < 5)).to.deep.equal([]);
  });

  for (const [name, { docs, shape }] of groups) {
    it(`describes every option that the code takes: ${name}`, () => {
      const documented = docs.filter(({ description }) => description !== '').map((doc) => doc.name);
      expect(documented).to.include.members(Object.keys(shape));
      expect(documented).to.have.length(docs.length);
    });
  }

  it('has a row on the page for each of them', () => {
    const rows = optionsPage().match(/^\| `[^`]+`/gm) ?? [];
    for (const [name, { docs }] of groups)
      for (const doc of docs) expect(rows, name).to.include(`| \`${doc.name}\``);
    expect(optionsPage()).to.match(/^\| `maxAttempts` \[max_attempts\] \| `integer`, 1 to 100 \| `3` \|/m);
    expect(optionsPage()).to.match(
      /^\| `ttlMs` \[cache_ttl, in seconds\] \| `number`, ms \| `60000` \(1 min\) \|/m,
    );
    expect(optionsPage()).to.match(/^\| `key` \*code only\* \| `\(req\) => string \\\| undefined` \|/m);
  });

  const { connections, ...forwarding } = resolveForward({ target: 'http://localhost' }, '');
  const redis = new Redis({ lazyConnect: true });
  /** Defaults that no schema fills in, because it matters whether an option was given. */
  const resolved: Readonly<Record<string, object>> = {
    api: { ...forwarding, ...connections, redirectOrigins: [...connections.redirects.origins] },
    concurrency: resolveConcurrency({}),
    redis: {
      ...redis.options,
      ...new SharedRedis({ client: redis, own: false }, {}),
      commandTimeoutMs: rateLimitSchema.parse({}).commandTimeoutMs,
    },
  };
  const { port } = Object(redisSchema.parse({ sentinels: [{ host: 'a' }] })).sentinels[0];
  const inner: [string, readonly OptionDoc[], object][] = [
    ['retry', membersOf(OPTION_GROUPS.retry.docs, 'idempotencyKey'), idempotencyKeySchema.parse({})],
    ['redis', membersOf(OPTION_GROUPS.redis.docs, 'sentinels'), { port }],
  ];
  const all = [...groups.map(([name, { docs, defaults }]) => [name, docs, defaults] as const), ...inner];
  for (const [name, docs, defaults] of all) {
    it(`says what the defaults are: ${name}, ${docs[0]?.name}`, () => {
      for (const doc of docs) {
        const { preset } = doc;
        const filled: unknown = Reflect.get(defaults, doc.name);
        const value = filled ?? Reflect.get(resolved[name] ?? {}, doc.name);
        if (filled !== undefined) expect(preset, doc.name).to.equal(written(filled));
        else if (preset !== undefined && isValue(preset)) expect(preset, doc.name).to.equal(written(value));
      }
    });
  }
});
