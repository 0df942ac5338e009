import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { CacheSite } from './cache-context.js';

interface MountedRequest extends IncomingMessage {
  originalUrl?: string;
}

/**
 * An application's own path, in front of any handler. `originalUrl`, where a framework sets it: one cache may be
 * mounted on two paths, and what is left of them after that may be equal.
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

/** What of the options of an API's `forward()` its cache has to know. */
export interface ForwardedApi {
  readonly target?: unknown;
  readonly headers?: Readonly<Record<string, string | string[]>> | undefined;
  readonly auth?: unknown;
}

/**
 * An API that is forwarded to one target: what is left of the path behind the mount point names the resource.
 */
export function apiSite({ target: configured, headers = {}, auth }: ForwardedApi): CacheSite {
  // Options that forward() checks: where it is no plain URL, the target is chosen call by call.
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
