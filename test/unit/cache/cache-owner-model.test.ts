import { expect } from 'chai';
import fc from 'fast-check';
import { type CacheHandler, cache } from '../../../lib/cache/cache.js';
import { MemoryStore } from '../../../lib/cache/store/memory-store.js';
import type { CacheStore, PurgeTarget, StoredUnder } from '../../../lib/cache/store/store.js';
import type { Handler } from '../../../lib/core/exchange.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { type Injected, inject } from '../../support/inject.js';

const RUNS = Number(process.env.MODEL_RUNS ?? 300);
const TTL = 60_000;

const HOSTS = ['one.example', 'two.example'] as const;
const PATHS = ['/a', '/b?q=1'] as const;
const TENANTS = [{}, { 'Private-Token': 'ann' }, { 'Private-Token': 'bob' }, { Cookie: 'sid=cleo' }] as const;
type State = 'ok' | 'gone' | 'forbidden' | 'no-store' | 'cookie';

interface Ask {
  readonly process: 0 | 1;
  readonly host: number;
  readonly path: number;
  readonly tenant: number;
  readonly how: 'get' | 'head' | 'if-none-match' | 'range' | 'no-store';
}

type Step =
  | ({ readonly do: 'ask' } & Ask)
  /** Two at a time: the second is complete before the upstream responds to the first, if that gets so far. */
  | { readonly do: 'overlap'; readonly first: Ask; readonly state: State; readonly thenDown: boolean }
  | { readonly do: 'state'; readonly host: number; readonly path: number; readonly state: State }
  | { readonly do: 'down'; readonly down: boolean }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'write'; readonly process: 0 | 1; readonly host: number; readonly path: number }
  | { readonly do: 'purge'; readonly process: 0 | 1; readonly path: number };

const index = (list: readonly unknown[]) => fc.integer({ min: 0, max: list.length - 1 });
const process01 = fc.constantFrom<0 | 1>(0, 1);
const state = fc.constantFrom<State>('ok', 'gone', 'forbidden', 'no-store', 'cookie');
const ask: fc.Arbitrary<Ask> = fc.record({
  process: process01,
  host: index(HOSTS),
  path: index(PATHS),
  tenant: index(TENANTS),
  how: fc.constantFrom('get', 'get', 'get', 'head', 'if-none-match', 'range', 'no-store'),
});
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: ask.map((one): Step => ({ do: 'ask', ...one })) },
    {
      weight: 2,
      arbitrary: fc
        .record({ first: ask, state, thenDown: fc.boolean() })
        .map((one): Step => ({ do: 'overlap', ...one })),
    },
    {
      weight: 3,
      arbitrary: fc
        .record({ host: index(HOSTS), path: index(PATHS), state })
        .map((one): Step => ({ do: 'state', ...one })),
    },
    { weight: 2, arbitrary: fc.boolean().map((down): Step => ({ do: 'down', down })) },
    { weight: 3, arbitrary: fc.constantFrom(1, 30, 61).map((seconds): Step => ({ do: 'wait', seconds })) },
    {
      weight: 1,
      arbitrary: fc
        .record({ process: process01, host: index(HOSTS), path: index(PATHS) })
        .map((one): Step => ({ do: 'write', ...one })),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({ process: process01, path: index(PATHS) })
        .map((one): Step => ({ do: 'purge', ...one })),
    },
  ),
  { minLength: 3, maxLength: 14 },
);

/** A store that replies later, as one of several processes does. */
class LateStore implements CacheStore {
  readonly #near = new MemoryStore();
  async get(key: string) {
    return this.#near.get(key);
  }
  set(key: string, variants: Parameters<CacheStore['set']>[1], under: StoredUnder) {
    this.#near.set(key, variants, under);
  }
  delete(key: string) {
    this.#near.delete(key);
  }
  async purge(target: PurgeTarget) {
    return this.#near.purge(target);
  }
  async lease() {
    return { release() {} };
  }
  counts() {
    return this.#near.counts();
  }
  close() {
    return this.#near.close();
  }
}

/** Upstream, clock and caches of one run, and what may no longer be seen. */
class World {
  now = 1_790_000_000_000;
  down = false;
  /** Number of the last response of the upstream. */
  #serial = 0;
  readonly #states = new Map<string, State>();
  readonly #versions = new Map<string, number>();
  /** For each host, path and tenant: older responses than this are over. */
  readonly #floor = new Map<string, number>();
  readonly #processes: readonly { readonly cache: CacheHandler; readonly app: Handler }[];
  #held: (() => void) | undefined;
  #holds = false;

