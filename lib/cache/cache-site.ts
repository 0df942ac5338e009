import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { ForwardFacts } from '../core/part.js';
import { forwardedHeaders } from '../http/forwarded-headers.js';
import type { CacheSite } from './cache-context.js';
import { siteIdentity } from './site-identity.js';

interface MountedRequest extends IncomingMessage {
  originalUrl?: string;
  baseUrl?: unknown;
}

const everything = () => true;

/**
 * The application's own path, in front of any handler. It uses `originalUrl` where the framework sets it: a cache
 * mounted on two paths could otherwise see the same `url` on both.
 */
export const standaloneSite: CacheSite = {
  url: (req: MountedRequest) => pathOf(req.originalUrl ?? req.url),
  rewritten,
  isEncrypted: (req) => req.socket instanceof TLSSocket,
  certificate: ({ socket }) =>
    socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined,
  targetUri: (req, url) => {
    const scheme = req.socket instanceof TLSSocket ? 'https' : 'http';
    return `${scheme}://${req.headers.host ?? 'localhost'}${url}`;
  },
  clientPath: (path) => path,
  injectedHeaders: [],
  reaches: everything,
  namesHost: true,
  addsAddress: false,
  readsAll: false,
  ownsBytes: false,
  identity: '',
};

/**
 * The other path that handlers see: one that a middleware in front has written to `req.url`, or an absolute-form line,
 * whose authority is not that of `Host`.
 */
function rewritten({ originalUrl, baseUrl, url = '/' }: MountedRequest): string | undefined {
  if (originalUrl === undefined || originalUrl === url) return url.startsWith('/') ? undefined : url;
  if (typeof baseUrl === 'string') {
    if (originalUrl === baseUrl + url) return undefined;
    // Express makes a path of what is empty behind the mount path.
    if (url.startsWith('/') && originalUrl === baseUrl + url.slice(1)) return undefined;
  }
  return originalUrl.startsWith('/') ? url : `${url} ${originalUrl}`;
}

/** What a framework has not removed the mount path from: functions of the user may read it. */
function wholeUrl({ originalUrl, url }: MountedRequest): string | undefined {
  return originalUrl === url ? undefined : originalUrl;
}

/** What else an API's cache needs to know. */
export interface ForwardedSite {
  /** Stages, listeners or plugins of the user may read the request and write the response. */
  readonly foreign?: boolean;
  /** All options on which the API's responses depend. */
  readonly responses?: unknown;
}

/** An API that is forwarded to one target: the path behind the mount point names the resource. */
export function apiSite(api: ForwardFacts, { foreign = false, responses }: ForwardedSite = {}): CacheSite {
  const { target: configured, headers = {}, auth, changeOrigin, xfwd = false, router, pathRewrite } = api;
  const { autoRewrite = false } = api;
  // forward() checks these options. Where this is no plain URL, the target is chosen request by request.
  const target =
    typeof configured === 'string' || configured instanceof URL ? new URL(configured) : undefined;
  const injectedHeaders = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((line) => [name, line]),
  );
  if (typeof auth === 'string') injectedHeaders.push('authorization', auth);
  else if (target?.username) injectedHeaders.push('authorization', `${target.username}:${target.password}`);
  const base = target?.pathname.replace(/\/$/, '') ?? '';
  const injects = (header: string) => Object.keys(headers).some((name) => name.toLowerCase() === header);
  const injectsHost = injects('host');
  // It may choose by any header of the request, its host included. Rest parameters, defaults and `arguments` have
  // no length.
  const readsAll =
    typeof router === 'function' || (typeof pathRewrite === 'function' && pathRewrite.length !== 1);
  return {
    url: (req) => pathOf(req.url),
    rewritten: foreign || readsAll ? wholeUrl : () => undefined,
    isEncrypted: xfwd !== false || readsAll || foreign ? standaloneSite.isEncrypted : () => false,
    certificate: readsAll || foreign ? standaloneSite.certificate : () => undefined,
    targetUri: (req, url) => (target ? `${target.origin}${base}${url}` : standaloneSite.targetUri(req, url)),
    clientPath: (path) => (base !== '' && path.startsWith(`${base}/`) ? path.slice(base.length) : path),
    injectedHeaders,
    reaches: foreign || readsAll ? everything : forwardedHeaders(api),
    namesHost:
      (!changeOrigin && !injectsHost) ||
      xfwd !== false ||
      router !== undefined ||
      // A Location is then rewritten to it.
      autoRewrite ||
      foreign ||
      readsAll,
    addsAddress: xfwd !== false && !injects('x-forwarded-for'),
    readsAll,
    ownsBytes: !foreign,
    identity: siteIdentity([configured, router, pathRewrite, changeOrigin, xfwd, responses]),
  };
}

/** An absolute-form request line names the same resource (RFC 9112 §3.2.2). */
function pathOf(url = '/'): string {
  if (url.startsWith('/')) return url;
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}
