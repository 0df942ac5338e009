/** Figures that all processes see alike: the highest is the newest. */
const HIGHEST = new Set([
  'limit',
  'windowMs',
  'resetsAt',
  'coolsDownUntil',
  'failures',
  'capacity',
  'proxies',
  'readAt',
  'wrongLines',
  'line',
  'latencyMs',
]);
const LOWEST = new Set(['remaining']);
/** Averages, and the number of what each is of. */
const AVERAGES = new Map([['latencyMs', 'successes']]);
/** What tells the entries of a list apart; of entries that have none of it, everything does. */
const IDENTITY = ['api', 'name', 'credential', 'proxy', 'address', 'key', 'circuit', 'source', 'of'];
/** Of two processes the one with the trouble is shown. */
const FINE = new Set<unknown>(['ok', 'available']);

type Entry = Readonly<Record<string, unknown>>;

/** The status of a part in several processes as that of one: entries that are about the same become one. */
export function mergeStatus<T>(all: readonly T[]): T {
  return all.reduce((one, other) => merged(one, other, '') as T);
}

function merged(one: unknown, other: unknown, name: string): unknown {
  if (one === undefined || one === null) return other ?? one;
  if (other === undefined || other === null) return one;
  if (typeof one === 'number' && typeof other === 'number') return figure(one, other, name);
  if (Array.isArray(one) && Array.isArray(other)) return mergedList([...one, ...other]);
  if (typeof one === 'object' && typeof other === 'object') return mergedEntry(one as Entry, other as Entry);
  return FINE.has(one) ? other : one;
}

function figure(one: number, other: number, name: string): number {
  if (HIGHEST.has(name)) return Math.max(one, other);
  return LOWEST.has(name) ? Math.min(one, other) : one + other;
}

function mergedEntry(one: Entry, other: Entry): Entry {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return Object.fromEntries(
    names.map((name) => [name, averaged(one, other, name) ?? merged(one[name], other[name], name)]),
  );
}

/** An average of both; `undefined` where one of them has none. */
function averaged(one: Entry, other: Entry, name: string): number | undefined {
  const counted = AVERAGES.get(name);
  if (counted === undefined || typeof one[name] !== 'number' || typeof other[name] !== 'number')
    return undefined;
  const [of, ofOther] = [Number(one[counted]), Number(other[counted])];
  return of + ofOther > 0 ? (one[name] * of + other[name] * ofOther) / (of + ofOther) : undefined;
}

function mergedList(entries: readonly unknown[]): unknown[] {
  const known = new Map<string, unknown>();
  for (const entry of entries) {
    const id = identityOf(entry);
    known.set(id, known.has(id) ? merged(known.get(id), entry, '') : entry);
  }
  return [...known.values()];
}

function identityOf(entry: unknown): string {
  if (typeof entry !== 'object' || entry === null) return JSON.stringify(entry);
  const values = IDENTITY.map((name) => (entry as Entry)[name]);
  return JSON.stringify(values.every((value) => value === undefined) ? entry : values);
}
