import { expect } from 'chai';
import type { StoredVariant } from '../../../lib/cache/store/entry.js';
import { MemoryStore } from '../../../lib/cache/store/memory-store.js';
import type { CacheStore, Lease, PurgeTarget, StoredUnder } from '../../../lib/cache/store/store.js';
import { begin, call } from '../../support/client.js';
import { until } from '../../support/until.js';
import { cached, cacheStatus, counted, TestClock } from './testing.js';

/** A store that replies later, and grants one lease per key at a time. */
class FarStore implements CacheStore {
  readonly #near = new MemoryStore();
  readonly #leases = new Map<string, () => void>();
  readonly #waiting: (() => void)[] = [];
  lookUps = 0;
  leasesAsked = 0;

  async get(key: string): Promise<readonly StoredVariant[] | undefined> {
    this.lookUps++;
    await new Promise((resolve) => setImmediate(resolve));
    return this.#near.get(key);
  }
  set(key: string, variants: readonly StoredVariant[], under: StoredUnder): void {
    this.#near.set(key, variants, under);
  }
  delete(key: string): void {
    this.#near.delete(key);
  }
  purging: Promise<void> | undefined;

  async purge(target: PurgeTarget): Promise<number> {
    await this.purging;
    return this.#near.purge(target);
  }
  async lease(key: string): Promise<Lease | undefined> {
    this.leasesAsked++;
    if (this.#leases.has(key)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      return undefined;
    }
    const release = (): void => {
      this.#leases.delete(key);
      for (const goOn of this.#waiting.splice(0)) goOn();
    };
    this.#leases.set(key, release);
    return { release };
  }
  counts() {
    return this.#near.counts();
  }
  close(): Promise<void> {
    return this.#near.close();
  }
  get leased(): number {
    return this.#leases.size;
  }
}

describe('cache() with a store that several processes share', () => {
  it('serves hits with one look-up each', async () => {
    const store = new FarStore();
    const { get, handler } = await cached(counted(), { store });
    await get();
    const before = store.lookUps;
    const hit = await get();
    expect([hit.text, store.lookUps - before]).to.deep.equal(['answer 1', 1]);
    expect(handler.counts()).to.include({ hits: 1, misses: 1, entries: 1 });
  });

  it('has one of two processes send the request, and the other wait for it', async () => {
    const store = new FarStore();
    const release: (() => void)[] = [];
    const respond = counted();
    const one = await cached((req, res) => void release.push(() => respond(req, res)), { store });
    const other = await cached(counted(), { store });
    const calls = [one.get()];
    await until(() => release.length === 1);
    calls.push(other.get(), one.get());
    await until(() => store.leasesAsked === 2);
    release[0]?.();
    expect((await Promise.all(calls)).map(({ text }) => text)).to.deep.equal(Array(3).fill('answer 1'));
    expect(other.upstream.requests).to.have.length(0);
    expect(store.leased).to.equal(0);
  });

  it('sends its own request where the holder of the lease has stored nothing', async () => {
    const store = new FarStore();
    const release: (() => void)[] = [];
    const one = await cached((_req, res) => void release.push(() => res.writeHead(500).end()), { store });
    const other = await cached(counted(), { store });
    const failing = one.get();
    await until(() => release.length === 1);
    const waiting = other.get();
    await until(() => store.leasesAsked === 2);
    release[0]?.();
    expect((await failing).status).to.equal(500);
    expect((await waiting).text).to.equal('answer 1');
    expect(store.leased).to.equal(0);
  });

  it('releases the lease when the client leaves', async () => {
    const store = new FarStore();
    const { proxy, upstream } = await cached(() => {}, { store });
    const client = begin(proxy.url);
    await until(() => upstream.requests.length === 1);
    expect(store.leased).to.equal(1);
    client.destroy();
    await until(() => store.leased === 0);
  });

  it('serves nothing that a pending purge removes, and keeps what came after it', async () => {
    const store = new FarStore();
    const { get, handler } = await cached(counted(), { store });
    await get('/a');
    await get('/b');
    let carryOut: (() => void) | undefined;
    store.purging = new Promise((resolve) => {
      carryOut = resolve;
    });
    const purged = handler.purge({ prefix: '/a' });
    expect((await get('/a')).text).to.equal('answer 3');
    expect((await get('/b')).text).to.equal('answer 2');
    carryOut?.();
    expect(await purged).to.equal(1);
    expect((await get('/a')).text).to.equal('answer 3');
  });

  it('renews in the background under a lease', async () => {
    const clock = new TestClock();
    const store = new FarStore();
    const options = { store, ttlMs: 1000, staleWhileRevalidateMs: 60_000 };
    const { get, upstream, proxy } = await cached(counted({}, { clock }), options, { clock });
    await get();
    clock.advance(2000);
    expect(cacheStatus(await call(proxy.url))).to.match(/hit; ttl=-/);
    await until(() => upstream.requests.length === 2);
    await until(() => store.leased === 0);
    expect((await get()).text).to.equal('answer 2');
  });
});
