import type { Exchange } from '../core/exchange.js';
import { headerValue } from '../http/headers.js';
import { type CacheContext, removeStored } from './cache-context.js';
import type { FetchPlan } from './fetch-plan.js';
import { listedTokens, type RawHeaders } from './policy/headers.js';
import {
  decideStore,
  type NotStoredReason,
  type StoreDecision,
  type StoreRequest,
  type StoreResponse,
} from './policy/storable.js';
import type { WrittenHead } from './store/written-head.js';
import { isFailure } from './upstream-failure.js';
import { upstreamHeaders } from './upstream-headers.js';

/** What storing depends on in a request to the upstream. */
export function storeRequest(
  { keys, site }: CacheContext,
  { req }: Exchange,
  { request: { method, rawHeaders, url } }: FetchPlan,
  asSent?: RawHeaders,
): StoreRequest {
  const personal = keys.isPersonal(rawHeaders);
  if (method !== 'POST') return { method, rawHeaders, personal };
  return { method, rawHeaders, personal, targetUri: site.targetUri(req, url), upstreamHeaders: asSent };
}

/** The head of a response with its times. @param requestedAt when the cache passed the request on */
export function storeResponse(
  context: CacheContext,
  { attempts }: Exchange,
  head: WrittenHead,
  requestedAt: number,
  now: number,
): StoreResponse {
  // With retries the response is as old as the attempt that brought it.
  const attempt = attempts.at(-1);
  const sentAt = attempt ? now - (performance.now() - attempt.startedAt) : requestedAt;
  const { status, statusText, rawHeaders } = head;
  const requestTime = Math.max(sentAt, requestedAt);
  return { status, statusText, rawHeaders, requestTime, responseTime: now, wallTime: context.wall() };
}

/** Whether the response to a request is stored. @param failed it is in place of an error of the handlers */
export function decideResponse(
  context: CacheContext,
  exchange: Exchange,
  plan: FetchPlan,
  response: StoreResponse,
  failed: boolean,
): StoreDecision {
  const { policy, options } = context;
  const { ticket, reason } = plan;
  if (!ticket)
    return refused(reason === 'request' ? 'request-no-store' : reason === 'bypass' ? 'body' : 'method');
  if (ticket.doomed) return refused('purged');
  // A copy that can be served during a failure is worth more than the failure.
  if (failed || (exchange.detached && isFailure(response.status))) return refused('failure');
  // forward() removes cookies for the client; only here can a personal response be recognised.
  const own = upstreamHeaders(exchange, response.status);
  if (policy.setCookie === 'bypass' && own && headerValue(own, 'set-cookie') !== undefined)
    return refused('set-cookie');
  const unseen = keyedByOthers(context, exchange, response);
  if (unseen) return refused(unseen);
  const length = Number(headerValue(response.rawHeaders, 'content-length') ?? 0);
  if (length > options.maxEntryBytes) return refused('too-large');
  return decideStore(storeRequest(context, exchange, plan, own), response, policy);
}

/**
 * Why a response belongs to a request that the key does not tell: a listener has set a credential, or a header that the
 * response varies on. What the application's own `key` returns may well say whose it is.
 */
function keyedByOthers(
  { keys, options }: CacheContext,
  { headersSetLate }: Exchange,
  { rawHeaders }: StoreResponse,
): 'authorization' | 'vary' | undefined {
  if (headersSetLate === undefined || options.key !== undefined) return undefined;
  for (const name of headersSetLate) if (keys.isCredential(name)) return 'authorization';
  return listedTokens(rawHeaders, 'vary').some((name) => headersSetLate.has(name)) ? 'vary' : undefined;
}

const refused = (reason: NotStoredReason): StoreDecision => ({ store: false, reason });

/**
 * Removes what is stored for the key of a response that is not stored, where that response says that it is out of
 * date.
 */
export function endPredecessor(
  context: CacheContext,
  plan: Pick<FetchPlan, 'key' | 'known' | 'request' | 'reason'>,
  status: number,
): void {
  const { key, known, request, reason } = plan;
  if (known.length === 0 || key === '' || !speaksOfResource(status, request.method)) return;
  // A client that wants nothing stored says nothing about the copy of the others.
  if (reason === 'request' && status < 300) return;
  endStored(context, key);
}

/** Removes what is stored for a key; nothing that was requested before is stored or used any more. */
export function endStored(context: CacheContext, key: string): void {
  removeStored(context, { key }).catch(() => {});
}

/**
 * Whether a response is about the resource as it is now. Those to a HEAD have no body that could have changed; 206 and
 * 304 are about the client's own copy, and other errors about the request or the moment.
 */
function speaksOfResource(status: number, method: string): boolean {
  if (status >= 200 && status < 300) return status !== 206 && method !== 'HEAD';
  return (status >= 300 && status < 400 && status !== 304) || ENDING.has(status);
}

const ENDING: ReadonlySet<number> = new Set([401, 403, 404, 410, 451]);
