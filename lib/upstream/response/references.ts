import { TLSSocket } from 'node:tls';
import { calledAuthority, calledScheme } from '../../http/called-origin.js';
import { headerValue } from '../../http/headers.js';
import type { Plan } from '../transport.js';

/** Headers of a response that name other resources. */
const NAMES = ['location', 'content-location', 'link', 'refresh'];
const LENGTHS = NAMES.reduce((lengths, name) => lengths | (1 << name.length), 0);

/** Whether a header, by its name in lower case, holds references. */
export function holdsReferences(lower: string): boolean {
  // The length rules out nearly every header.
  return (LENGTHS & (1 << (lower.length & 31))) !== 0 && NAMES.includes(lower);
}

/**
 * References of a target to itself, as they lead through the proxy: below the path that the client has used, whatever
 * was taken from it or put before it on the way.
 * @param lower one of the names that {@link holdsReferences}
 */
export function leadingBack(lower: string, value: string, plan: Plan): string {
  const way = wayBack(plan);
  if (!way) return value;
  const rewritten = (reference: string) => leadingThrough(reference, way, plan) ?? reference;
  if (lower === 'link') {
    const linked = (uri: string) => {
      const leading = leadingThrough(uri, way, plan);
      return leading === undefined ? uri : originOf(uri, plan) + leading;
    };
    return value.replace(LINK, (link, uri?: string) => (uri ? `<${linked(uri)}>` : link));
  }
  if (lower === 'refresh') return value.replace(REFRESH, (_all, before, uri) => before + rewritten(uri));
  return rewritten(value);
}

/**
 * What stands before the path of a link. Clients that page by links take those of most APIs for URLs, and join a path to
 * their base URL, whose own path would be there twice: what the target has told as a URL stays one, and what an option
 * of http-proxy-middleware wants absolute in a `Location` is so here.
 */
function originOf(uri: string, { exchange: { req, cause }, proxyOptions }: Plan): string {
  const { hostRewrite, autoRewrite, protocolRewrite } = proxyOptions;
  const wanted = hostRewrite ?? (autoRewrite ? req.headers.host : undefined);
  const isPath = uri.startsWith('/') && !uri.startsWith('//');
  const host = wanted ?? (isPath ? undefined : calledAuthority(req.rawHeaders));
  if (!host) return '';
  const { socket } = cause?.req ?? req;
  const own = socket instanceof TLSSocket ? 'https' : 'http';
  const scheme = protocolRewrite?.replace(/:$/, '') ?? calledScheme(req.rawHeaders) ?? own;
  return `${scheme}://${host}`;
}

/**
 * `<uri>`; a parameter in quotes may hold such a text as well (RFC 8288 §3). One without an end goes to the end of the
 * header: if it were tried anew from each quote in it, a long header would take seconds.
 */
const LINK = /"(?:[^"\\]|\\.?)*(?:"|$)|<([^<>]*)>/g;
const REFRESH = /^(\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?["']?)([^"']+)/i;

/** The beginning of a target's paths, and what clients use in its place. */
interface WayBack {
  readonly from: string;
  readonly to: string;
}

/** The path of this call at the target and at the client end alike; what differs is the way. */
function wayBack({ exchange, target, path, proxyOptions }: Plan): WayBack | undefined {
  const { req, mount, originalUrl } = exchange;
  const base = target.basePath.replace(/\/$/, '');
  const sent = pathOf(path);
  if (proxyOptions.ignorePath || proxyOptions.toProxy || !sent.startsWith(base)) return undefined;
  const { originalUrl: whole } = req as { originalUrl?: unknown };
  const theirs = pathOf(typeof whole === 'string' ? whole : mount + originalUrl).split('/');
  const ours = pathOf(sent.slice(base.length)).split('/');
  while (theirs.length > 1 && ours.length > 1 && theirs.at(-1) === ours.at(-1)) {
    theirs.pop();
    ours.pop();
  }
  return { from: base + ours.join('/'), to: theirs.join('/') };
}

/** Looked for where slashes begin, and not at each of them, for the same reason. */
const SLASHES_AT_END = /(?<!\/)\/+$/;
const AUTHORITY = /^(?:([a-z][a-z0-9+.-]*):)?\/\/[^/?#\\]*/i;

/** A path without its query and the slashes at its end. */
function pathOf(url: string): string {
  return (url.replace(AUTHORITY_OF_LINE, '').split(/[?#]/, 1)[0] ?? '').replace(SLASHES_AT_END, '');
}

/** An absolute-form request line names the same path (RFC 9112 §3.2.2). */
const AUTHORITY_OF_LINE = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** @returns `undefined` for what leads elsewhere, and for what is right as it stands */
function leadingThrough(reference: string, { from, to }: WayBack, plan: Plan): string | undefined {
  const [authority] = AUTHORITY.exec(reference) ?? [];
  // A relative one is resolved by the client, from the path that it has used.
  if (authority === undefined && !reference.startsWith('/')) return undefined;
  if (authority !== undefined && !isOwn(authority, plan)) return undefined;
  const rest = reference.slice(authority?.length ?? 0);
  const [path = ''] = rest.split(/[?#]/, 1);
  // The target may know by which path its clients come.
  if (from === '' && to !== '' && isBelow(path, to)) return undefined;
  if (!isBelow(path, from)) return undefined;
  const whole = to + rest.slice(from.length);
  const leading = whole.startsWith('/') ? whole : `/${whole}`;
  // It would name another host.
  return /^\/[/\\]/.test(leading) ? undefined : leading;
}

const isBelow = (path: string, base: string) =>
  path.startsWith(base) && (path.length === base.length || base === '' || path[base.length] === '/');

/**
 * Whether it is the target, or who the target was told to be by `Host`. With another scheme it is not: a target that
 * leads to its encrypted address would be asked again without encryption, for ever.
 */
function isOwn(authority: string, { exchange: { req }, target, rawHeaders }: Plan): boolean {
  const href = authority.startsWith('//') ? new URL(target.origin).protocol + authority : authority;
  if (!URL.canParse(href)) return false;
  const { origin, protocol } = new URL(href);
  if (origin === target.origin) return true;
  const host = headerValue(rawHeaders, 'host');
  if (host === target.host) return false;
  const scheme = req.socket instanceof TLSSocket ? 'https:' : 'http:';
  const schemes = [scheme, new URL(target.origin).protocol, `${req.headers['x-forwarded-proto']}:`];
  return (
    schemes.includes(protocol) &&
    URL.canParse(`${protocol}//${host}`) &&
    origin === new URL(`${protocol}//${host}`).origin
  );
}
