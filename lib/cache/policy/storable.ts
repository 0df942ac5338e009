import { parseHttpDate } from '../../http/date.js';
import { headerValue } from '../../http/headers.js';
import type { EntryMeta } from '../store/entry.js';
import { requestDirectives } from './cache-control.js';
import type { CachePolicy } from './cache-policy.js';
import {
  type Freshness,
  hasExplicitFreshness,
  isHeuristicallyCacheable,
  responseFreshness,
  type TimedResponse,
  wallTimeOf,
} from './freshness.js';
import type { RawHeaders } from './headers.js';
import { isOwnContentLocation } from './invalidation.js';
import { overridingMethod } from './method-override.js';
import { storedLines } from './one-request-headers.js';
import { responseTags } from './tags.js';
import { type ResponseDirectives, responseDirectives } from './targeted-cache-control.js';
import { isCachedMethod, isTtlStatus, ttlFreshness } from './ttl-policy.js';
import { selectingKey, variesOnAddress, varyNames } from './vary.js';

/** The parts of a request that storing its response depends on. */
export interface StoreRequest {
  readonly method: string;
  /** As the client sent them. */
  readonly rawHeaders: RawHeaders;
  /** Absolute URI of the target, for a POST whose response has its own `Content-Location`. */
  readonly targetUri?: string;
  /** Only requests with the same credential get what is stored for it. */
  readonly personal?: boolean;
  /** The response's headers as the upstream sent them, if its references may have been changed for the client. */
  readonly upstreamHeaders?: RawHeaders | undefined;
}

/** Head of a response that may be stored. */
export interface StoreResponse extends TimedResponse {
  readonly statusText: string;
}

/** Why a response is not stored. */
export type NotStoredReason =
  | 'method'
  | 'status'
  | 'request-no-store'
  | 'no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'vary'
  | 'event-stream'
  | 'too-large'
  | 'failure'
  | 'failure-when'
  | 'store-if'
  | 'purged'
  | 'body'
  | 'not-reusable'
  | 'rarely-requested';

/** Whether a response is stored, and as what. */
export type StoreDecision =
  | { readonly store: true; readonly meta: EntryMeta }
  | { readonly store: false; readonly reason: NotStoredReason };

/**
 * Statuses never stored: bound to a range or a condition of their request (206, 304, 412, 416), or not to be stored
 * by definition (RFC 6585: 428, 429, 431, 511).
 */
const NEVER_STORED: ReadonlySet<number> = new Set([206, 304, 412, 416, 428, 429, 431, 511]);

/** Statuses whose caching rules are implemented here, for `must-understand` (RFC 9111 §5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407,
  408, 409, 410, 411, 413, 414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505,
]);

const SET_COOKIE: readonly string[] = ['set-cookie', 'set-cookie2'];

/**
 * Decides whether a shared cache stores a response, by its head alone (RFC 9111 §3). Before it is stored, {@link
 * sealEntry} has to add the length of its body.
 */
export function decideStore(
  request: StoreRequest,
  response: StoreResponse,
  policy: CachePolicy,
): StoreDecision {
  if (!isStorableMethod(request, response, policy)) return { store: false, reason: 'method' };
  if (requestDirectives(request.rawHeaders)?.noStore) return { store: false, reason: 'request-no-store' };

  const stated = responseDirectives(response.rawHeaders);
  const refusal =
    policy.mode === 'ttl'
      ? ttlRefusal(request, response, stated, policy)
      : refusalOf(request, response, stated);
  if (refusal) return { store: false, reason: refusal };

  if (!policy.storeEventStreams && isEventStream(response.rawHeaders))
    return { store: false, reason: 'event-stream' };
  const names = varyNames(response.rawHeaders, policy.reaches, request.rawHeaders);
  if (names === undefined || (policy.addsAddress && variesOnAddress(response.rawHeaders)))
    return { store: false, reason: 'vary' };
  const rawHeaders = storedHeaders(response, stated, policy);
  if (policy.setCookie === 'bypass' && hasSetCookie(rawHeaders))
    return { store: false, reason: 'set-cookie' };

  const freshness =
    policy.mode === 'ttl' ? ttlFreshness(policy, response) : responseFreshness(response, stated, policy);
  const meta = entryMeta(request, response, rawHeaders, names, stated, freshness, policy);
  return isReusable(meta, freshness, stated)
    ? { store: true, meta }
    : { store: false, reason: 'not-reusable' };
}

/**
 * The head of a response whose body has ended, with its length, which is added as `Content-Length` where there was
 * none. `undefined` where the body is not as long as announced: a truncated body is never stored.
 */
export function sealEntry(meta: EntryMeta, bodyLength: number): EntryMeta | undefined {
  const announced = headerValue(meta.rawHeaders, 'content-length');
  if (announced !== undefined) return Number(announced) === bodyLength ? { ...meta, bodyLength } : undefined;
  // Neither has a body, so neither may announce one (RFC 9110 §8.6).
  if (meta.status === 204 || meta.status === 304) return { ...meta, bodyLength };
  return { ...meta, bodyLength, rawHeaders: [...meta.rawHeaders, 'Content-Length', String(bodyLength)] };
}

/** HEAD has no body to store; a POST is stored where its response is what GET would get (RFC 9110 §9.3.3). */
function isStorableMethod(request: StoreRequest, response: StoreResponse, policy: CachePolicy): boolean {
  if (request.method === 'HEAD') return false;
  // The next one like it has to reach the API too.
  const other = overridingMethod(request.rawHeaders, policy.reaches);
  if (other !== undefined && !isCachedMethod(policy, other)) return false;
  if (isCachedMethod(policy, request.method)) return true;
  return (
    policy.mode === 'standard' &&
    isOwnContentLocation(request, {
      status: response.status,
      rawHeaders: request.upstreamHeaders ?? response.rawHeaders,
    })
  );
}

