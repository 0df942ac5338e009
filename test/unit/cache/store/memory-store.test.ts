import { expect } from 'chai';
import type { StoredVariant } from '../../../../lib/cache/store/entry.js';
import { MemoryBudget } from '../../../../lib/cache/store/memory-budget.js';
import { MemoryStore } from '../../../../lib/cache/store/memory-store.js';
import { MAX_TEXT_BYTES } from '../../../../lib/cache/store/memory-variant.js';
import { stored } from '../policy/stored-entry.js';

const API = '{rpo:a}:';

function variant(body: Uint8Array | string = 'body', tags: string[] = []): StoredVariant {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const meta = stored({ 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=60' });
  return { meta: { ...meta, tags, bodyLength: bytes.length }, body: bytes };
}

function put(store: MemoryStore, path: string, one = variant(), rest = ''): string {
  const key = `${API}${path}:${rest}`;
  store.set(key, [one], { api: API, tags: one.meta.tags, keepUntil: 0 });
  return key;
}

describe('MemoryStore', () => {
  it('returns what was stored, small bodies and large ones', () => {
    for (const length of [0, 1, MAX_TEXT_BYTES, MAX_TEXT_BYTES + 1, 200_000]) {
      const store = new MemoryStore();
      const body = Buffer.from(Array.from({ length }, (_, i) => (i * 31) & 255));
      const key = put(store, '/x', variant(body));
      const [got] = store.get(key) ?? [];
      expect(Buffer.from(got?.body ?? []).equals(body), `${length}`).to.equal(true);
      expect(got?.meta.rawHeaders).to.deep.equal(variant(body).meta.rawHeaders);
    }
  });

  it('keeps no view on memory that is not its own', () => {
    const store = new MemoryStore();
    const read = Buffer.alloc(200_000, 'a');
    const keys = [
      put(store, '/large', variant(read.subarray(0, 100_000))),
      put(store, '/small', variant(read.subarray(0, 10))),
    ];
    read.fill('b');
    for (const key of keys) expect(store.get(key)?.[0]?.body[0]).to.equal(97);
  });

  it('counts what it holds, and holds no more than maxBytes', () => {
    const store = new MemoryStore({ maxBytes: 100_000 });
    for (let i = 0; i < 200; i++) put(store, `/${i}`, variant('x'.repeat(1000)));
    const { entries, bytes, evictions } = store.counts();
    expect(bytes).to.be.within(90_000, 100_000);
    expect(entries + evictions).to.equal(200);
    expect(store.get(`${API}/199:`)).to.have.length(1);
    expect(store.get(`${API}/0:`)).to.equal(undefined);
  });

  it('does not accept an entry larger than itself, and drops the one before it', () => {
    const store = new MemoryStore({ maxBytes: 10_000 });
    const key = put(store, '/x');
    put(store, '/x', variant('x'.repeat(20_000)));
    expect(store.get(key)).to.equal(undefined);
    expect(store.counts()).to.include({ entries: 0, bytes: 0 });
  });

  it('purges by key, by one path, by a prefix and by tag', async () => {
    const store = new MemoryStore();
    const fill = () => {
      put(store, '/a', variant('1', ['t']));
      put(store, '/a', variant('2'), 'digest');
      put(store, '/a/b', variant('3', ['t', 'u']));
      put(store, '/ab', variant('4'));
    };
    fill();
    expect(await store.purge({ key: `${API}/a:digest` })).to.equal(1);
    fill();
    expect(await store.purge({ prefix: `${API}/a:` })).to.equal(2);
    fill();
    expect(await store.purge({ prefix: `${API}/a` })).to.equal(4);
    fill();
    expect(await store.purge({ api: API, tag: 't' })).to.equal(2);
    expect(await store.purge({ api: '{rpo:b}:', tag: 'u' })).to.equal(0);
    fill();
    expect(await store.purge({ prefix: '{rpo:b}:' })).to.equal(0);
    expect(await store.purge({ prefix: API })).to.equal(4);
    expect(store.counts()).to.include({ entries: 0, bytes: 0 });
  });

  it('forgets the tags of what was replaced', async () => {
    const store = new MemoryStore();
    put(store, '/x', variant('1', ['old']));
    put(store, '/x', variant('2', ['new']));
    expect(await store.purge({ api: API, tag: 'old' })).to.equal(0);
    expect(await store.purge({ api: API, tag: 'new' })).to.equal(1);
  });

  it('is empty once closed', async () => {
    const store = new MemoryStore();
    const key = put(store, '/x');
    await store.close();
    expect(store.get(key)).to.equal(undefined);
  });

  it('shares a budget with others: what was unused for longest goes first, in whichever store it is', async () => {
    const budget = new MemoryBudget(100_000);
    const [busy, idle] = [new MemoryStore({ budget }), new MemoryStore({ budget })];
    const hot = put(idle, '/hot', variant('x'.repeat(1000)));
    for (let i = 0; i < 30; i++) put(idle, `/${i}`, variant('x'.repeat(1000)));
    for (let i = 0; i < 200; i++) {
      put(busy, `/${i}`, variant('x'.repeat(1000)));
      idle.get(hot);
    }
    expect(budget.bytes).to.equal(busy.counts().bytes + idle.counts().bytes);
    expect(budget.bytes).to.be.within(90_000, 100_000);
    expect(idle.counts()).to.include({ entries: 1, evictions: 30 });
    busy.delete(`${API}/199:`);
    await busy.purge({ prefix: API });
    expect(budget.bytes).to.equal(idle.counts().bytes);
    await idle.close();
    expect(budget.bytes).to.equal(0);
  });
});
