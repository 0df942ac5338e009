import { tokenOrString } from '../http/structured-text.js';
import type { ForwardReason } from './policy/lookup-decision.js';

/** How a cache handled a call (RFC 9211 §2). */
export type CacheStatus =
  | {
      readonly hit: true;
      /** Milliseconds it is still fresh; below zero it is stale. */
      readonly ttlMs: number;
      readonly detail?: string;
    }
  | {
      readonly hit: false;
      readonly forward: ForwardReason | 'miss' | 'partial';
      /** Code of the upstream's answer, where it is not the one the client gets. */
      readonly forwardStatus?: number;
      readonly stored?: boolean;
      /** It waited for another call's answer. */
      readonly collapsed?: boolean;
      readonly ttlMs?: number;
      readonly detail?: string;
    };

/**
 * Value of one `Cache-Status` member (RFC 9211): the cache's name and what it did. The key is left out, since it
 * tells of credentials. It goes behind the members of the caches in front of it, in a line of its own.
 */
export function cacheStatusValue(cacheName: string, status: CacheStatus): string {
  const name = tokenOrString(cacheName);
  if (status.hit) return `${name}; hit; ttl=${wholeSeconds(status.ttlMs)}${detail(status.detail)}`;
  let value = `${name}; fwd=${status.forward}`;
  if (status.forwardStatus !== undefined) value += `; fwd-status=${status.forwardStatus}`;
  if (status.ttlMs !== undefined) value += `; ttl=${wholeSeconds(status.ttlMs)}`;
  if (status.stored) value += '; stored';
  if (status.collapsed) value += '; collapsed';
  return value + detail(status.detail);
}

/** Value of `Age` for an answer that was made at `bornAt`: whole seconds, never below 0 (RFC 9111 §5.1). */
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
