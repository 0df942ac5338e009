import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { CacheSite } from './cache-context.js';

interface MountedRequest extends IncomingMessage {
  originalUrl?: string;
}

/**
 * The application's own path, in front of any handler. It uses `originalUrl` where the framework sets it: a cache
 * mounted on two paths could otherwise see the same `url` on both.
 */
export const standaloneSite: CacheSite = {
  url: (req: MountedRequest) => pathOf(req.originalUrl ?? req.url),
  targetUri: (req, url) => {
    const scheme = req.socket instanceof TLSSocket ? 'https' : 'http';
    return `${scheme}://${req.headers.host ?? 'localhost'}${url}`;
  },
  clientPath: (path) => path,
  injectedHeaders: [],
};

/** The options of an API's `forward()` that its cache needs. */
export interface ForwardedApi {
  readonly target?: unknown;
  readonly headers?: Readonly<Record<string, string | string[]>> | undefined;
  readonly auth?: unknown;
}

/** An API that is forwarded to one target: the path behind the mount point names the resource. */
export function apiSite({ target: configured, headers = {}, auth }: ForwardedApi): CacheSite {
  // forward() checks these options. Where this is no plain URL, the target is chosen request by request.
  const target =
    typeof configured === 'string' || configured instanceof URL ? new URL(configured) : undefined;
  const injectedHeaders = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((line) => [name, line]),
  );
  if (typeof auth === 'string') injectedHeaders.push('authorization', auth);
  else if (target?.username) injectedHeaders.push('authorization', `${target.username}:${target.password}`);
  const base = target?.pathname.replace(/\/$/, '') ?? '';
  return {
    url: (req) => pathOf(req.url),
    targetUri: (req, url) => (target ? `${target.origin}${base}${url}` : standaloneSite.targetUri(req, url)),
    clientPath: (path) => (base !== '' && path.startsWith(`${base}/`) ? path.slice(base.length) : path),
    injectedHeaders,
  };
}

/** An absolute-form request line names the same resource (RFC 9112 §3.2.2). */
function pathOf(url = '/'): string {
  if (url.startsWith('/')) return url;
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}
