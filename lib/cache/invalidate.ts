import type { Exchange } from '../core/exchange.js';
import { type CacheContext, removeEverywhere } from './cache-context.js';
import type { ClientRequest } from './fetch-plan.js';
import { invalidatedPaths } from './policy/invalidation.js';
import { overridingMethod } from './policy/method-override.js';
import type { WrittenHead } from './store/written-head.js';
import { upstreamHeaders } from './upstream-headers.js';

/** Removes what an unsafe request has made invalid, and dooms what is in flight for it (RFC 9111 §4.4). */
export function invalidate(
  context: CacheContext,
  exchange: Exchange,
  request: ClientRequest,
  head: WrittenHead,
): void {
  const { site, keys, policy } = context;
  const { url } = request;
  let { method } = request;
  // A POST that is taken for a GET still is one where nobody reads its override.
  if (method === 'GET' || method === 'HEAD')
    method = overridingMethod(request.rawHeaders, policy.reaches) ?? 'GET';
  if (method === 'GET' || method === 'HEAD') return;
  const { status } = head;
  const rawHeaders = upstreamHeaders(exchange, status) ?? head.rawHeaders;
  const readMethods = policy.mode === 'ttl' ? policy.methods : undefined;
  const targetUri = site.targetUri(exchange.req, url);
  for (const path of invalidatedPaths({ status, rawHeaders, method, targetUri, readMethods })) {
    const prefix = keys.pathPrefix(site.clientPath(path.split('?', 1)[0] ?? ''));
    removeEverywhere(context, { prefix }, (key) => key.startsWith(prefix)).catch(() => {});
  }
}