function refusalOf(
  request: StoreRequest,
  response: StoreResponse,
  stated: ResponseDirectives,
): NotStoredReason | undefined {
  const { directives } = stated;
  if (response.status < 200 || NEVER_STORED.has(response.status)) return 'status';
  if (directives.mustUnderstand) {
    if (!UNDERSTOOD.has(response.status)) return 'status';
  } else if (directives.noStore) {
    return 'no-store';
  }
  if (directives.private) return 'private';
  const forAnyone = directives.public || directives.mustRevalidate || directives.sMaxage !== undefined;
  if (!forAnyone && headerValue(request.rawHeaders, 'authorization') !== undefined) return 'authorization';
  if (hasExplicitFreshness(response.rawHeaders, stated)) return undefined;
  // A POST needs explicit freshness (RFC 9110 §9.3.3).
  const heuristic = request.method === 'GET' && isHeuristicallyCacheable(response.status, directives);
  return heuristic ? undefined : 'not-reusable';
}

function ttlRefusal(
  request: StoreRequest,
  response: StoreResponse,
  { directives }: ResponseDirectives,
  policy: CachePolicy,
): NotStoredReason | undefined {
  if (!isTtlStatus(policy, response.status)) return 'status';
  if (policy.override) return undefined;
  if (directives.noStore) return 'no-store';
  return directives.private && !request.personal ? 'private' : undefined;
}

/**
 * The headers to store. Those that `no-cache` and `private` name are left out, so that nobody gets them from the
 * store (RFC 9111 §5.2.2.4, §5.2.2.7); a `Date` is added where the upstream sent none (RFC 9110 §6.6.1).
 */
function storedHeaders(
  response: StoreResponse,
  { directives }: ResponseDirectives,
  policy: CachePolicy,
): string[] {
  const { noCacheHeaders, privateHeaders } = directives;
  const hides =
    noCacheHeaders.length + privateHeaders.length > 0 && (policy.mode === 'standard' || !policy.override);
  let left = policy.omitHeaders;
  if (hides || policy.setCookie === 'strip') {
    left = new Set([
      ...policy.omitHeaders,
      ...(hides ? [...noCacheHeaders, ...privateHeaders] : []),
      ...(policy.setCookie === 'strip' ? SET_COOKIE : []),
    ]);
  }
  const headers = storedLines(response.rawHeaders, left);
  if (headerValue(headers, 'date') === undefined)
    headers.push('Date', new Date(wallTimeOf(response)).toUTCString());
  return headers;
}

/** A stream of events is not the same twice, and a client that connects again goes on where it was. */
function isEventStream(rawHeaders: RawHeaders): boolean {
  return /^\s*text\/event-stream\b/i.test(headerValue(rawHeaders, 'content-type') ?? '');
}

function hasSetCookie(rawHeaders: RawHeaders): boolean {
  return SET_COOKIE.some((name) => headerValue(rawHeaders, name) !== undefined);
}

function entryMeta(
  request: StoreRequest,
  response: StoreResponse,
  rawHeaders: string[],
  names: string[],
  { directives }: ResponseDirectives,
  freshness: Freshness,
  policy: CachePolicy,
): EntryMeta {
  const etag = headerValue(rawHeaders, 'etag');
  const lastModified = headerValue(rawHeaders, 'last-modified');
  const lastModifiedMs =
    lastModified === undefined ? undefined : parseHttpDate(lastModified, response.responseTime);
  const { freshUntil, staleWhileRevalidateUntil, staleIfErrorUntil } = freshness;
  const revalidatable =
    isRevalidatable(request.method, response, policy) && (etag !== undefined || lastModifiedMs !== undefined);
  const lastUse = Math.max(response.responseTime, freshUntil, staleWhileRevalidateUntil, staleIfErrorUntil);
  return {
    status: response.status,
    statusText: response.statusText,
    rawHeaders,
    requestTime: response.requestTime,
    responseTime: response.responseTime,
    bornAt: freshness.bornAt,
    dateMs: freshness.dateMs,
    freshUntil,
    staleWhileRevalidateUntil,
    staleIfErrorUntil,
    keepUntil: revalidatable ? lastUse + policy.keepForValidationMs : lastUse,
    staleForbidden: freshness.staleForbidden,
    immutable: directives.immutable,
    revalidatable,
    varyNames: names,
    varyKey: selectingKey(names, request.rawHeaders),
    etag,
    lastModified,
    lastModifiedMs,
    tags: responseTags(response.rawHeaders),
    bodyLength: 0,
  };
}

/**
 * Whether a later GET can be conditional. For statuses other than 2xx a 304 would say nothing (RFC 9110 §13.2.1), and
 * upstreams do not agree on what a condition on the POST of `ttl` mode means.
 */
function isRevalidatable(method: string, response: StoreResponse, policy: CachePolicy): boolean {
  return response.status < 300 && (policy.mode === 'standard' || method === 'GET');
}

/** A response that is neither fresh nor can be validated nor may be served stale is of no use. */
function isReusable(meta: EntryMeta, freshness: Freshness, { directives }: ResponseDirectives): boolean {
  if (freshness.freshUntil > meta.responseTime) return true;
  if (meta.revalidatable) return true;
  const staleSeconds = Math.max(directives.staleWhileRevalidate ?? 0, directives.staleIfError ?? 0);
  return staleSeconds > 0 && !freshness.staleForbidden;
}
