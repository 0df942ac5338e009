import type { IncomingMessage } from 'node:http';
import { type CacheContext, removeStored } from './cache-context.js';
import type { ClientRequest } from './fetch-plan.js';
import { invalidatedPaths } from './policy/invalidation.js';
import type { WrittenHead } from './store/written-head.js';

/** Removes what an unsafe request has made invalid, and dooms what is in flight for it (RFC 9111 §4.4). */
export function invalidate(
  context: CacheContext,
  req: IncomingMessage,
  request: ClientRequest,
  head: WrittenHead,
): void {
  const { site, keys, policy } = context;
  const { method, url } = request;
  if (method === 'GET' || method === 'HEAD') return;
  const readMethods = policy.mode === 'ttl' ? policy.methods : undefined;
  const targetUri = site.targetUri(req, url);
  for (const path of invalidatedPaths({ ...head, method, targetUri, readMethods })) {
    const prefix = keys.pathPrefix(site.clientPath(path.split('?', 1)[0] ?? ''));
    removeStored(context, { prefix }, (key) => key.startsWith(prefix)).catch(() => {});
  }
}