  constructor(shared: boolean, mode: 'ttl' | 'standard') {
    const store = shared ? new LateStore() : undefined;
    const one = () => {
      const handler = cache({ ttlMs: TTL, mode, store: store ?? 'memory' }, undefined, () => this.now);
      return { cache: handler, app: pipeline([handler, (req, res) => this.#respond(req, res)]) };
    };
    const first = one();
    this.#processes = [first, shared ? one() : first];
  }

  async run(list: readonly Step[]): Promise<void> {
    for (const step of list) await this.#step(step);
    for (const { cache } of this.#processes) await cache.close();
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'ask':
        return this.#ask(step);
      case 'overlap':
        return this.#overlap(step);
      case 'state':
        return this.#change(HOSTS[step.host] ?? '', PATHS[step.path] ?? '', step.state);
      case 'down':
        this.down = step.down;
        return;
      case 'wait':
        this.now += step.seconds * 1000;
        return;
      case 'write': {
        const [host, path] = [HOSTS[step.host] ?? '', PATHS[step.path] ?? ''];
        const { status } = await this.#send(step.process, 'POST', path, { Host: host });
        if (status < 400) this.#endBelow(path.replace(/\?.*/, ''), host);
        return;
      }
      case 'purge': {
        const prefix = (PATHS[step.path] ?? '').replace(/\?.*/, '');
        await this.#processes[step.process]?.cache.purge({ prefix });
        this.#endBelow(prefix);
      }
    }
  }

  #change(host: string, path: string, state: State): void {
    const place = host + path;
    this.#states.set(place, state);
    this.#versions.set(place, (this.#versions.get(place) ?? 0) + 1);
  }

  #endBelow(prefix: string, host?: string): void {
    for (const oneHost of host === undefined ? HOSTS : [host])
      for (const path of PATHS)
        for (const tenant of TENANTS)
          if (path.startsWith(prefix)) this.#floor.set(ownerOf(oneHost, path, tenant), this.#serial + 1);
  }

  async #overlap({ first, state, thenDown }: Extract<Step, { do: 'overlap' }>): Promise<void> {
    this.#holds = true;
    const pending = this.#ask(first);
    await new Promise((resolve) => setImmediate(resolve));
    this.#holds = false;
    this.#change(HOSTS[first.host] ?? '', PATHS[first.path] ?? '', state);
    await this.#ask({ ...first, how: 'no-store' });
    this.down = thenDown;
    this.#held?.();
    this.#held = undefined;
    await pending;
  }

  async #ask({ process, host: h, path: p, tenant: t, how }: Ask): Promise<void> {
    const [host, path, tenant] = [HOSTS[h] ?? '', PATHS[p] ?? '', TENANTS[t] ?? {}];
    const owner = ownerOf(host, path, tenant);
    const headers: Record<string, string> = { Host: host, ...tenant };
    if (how === 'if-none-match') headers['If-None-Match'] = '"never"';
    if (how === 'range') headers.Range = 'bytes=0-999';
    if (how === 'no-store') headers['Cache-Control'] = 'no-store';
    const response = await this.#send(process, how === 'head' ? 'HEAD' : 'GET', path, headers);
    this.#check(owner, response, how === 'no-store');
  }

  #check(owner: string, { status, headers }: Injected, wantsNothingStored: boolean): void {
    // The body says the same; HEAD has none.
    const [, told, serial] = /^"(.*)#(\d+)"$/.exec(headers.etag ?? '') ?? [];
    const floor = this.#floor.get(owner) ?? 0;
    if (status === 503) return;
    expect(told, 'whose it is').to.equal(owner);
    expect(Number(serial), `what ${owner} is sent, ${headers['cache-status']}`).to.be.at.least(floor);
    const isEnd = [401, 403, 404].includes(status);
    // What only a client without a cache was sent says nothing about the copy of the others, unless it is an end.
    if (wantsNothingStored && !isEnd) return;
    // An older one must not come back after a newer one.
    this.#floor.set(owner, isEnd ? Number(serial) : Math.max(floor, Number(serial)));
  }

  #send(process: 0 | 1, method: string, path: string, headers: Record<string, string>): Promise<Injected> {
    const app = this.#processes[process]?.app;
    if (!app) throw new Error('no such process');
    return inject(app, method, path, headers);
  }

  #respond(req: Parameters<Handler>[0], res: Parameters<Handler>[1]): void {
    if (this.#holds && !this.#held) {
      this.#held = () => this.#respondNow(req, res);
      return;
    }
    this.#respondNow(req, res);
  }

  #respondNow(req: Parameters<Handler>[0], res: Parameters<Handler>[1]): void {
    if (this.down) return void res.writeHead(503).end();
    if (req.method === 'POST') return void res.writeHead(204).end();
    const host = req.headers.host ?? '';
    const path = req.url ?? '';
    const tenant = TENANTS.find(
      (one) =>
        ('Private-Token' in one ? one['Private-Token'] : undefined) === req.headers['private-token'] &&
        ('Cookie' in one ? one.Cookie : undefined) === req.headers.cookie,
    );
    const state = this.#states.get(host + path) ?? 'ok';
    const body = `${ownerOf(host, path, tenant ?? {})}#${++this.#serial}`;
    const status = state === 'gone' ? 404 : state === 'forbidden' ? 403 : 200;
    res.writeHead(status, {
      Date: new Date(this.now).toUTCString(),
      'Cache-Control': state === 'no-store' ? 'no-store' : 'public, max-age=60, stale-if-error=86400',
      ETag: `"${body}"`,
      'Content-Length': body.length,
      ...(state === 'cookie' ? { 'Set-Cookie': 'a=b' } : {}),
    });
    res.end(req.method === 'HEAD' ? undefined : body);
  }
}

const ownerOf = (host: string, path: string, tenant: object) =>
  `${host} ${path} ${Object.values(tenant).join()}`;

describe('cache() beside a plain model of owners and ends', () => {
  for (const [name, shared] of [
    ['one process', false],
    ['two processes with one store', true],
  ] as const) {
    it(`sends no one what is another's, and nothing that is over, in ${name}`, async () => {
      const modes = fc.constantFrom<'ttl' | 'standard'>('ttl', 'standard');
      const property = fc.asyncProperty(steps, modes, (list, mode) => new World(shared, mode).run(list));
      await fc.assert(property, { numRuns: RUNS });
    }).timeout(Math.max(10_000, RUNS * 60));
  }
});
