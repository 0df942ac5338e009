import type { Exchange } from '../core/exchange.js';
import { calledAuthority } from '../http/called-origin.js';
import { type CacheContext, removeEverywhere } from './cache-context.js';
import type { ClientRequest } from './fetch-plan.js';
import { type FinishedCall, hasChanged, invalidatedPaths } from './policy/invalidation.js';
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
  const readMethods = policy.mode === 'ttl' ? policy.methods : undefined;
  const call = { status, rawHeaders: head.rawHeaders, method, readMethods };
  if (!hasChanged(call)) return;
  // As it is in the keys: a URL would resolve dots in it, and encode what its client did not.
  const paths = new Set([pathOnly(url)]);
  const targetUri = site.targetUri(exchange.req, url);
  const rawHeaders = upstreamHeaders(exchange, status) ?? head.rawHeaders;
  for (const path of invalidatedPaths({ ...call, rawHeaders, targetUri }))
    paths.add(site.clientPath(pathOnly(path)));
  for (const path of pathsForClient(exchange, call, url)) paths.add(path);
  for (const path of paths) {
    removeEverywhere(context, { prefix: keys.pathPrefix(path) }).catch(() => {});
  }
}

/**
 * What the references name that the client is told, which lead back through the rewrites of the path: those of the
 * upstream do not.
 */
function pathsForClient(
  { req, mount }: Exchange,
  call: Omit<FinishedCall, 'targetUri'>,
  url: string,
): string[] {
  const host = calledAuthority(req.rawHeaders) ?? req.headers.host ?? 'localhost';
  const { originalUrl } = req as { originalUrl?: unknown };
  const whole = typeof originalUrl === 'string' ? originalUrl : mount + url;
  const targetUri = `http://${host}${whole}`;
  const before = whole.endsWith(url) ? whole.slice(0, -url.length) : '';
  const [, ...named] = invalidatedPaths({ ...call, targetUri, sameOrigins: [`https://${host}`] });
  return named.map((path) =>
    path.startsWith(`${before}/`) ? pathOnly(path).slice(before.length) : pathOnly(path),
  );
}

const pathOnly = (path: string): string => path.split('?', 1)[0] ?? '';
