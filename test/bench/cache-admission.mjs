#!/usr/bin/env node
// Which share of requests a full memory store serves, beside plain LRU with the same bytes: on Zipf traces, on a crawl
// of new keys between them, and on a loop that is larger than the memory. Deterministic; it needs no network.
//
//   npm run build && node test/bench/cache-admission.mjs [--mb=4] [--requests=400000]
import { LRUCache } from 'lru-cache';

const arg = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, '').split('=')));
const { MemoryStore } = await import(process.env.CACHE_BENCH_PACKAGE ?? 'resilient-proxy-out');
const maxBytes = Number(arg.mb ?? 4) * 1024 * 1024;
const requests = Number(arg.requests ?? 400_000);
const BODY = Buffer.alloc(1024, 'x');
const API = '{rpo:bench}:';
/** What lru-cache is told that an entry takes: as much as the store counts for one that was read. */
const LRU_ENTRY_BYTES = 340 + 96 + 24 + 1024 + 500 + 300;

/** The generator mulberry32, always from the same seed. */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };
}

/** Ranks by Zipf's law, as requests for the pages of a site are distributed (exponent about 0.8 to 1). */
function zipf(random, keys, exponent) {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    sums[rank] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function* zipfTrace(keys, exponent) {
  const next = zipf(randomOf(1), keys, exponent);
  for (let i = 0; i < requests; i++) yield `page/${next()}`;
}

/** Every other tenth of the time a crawler requests nine new keys for each one of a user. */
function* crawlTrace(keys, exponent) {
  const random = randomOf(2);
  const next = zipf(random, keys, exponent);
  for (let i = 0; i < requests; i++) {
    const crawled = Math.floor((i * 10) / requests) % 2 === 1 && random() < 0.9;
    yield crawled ? `crawl/${i}` : `page/${next()}`;
  }
}

/** What is popular changes: after each fifth other pages are. */
function* shiftingTrace(keys, exponent) {
  const next = zipf(randomOf(3), keys, exponent);
  for (let i = 0; i < requests; i++) yield `page/${next()}/${Math.floor((i * 5) / requests)}`;
}

function* loopTrace(keys) {
  for (let i = 0; i < requests; i++) yield `loop/${i % keys}`;
}

const meta = {
  ...{ status: 200, statusText: 'OK', requestTime: 0, responseTime: 0, bornAt: 0, dateMs: 0 },
  ...{ freshUntil: 1, staleWhileRevalidateUntil: 1, staleIfErrorUntil: 1, keepUntil: 1 },
  ...{ staleForbidden: false, immutable: false, revalidatable: true, varyNames: [], varyKey: '', tags: [] },
  ...{ etag: '"v1"', bodyLength: BODY.length },
  rawHeaders: ['Content-Type', 'application/json', 'Date', 'Mon, 30 Nov 2026 06:33:39 GMT', 'ETag', '"v1"'],
};

function withStore(trace) {
  const store = new MemoryStore({ maxBytes });
  const seen = { requests: 0, hits: 0, stored: 0, users: 0, userHits: 0 };
  for (const name of trace) {
    const key = `${API}/${name}:`;
    const hit = store.get(key) !== undefined;
    note(seen, name, hit);
    if (hit || !store.admits(key)) continue;
    store.set(key, [{ meta, body: BODY }], { api: API, tags: [], keepUntil: 1 });
    seen.stored++;
  }
  return seen;
}

function withLru(trace) {
  const lru = new LRUCache({ maxSize: maxBytes });
  const seen = { requests: 0, hits: 0, stored: 0, users: 0, userHits: 0 };
  for (const name of trace) {
    const key = `${API}/${name}:`;
    const hit = lru.get(key) !== undefined;
    note(seen, name, hit);
    if (hit) continue;
    lru.set(key, true, { size: LRU_ENTRY_BYTES + key.length });
    seen.stored++;
  }
  return seen;
}

function note(seen, name, hit) {
  const isUser = !name.startsWith('crawl');
  seen.requests++;
  if (hit) seen.hits++;
  if (isUser) seen.users++;
  if (isUser && hit) seen.userHits++;
}

const fits = Math.floor(maxBytes / LRU_ENTRY_BYTES);
const TRACES = {
  'Zipf 0.8': () => zipfTrace(fits * 10, 0.8),
  'Zipf 1.0': () => zipfTrace(fits * 10, 1),
  'Zipf 0.9, popular pages change': () => shiftingTrace(fits * 5, 0.9),
  'Zipf 0.9 with crawls': () => crawlTrace(fits * 10, 0.9),
  'crawl of new keys': () => loopTrace(requests),
  'loop of 1.5 times the memory': () => loopTrace(Math.floor(fits * 1.5)),
};
const percent = (share) => `${(share * 100).toFixed(1)} %`;

console.log(`${maxBytes / 1024 / 1024} MiB, room for about ${fits} entries, ${requests} requests\n`);
console.log('| trace | hits of users, LRU | hits of users | stored of all requests, LRU | stored |');
console.log('|---|---:|---:|---:|---:|');
for (const [name, trace] of Object.entries(TRACES)) {
  const [lru, store] = [withLru(trace()), withStore(trace())];
  const cells = [lru.userHits / lru.users, store.userHits / store.users];
  const stored = [lru.stored / lru.requests, store.stored / store.requests];
  console.log(`| ${name} | ${[...cells, ...stored].map(percent).join(' | ')} |`);
}
