import type { Exchange } from '../core/exchange.js';
import type { CacheContext } from './cache-context.js';
import type { FetchPlan } from './fetch-plan.js';
import { withOwnTags } from './own-tags.js';
import type { StoreResponse } from './policy/storable.js';
import { freshen, headVerdict } from './policy/validation.js';
import { keepVariant } from './recording.js';
import { type StoredVariant, withMeta } from './store/entry.js';
import { endStored, storeRequest } from './storing.js';

/** Updates the stored response to GET from a 200 to HEAD. */
export function learnFromHead(
  context: CacheContext,
  exchange: Exchange,
  plan: FetchPlan,
  { variant, response }: { readonly variant: StoredVariant; readonly response: StoreResponse },
): void {
  const { key, known } = plan;
  if (headVerdict(variant.meta, response.rawHeaders) !== 'update') {
    endStored(context, key);
    return;
  }
  const { decision } = freshen(variant.meta, storeRequest(context, exchange, plan), response, context.policy);
  // As after a 304: it is the newest head there is.
  if (!decision.store) return endStored(context, key);
  keepVariant(context, key, known, withMeta(variant, withOwnTags(context, exchange, decision.meta)));
}
