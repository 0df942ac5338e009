import { headProblem, isReasonPhrase } from '../../http/head-problem.js';
import { HOP_BY_HOP } from '../../http/headers.js';
import type { RawHeaders } from '../policy/headers.js';

/**
 * Head of a stored response with everything derived from it when it was stored, so that a hit compares a few numbers
 * and parses nothing. Times are epoch milliseconds.
 */
export interface EntryMeta {
  readonly status: number;
  readonly statusText: string;
  /** End-to-end headers without `Age`, with `Date`; those that `no-cache` or `private` name are left out. */
  readonly rawHeaders: RawHeaders;
  /** When the request was sent that fetched it, or last validated it. */
  readonly requestTime: number;
  /** When the head of the response to that request arrived. */
  readonly responseTime: number;
  /** When its age was 0: its age is `now - bornAt`. */
  readonly bornAt: number;
  /** Its `Date`; the time of arrival where that was missing or wrong. */
  readonly dateMs: number;
  readonly freshUntil: number;
  readonly staleWhileRevalidateUntil: number;
  readonly staleIfErrorUntil: number;
  /** When a store may drop it, since it is of no more use. */
  readonly keepUntil: number;
  /** It must not be used stale, whatever a client would accept (RFC 9111 §4.2.4). */
  readonly staleForbidden: boolean;
  /** It does not change while it is fresh (RFC 8246). */
  readonly immutable: boolean;
  /** It has a validator that its upstream can be sent as a condition. */
  readonly revalidatable: boolean;
  /** Headers it varies on, in lower case, sorted; empty where it has no `Vary`. */
  readonly varyNames: readonly string[];
  /** The values of those headers in its request. */
  readonly varyKey: string;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** `lastModified`, where it is a date. */
  readonly lastModifiedMs?: number | undefined;
  /** What `purge({ tag })` finds it by. */
  readonly tags: readonly string[];
  /** Bytes of the body as stored, still encoded. */
  readonly bodyLength: number;
}

/** A stored response: one of several for a key. */
export interface StoredVariant {
  readonly meta: EntryMeta;
  readonly body: Uint8Array;
  /** The body with one character per byte, where the store keeps it so; `body` is then created at each access. */
  readonly text?: string | undefined;
  /** Nothing else writes to the memory of `body` or keeps more of it alive, so that a store need not copy it. */
  readonly ownsBody?: true | undefined;
  /** When it was last selected, where that is known. */
  usedAt?: number | undefined;
}

/** The same body with another head. */
export function withMeta(variant: StoredVariant, meta: EntryMeta): StoredVariant {
  const { text, ownsBody } = variant;
  return {
    meta,
    text,
    ownsBody,
    get body() {
      return variant.body;
    },
  };
}

/** Variants per key; a further one replaces the one that was unused for longest. */
export const MAX_VARIANTS = 64;

const NUMBERS = [
  'status',
  'requestTime',
  'responseTime',
  'bornAt',
  'dateMs',
  'freshUntil',
  'staleWhileRevalidateUntil',
  'staleIfErrorUntil',
  'keepUntil',
  'bodyLength',
] as const satisfies readonly (keyof EntryMeta)[];
const STRINGS = ['statusText', 'varyKey'] as const satisfies readonly (keyof EntryMeta)[];
const BOOLEANS = [
  'staleForbidden',
  'immutable',
  'revalidatable',
] as const satisfies readonly (keyof EntryMeta)[];
const LISTS = ['rawHeaders', 'varyNames', 'tags'] as const satisfies readonly (keyof EntryMeta)[];

/** Whether a parsed head has everything a look-up relies on, with the right types. */
export function isEntryMeta(value: unknown): value is EntryMeta {
  if (typeof value !== 'object' || value === null) return false;
  const head = value as Readonly<Record<string, unknown>>;
  return (
    NUMBERS.every((name) => Number.isFinite(head[name])) &&
    STRINGS.every((name) => typeof head[name] === 'string') &&
    BOOLEANS.every((name) => typeof head[name] === 'boolean') &&
    LISTS.every((name) => isStringList(head[name])) &&
    (head.rawHeaders as readonly string[]).length % 2 === 0 &&
    isSendable(value as EntryMeta) &&
    isOptional(head.etag, 'string') &&
    isOptional(head.lastModified, 'string') &&
    isOptional(head.lastModifiedMs, 'number')
  );
}

/**
 * Whoever writes to the store may have written anything; Node's response throws for some of it, and with another length
 * than its body has the next response would begin within this one.
 */
function isSendable({ status, statusText, rawHeaders, bodyLength, etag, lastModified }: EntryMeta): boolean {
  const isFramed = rawHeaders.every((name, i) => {
    if (i % 2 === 1) return true;
    const lower = name.toLowerCase();
    if (lower !== 'content-length') return !HOP_BY_HOP.has(lower);
    const length = rawHeaders[i + 1] ?? '';
    return /^\d+$/.test(length) && Number(length) === bodyLength;
  });
  // They are sent back to the upstream as conditions.
  const validators = ['ETag', etag ?? '', 'Last-Modified', lastModified ?? ''];
  return (
    isFramed &&
    status >= 200 &&
    headProblem({ status, rawHeaders }) === undefined &&
    headProblem({ status, rawHeaders: validators }) === undefined &&
    isReasonPhrase(statusText)
  );
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isOptional(value: unknown, type: 'string' | 'number'): boolean {
  return value === undefined || typeof value === type;
}
