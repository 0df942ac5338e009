import { tokenOrString } from '../http/structured-text.js';
import type { ForwardReason } from './policy/lookup-decision.js';

/** How the cache handled a request (RFC 9211 §2). */
export type CacheStatus =
  | {
      readonly hit: true;
      /** Milliseconds left until it is stale; negative once it is. */
      readonly ttlMs: number;
      readonly detail?: string | undefined;
    }
  | {
      readonly hit: false;
      readonly forward: ForwardReason | 'miss' | 'partial';
      /** Status of the upstream's response, where the client gets another one. */
      readonly forwardStatus?: number | undefined;
      readonly stored?: boolean;
      /** It waited for the response to another request. */
      readonly collapsed?: boolean;
      readonly ttlMs?: number;
      readonly detail?: string | undefined;
    };

/**
 * Value of one `Cache-Status` member (RFC 9211): the cache's name and what it did. It omits the key, which would
 * reveal credentials. It is appended as a line of its own, after the members of caches nearer to the origin.
 */
export function cacheStatusValue(cacheName: string, status: CacheStatus): string {
  return statusMember(tokenOrString(cacheName), status);
}

/** The same. @param name as the header has it */
export function statusMember(name: string, status: CacheStatus): string {
  if (status.hit) return `${name}; hit; ttl=${wholeSeconds(status.ttlMs)}${detail(status.detail)}`;
  let value = `${name}; fwd=${status.forward}`;
  if (status.forwardStatus !== undefined) value += `; fwd-status=${status.forwardStatus}`;
  if (status.ttlMs !== undefined) value += `; ttl=${wholeSeconds(status.ttlMs)}`;
  if (status.stored) value += '; stored';
  if (status.collapsed) value += '; collapsed';
  return value + detail(status.detail);
}

/** Value of `Age` for a response generated at `bornAt`: whole seconds, never below 0 (RFC 9111 §5.1). */
export function ageValue(bornAt: number, now: number): string {
  return String(Math.max(0, wholeSeconds(now - bornAt)));
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function detail(text: string | undefined): string {
  if (text === undefined) return '';
  return `; detail=${tokenOrString(text)}`;
}
