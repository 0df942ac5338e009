import type { EntryMeta } from './entry.js';

/** How many numbers a head has. */
export const HEAD_NUMBERS = 11;

/** Strings in front of the headers. */
const FRONT = 5;
const SEPARATOR = '\0';
const BEYOND_LATIN1 = /[^\0-\xff]/;

const STALE_FORBIDDEN = 1;
const IMMUTABLE = 2;
const REVALIDATABLE = 4;
const HAS_ETAG = 8;
const HAS_LAST_MODIFIED = 16;

/** The strings of a head without tags as one text. */
export function headText({
  statusText,
  varyNames,
  varyKey,
  etag = '',
  lastModified = '',
  rawHeaders,
}: EntryMeta): string {
  return `${statusText}\0${varyNames.join()}\0${varyKey}\0${etag}\0${lastModified}\0${rawHeaders.join(SEPARATOR)}`;
}

/** Whether each character of a text takes one byte. */
export function isLatin1(text: string): boolean {
  return !BEYOND_LATIN1.test(text);
}

/** Writes the numbers of a head. */
export function writeNumbers(meta: EntryMeta, to: Float64Array): void {
  to[0] = meta.status;
  to[1] = meta.requestTime;
  to[2] = meta.responseTime;
  to[3] = meta.bornAt;
  to[4] = meta.dateMs;
  to[5] = meta.freshUntil;
  to[6] = meta.staleWhileRevalidateUntil;
  to[7] = meta.staleIfErrorUntil;
  to[8] = meta.keepUntil;
  to[9] = meta.lastModifiedMs ?? Number.NaN;
  to[10] =
    (meta.staleForbidden ? STALE_FORBIDDEN : 0) |
    (meta.immutable ? IMMUTABLE : 0) |
    (meta.revalidatable ? REVALIDATABLE : 0) |
    (meta.etag === undefined ? 0 : HAS_ETAG) |
    (meta.lastModified === undefined ? 0 : HAS_LAST_MODIFIED) |
    (meta.rawHeaders.length << 8);
}

/**
 * The head that was written; `undefined` where its text is not that of so many headers.
 * @param nameOf replaces the name of a header by an equal string that is kept once
 */
export function readHead(
  text: string,
  from: Float64Array,
  bodyLength: number,
  nameOf: (name: string) => string,
): EntryMeta | undefined {
  const number = (index: number): number => from[index] ?? 0;
  const flags = number(10);
  const parts = text.split(SEPARATOR);
  const headers = flags >>> 8;
  const [statusText = '', names = '', varyKey = '', etag, lastModified] = parts;
  // A list without headers is one empty part.
  if (parts.length !== FRONT + Math.max(1, headers)) return undefined;
  const rawHeaders = headers === 0 ? [] : parts.slice(FRONT);
  for (let i = 0; i < rawHeaders.length; i += 2) rawHeaders[i] = nameOf(rawHeaders[i] ?? '');
  const lastModifiedMs = number(9);
  return {
    status: number(0),
    statusText: nameOf(statusText),
    rawHeaders,
    requestTime: number(1),
    responseTime: number(2),
    bornAt: number(3),
    dateMs: number(4),
    freshUntil: number(5),
    staleWhileRevalidateUntil: number(6),
    staleIfErrorUntil: number(7),
    keepUntil: number(8),
    staleForbidden: (flags & STALE_FORBIDDEN) !== 0,
    immutable: (flags & IMMUTABLE) !== 0,
    revalidatable: (flags & REVALIDATABLE) !== 0,
    varyNames: names === '' ? NONE : names.split(','),
    varyKey,
    etag: (flags & HAS_ETAG) === 0 ? undefined : etag,
    lastModified: (flags & HAS_LAST_MODIFIED) === 0 ? undefined : lastModified,
    lastModifiedMs: Number.isNaN(lastModifiedMs) ? undefined : lastModifiedMs,
    tags: NONE,
    bodyLength,
  };
}

const NONE: readonly string[] = Object.freeze([]);
