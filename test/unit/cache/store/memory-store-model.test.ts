import { expect } from 'chai';
import fc from 'fast-check';
import type { StoredVariant } from '../../../../lib/cache/store/entry.js';
import { MemoryStore } from '../../../../lib/cache/store/memory-store.js';
import { stored } from '../policy/stored-entry.js';

const API = '{rpo:a}:';
const PATHS = ['/a', '/b', '/a/b', '/long'.repeat(20)];
const RESTS = ['', '~host', 'digest', 'digest-of-another-query'];

type Step =
  | { readonly type: 'set'; readonly key: string; readonly length: number; readonly how: number }
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'peek'; readonly key: string }
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'purge-key'; readonly key: string }
  | { readonly type: 'purge-path'; readonly path: string }
  | { readonly type: 'purge-below'; readonly path: string };

const path = fc.constantFrom(...PATHS);
const key = fc.tuple(path, fc.constantFrom(...RESTS)).map(([of, rest]) => `${API}${of}:${rest}`);
const keyed = <T extends string>(type: T) => fc.record({ type: fc.constant(type), key });
const pathed = <T extends string>(type: T) => fc.record({ type: fc.constant(type), path });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('set' as const),
      key,
      length: fc.constantFrom(0, 1, 900, 9000, 20_000),
      how: fc.nat(5),
    }),
  },
  { weight: 6, arbitrary: fc.oneof(keyed('get'), keyed('peek')) },
  {
    weight: 1,
    arbitrary: fc.oneof(keyed('delete'), keyed('purge-key')),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(pathed('purge-path'), pathed('purge-below')),
  },
);

let made = 0;

/** A response that differs from all others; `how` decides what it has besides a body. */
function variant(length: number, how: number): StoredVariant {
  const meta = stored({ 'Content-Type': 'text/plain', 'X-Number': `${made++} ÿ`, ETag: '"e"' });
  const body = Buffer.alloc(length, `${made} `);
  const tags = how === 1 ? ['t'] : [];
  const more = how === 2 ? { etag: undefined, statusText: '', immutable: true } : {};
  // Not in Latin-1, as only a foreign store could have it.
  const text = how === 3 ? { varyKey: 'x=€\n', varyNames: ['x'] } : {};
  return { meta: { ...meta, tags, ...more, ...text, bodyLength: length }, body };
}

/** What a store has to return: all of the response, or nothing where it had to make room. */
async function check(store: MemoryStore, steps: readonly Step[], maxBytes: number): Promise<void> {
  const model = new Map<string, StoredVariant>();
  const forget = (concerns: (key: string) => boolean): void => {
    for (const known of [...model.keys()]) if (concerns(known)) model.delete(known);
  };
  for (const one of steps) {
    if (one.type === 'set') {
      const value = variant(one.length, one.how);
      store.set(one.key, [value], { api: API, tags: value.meta.tags, keepUntil: 0 });
      model.set(one.key, value);
    } else if (one.type === 'delete') {
      store.delete(one.key);
      model.delete(one.key);
    } else if (one.type === 'purge-key') {
      await store.purge({ key: one.key });
      model.delete(one.key);
    } else if (one.type === 'purge-path') {
      const prefix = `${API}${one.path}:`;
      await store.purge({ prefix });
      forget((known) => known.startsWith(prefix));
    } else if (one.type === 'purge-below') {
      const prefix = `${API}${one.path}`;
      await store.purge({ prefix });
      forget((known) => known.startsWith(prefix));
    } else if (one.type === 'get') compare(one.key, store.get(one.key), model);
    else compare(one.key, store.peek(one.key), model);
    expect(store.bytes).to.be.within(0, maxBytes);
  }
  for (const known of model.keys()) compare(known, store.peek(known), model);
  for (const known of model.keys()) compare(known, store.get(known), model);
  expect(store.counts().entries).to.be.at.most(model.size);
  if (maxBytes > 1e6) expect(store.counts().entries).to.equal(model.size);
  await store.purge({ prefix: API });
  expect(store.counts()).to.include({ entries: 0, bytes: 0 });
}

function compare(
  of: string,
  found: readonly StoredVariant[] | undefined,
  model: Map<string, StoredVariant>,
): void {
  const wanted = model.get(of);
  if (!found) {
    // Evicted: it must not come back.
    model.delete(of);
    return;
  }
  expect(found).to.have.length(1);
  expect(JSON.parse(JSON.stringify(found[0]?.meta))).to.deep.equal(JSON.parse(JSON.stringify(wanted?.meta)));
  expect(Buffer.from(found[0]?.body ?? []).equals(Buffer.from(wanted?.body ?? []))).to.equal(true);
}

describe('MemoryStore beside a plain map', () => {
  for (const maxBytes of [8 * 1024 * 1024, 60_000]) {
    it(`returns the newest of a key or nothing, with ${maxBytes} bytes`, () =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), (steps) =>
          check(new MemoryStore({ maxBytes }), steps, maxBytes),
        ),
        { numRuns: Number(process.env.MODEL_RUNS ?? 150) },
      )).timeout(60_000);
  }
});
