import type { IncomingMessage } from 'node:http';
import { type CacheContext, take } from './cache-context.js';
import type { AskedCall } from './fetch-plan.js';
import { invalidatedPaths } from './policy/invalidation.js';
import type { WrittenHead } from './store/written-head.js';

/** Drops what an unsafe call has made invalid, and what is on its way for it (RFC 9111 §4.4). */
export function invalidate(
  context: CacheContext,
  req: IncomingMessage,
  asked: AskedCall,
  head: WrittenHead,
): void {
  const { site, keys, policy } = context;
  const { method, url } = asked;
  if (method === 'GET' || method === 'HEAD') return;
  const readMethods = policy.mode === 'ttl' ? policy.methods : undefined;
  const targetUri = site.targetUri(req, url);
  for (const path of invalidatedPaths({ ...head, method, targetUri, readMethods })) {
    const prefix = keys.pathPrefix(site.clientPath(path.split('?', 1)[0] ?? ''));
    take(context, { prefix }, (key) => key.startsWith(prefix)).catch(() => {});
  }
}
