import type { Exchange } from '../core/exchange.js';
import { settledNow } from '../core/settled-now.js';
import type { CacheContext } from './cache-context.js';
import { boundedTags } from './policy/tags.js';
import type { EntryMeta } from './store/entry.js';

/** An entry with the tags that the application's own function gives it, behind those of the response. */
export function withOwnTags(
  { options, tally }: CacheContext,
  { req, res }: Exchange,
  meta: EntryMeta,
): EntryMeta {
  const { tags } = options;
  if (!tags) return meta;
  try {
    return { ...meta, tags: boundedTags([...meta.tags, ...settledNow(tags(req, res), 'cache.tags')]) };
  } catch {
    // A missing tag must not cost the client its response.
    tally.errors++;
    return meta;
  }
}
