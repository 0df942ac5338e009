import type { Exchange } from '../core/exchange.js';
import { headerValue } from '../http/headers.js';
import type { CacheContext } from './cache-context.js';
import type { FetchPlan } from './fetch-plan.js';
import type { RawHeaders } from './policy/headers.js';
import type { NotStoredReason } from './policy/storable.js';
import type { WrittenHead } from './store/written-head.js';
import { endPredecessor } from './storing.js';
import { isFailure } from './upstream-failure.js';

/**
 * What follows from a response that is not stored.
 * @returns what those are told who wait for it
 */
export function notStored(
  context: CacheContext,
  exchange: Exchange,
  plan: FetchPlan,
  { status, rawHeaders }: WrittenHead,
  why: { readonly reason: NotStoredReason; readonly failed: boolean; readonly ofKey: boolean },
): 'failed' | 'refused' | 'not-shared' {
  countNotStored(context, why.reason);
  if (!why.failed && why.ofKey) endPredecessor(context, plan, status);
  if (isLong(rawHeaders)) leaveUnread(exchange);
  // A failure says nothing about later responses, and one client's mistake nothing about those to others.
  if (why.failed || isFailure(status)) return 'failed';
  if (speaksOfRequest(status)) return 'refused';
  if (plan.flight) context.flights.noteUnshared(plan.key);
  return 'not-shared';
}

/** What follows from a complete response that the options refuse by its body. */
export function refusedByBody(
  context: CacheContext,
  plan: Pick<FetchPlan, 'key' | 'known' | 'request' | 'reason'>,
  status: number,
  why: 'store-if' | 'failure-when',
): void {
  countNotStored(context, why);
  // A failure says nothing about what is stored.
  if (why === 'store-if' && plan.reason !== 'method') endPredecessor(context, plan, status);
}

/** What follows from a body that turned out to be too large. */
export function tooLarge(
  context: CacheContext,
  exchange: Exchange,
  plan: FetchPlan,
  { status, ofKey }: { readonly status: number; readonly ofKey: boolean },
): void {
  countNotStored(context, 'too-large');
  if (ofKey) endPredecessor(context, plan, status);
  if (plan.flight) context.flights.noteUnshared(plan.key);
  leaveUnread(exchange);
}

/** Counts a response that is not stored. */
export function countNotStored({ tally: { notStored } }: CacheContext, reason: NotStoredReason): void {
  notStored.set(reason, (notStored.get(reason) ?? 0) + 1);
}

/** No client reads the rest of a response in the background. */
function leaveUnread({ detached, res }: Exchange): void {
  if (detached) process.nextTick(() => res.destroy());
}

/** Whether it costs more to read the rest of a body that nobody wants than to close the connection. */
function isLong(rawHeaders: RawHeaders): boolean {
  const length = headerValue(rawHeaders, 'content-length');
  return length === undefined || Number(length) > MAX_DRAINED_BYTES;
}

const MAX_DRAINED_BYTES = 64 * 1024;

/** Whether a response is about something that is wrong with the request, and not about the resource. */
function speaksOfRequest(status: number): boolean {
  return OF_REQUEST.has(status);
}

const OF_REQUEST: ReadonlySet<number> = new Set([400, 405, 406, 412, 413, 414, 415, 416, 417, 428, 431]);
