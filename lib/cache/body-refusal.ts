import type { Exchange } from '../core/exchange.js';
import { settledNow } from '../core/settled-now.js';
import { bodyReader } from '../http/failure-rules.js';
import { isFailureByBody, MAX_JUDGED_BYTES } from '../http/failure-when.js';
import type { CacheContext } from './cache-context.js';
import { recordedVariant } from './recorded-body.js';
import type { EntryMeta } from './store/entry.js';

/** Why a complete response is not stored, by what the options say about its body. */
export function bodyRefusal(
  { options, tally }: CacheContext,
  { req }: Exchange,
  meta: EntryMeta,
  chunks: readonly Buffer[],
): 'store-if' | 'failure-when' | undefined {
  const { storeIf, failureWhen } = options;
  if (storeIf === undefined && failureWhen === undefined) return undefined;
  const { status, rawHeaders, bodyLength } = meta;
  const body = bodyLength > MAX_JUDGED_BYTES ? undefined : recordedVariant(meta, chunks).body;
  if (failureWhen && body && isFailureByBody(failureWhen, rawHeaders, body)) return 'failure-when';
  if (storeIf === undefined) return undefined;
  try {
    // Copies: what the function keeps, or changes, is not what is stored.
    const response = { status, rawHeaders: [...rawHeaders], body: body && Buffer.from(body) };
    const wanted = storeIf(response, req);
    return settledNow(wanted, 'cache.storeIf') ? undefined : 'store-if';
  } catch {
    tally.errors++;
    return 'store-if';
  }
}

/** Has the response of `forward()` judged by its body before it is passed on: a stored one may be served instead. */
export function readFailures({ options: { failureWhen } }: CacheContext, exchange: Exchange): void {
  if (failureWhen && !exchange.detached) exchange.readBodies(bodyReader(failureWhen));
}

/** Whether the response that is being passed on says in its body that it is a failure. */
export function failsByBody({ options: { failureWhen } }: CacheContext, { attempts }: Exchange): boolean {
  const outcome = attempts.at(-1)?.outcome;
  if (!failureWhen || outcome?.kind !== 'response' || !outcome.body?.complete) return false;
  return isFailureByBody(failureWhen, outcome.head.rawHeaders, outcome.body.bytes);
}
