import type { Exchange } from '../core/exchange.js';
import { type CacheContext, statusOf } from './cache-context.js';
import type { ForwardReason } from './policy/lookup-decision.js';
import type { StoredVariant } from './store/entry.js';
import { type RequestHead, sendStored, writeStoredHead } from './stored-response.js';

/** Sends a stored response to the client of a call, with what is left of its freshness. */
export function serve(
  context: CacheContext,
  { res }: Exchange,
  request: RequestHead,
  variant: StoredVariant,
): void {
  const now = context.now();
  const value = statusOf(context, { hit: true, ttlMs: variant.meta.freshUntil - now });
  sendStored(res, request, variant, now, value);
}

/** 504: the client does not want a request to the upstream (RFC 9111 §5.2.1.7). */
export function refuse(context: CacheContext, exchange: Exchange, reason: ForwardReason): void {
  exchange.cache = 'bypass';
  exchange.onlyIfCached = true;
  context.tally.bypassed++;
  const value = statusOf(context, { hit: false, forward: reason, detail: 'only-if-cached' });
  const { res } = exchange;
  writeStoredHead(res, 504, 'Gateway Timeout', ['Content-Length', '0'], undefined, value);
  res.end();
}
