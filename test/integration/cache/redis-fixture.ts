import type { EntryMeta, StoredVariant } from '../../../lib/cache/store/entry.js';
import type { RedisStoreOptions } from '../../../lib/cache/store/redis/options.js';
import { type RedisStore, redisStore } from '../../../lib/cache/store/redis/store.js';
import type { StoredUnder } from '../../../lib/cache/store/store.js';
import { onCleanup } from '../../support/cleanup.js';
import type { RedisServer } from '../../support/redis.js';
import { until } from '../../support/until.js';

/** What all keys of the tests' API begin with. */
export const API = '{rpo:weather}:';

export const KEY = `${API}/cities:`;

/** Every byte there is, none of them readable as UTF-8 at its place. */
export const BINARY = Buffer.from(Array.from({ length: 1024 }, (_, index) => 255 - (index % 256)));

const NOW = 1_790_000_000_000;

const META: EntryMeta = {
  status: 200,
  statusText: 'OK',
  rawHeaders: ['Content-Type', 'application/octet-stream'],
  requestTime: NOW,
  responseTime: NOW,
  bornAt: NOW,
  dateMs: NOW,
  freshUntil: NOW + 60_000,
  staleWhileRevalidateUntil: NOW + 60_000,
  staleIfErrorUntil: NOW + 60_000,
  keepUntil: NOW + 60_000,
  staleForbidden: false,
  immutable: false,
  revalidatable: false,
  varyNames: [],
  varyKey: '',
  tags: [],
  bodyLength: 0,
};

export function variant(body: string | Buffer, changes: Partial<EntryMeta> = {}): StoredVariant {
  const bytes = Buffer.from(body);
  return { meta: { ...META, bodyLength: bytes.length, ...changes }, body: bytes };
}

/** Kept for a minute under {@link API}. */
export function under(changes: Partial<StoredUnder> = {}): StoredUnder {
  return { api: API, tags: [], keepUntil: Date.now() + 60_000, ...changes };
}

/** A connected store that is closed after the test. Its timeout is generous enough for a busy machine. */
export async function connectedStore(
  server: RedisServer,
  options: Partial<RedisStoreOptions> = {},
): Promise<RedisStore> {
  const store = redisStore({
    redis: { host: server.host, port: server.port },
    commandTimeoutMs: 1000,
    ...options,
  });
  onCleanup(() => store.close());
  await until(() => store.isUsable(), 'the store to be connected');
  return store;
}

/** Sets a value and waits until Redis has it. */
export async function stored(
  store: RedisStore,
  key: string,
  body: string | Buffer,
  changes: Partial<StoredUnder> = {},
): Promise<void> {
  store.set(key, [variant(body, { tags: changes.tags ?? [] })], under(changes));
  await written(store);
}

/** Resolves once nothing is on its way to Redis any more. */
export async function written(store: RedisStore): Promise<void> {
  await until(() => store.counts().bytes === 0, 'what was set to be written');
}

/** The first variant's body, as text; `undefined` for a miss. */
export async function bodyAt(store: { get: RedisStore['get'] }, key: string): Promise<string | undefined> {
  const [found] = (await store.get(key)) ?? [];
  return found && Buffer.from(found.body).toString();
}
