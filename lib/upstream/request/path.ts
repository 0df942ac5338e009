import { ProxyError } from '../../core/errors.js';
import type { Target } from './target.js';

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
const MAY_CLIMB = /\.|%2e|\\|%5c/i;
/** A parameter of a segment, as servlet containers take it off before they resolve the path. */
const PARAMETER = /;.*/;

/**
 * The request target reduced to path and query (RFC 9112 §3.2): the host of an absolute-form line is ignored.
 * @throws ProxyError ERR_BAD_REQUEST for `*`, an authority, a fragment, and a path that leaves its root by `..`
 */
export function originForm(url: string | undefined): string {
  if (url?.startsWith('/')) return checked(url);
  const rest = url === undefined ? '' : url.replace(ABSOLUTE_FORM, '');
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  if (rest.startsWith('/')) return checked(rest);
  throw new ProxyError('ERR_BAD_REQUEST', 'The request target must be a path');
}

function checked(path: string): string {
  // Targets differ in whether they cut a fragment off, and then resolve what is left (RFC 9112 §3.2.1).
  if (path.includes('#'))
    throw new ProxyError('ERR_BAD_REQUEST', 'The request target must not have a fragment');
  if (MAY_CLIMB.test(path) && climbs(path)) {
    throw new ProxyError('ERR_BAD_REQUEST', 'The request path leaves the base path of the API');
  }
  return path;
}

/** Whether the path, as a lenient server would read it, leaves the directory that it starts in. */
export function climbs(path: string): boolean {
  const [raw = ''] = path.split('?', 1);
  const plain = raw
    .replace(/%2e/gi, '.')
    .replace(/%2f/gi, '/')
    .replace(/%5c|\\/gi, '/')
    .replace(/%3b/gi, ';');
  let depth = 0;
  for (const part of plain.split('/')) {
    const segment = part.replace(PARAMETER, '');
    if (segment === '..') depth--;
    else if (segment !== '' && segment !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}

/**
 * Path and query for the target: its base path, then the call's own path.
 * @throws ProxyError ERR_BAD_REQUEST if a rewritten path leaves the base path
 */
export function upstreamPath(target: Target, url: string, ignorePath: boolean): string {
  const own = ignorePath ? '' : url.startsWith('/') ? checked(url) : checked(`/${url}`);
  const path = join(target.basePath, own);
  if (target.search === '') return path;
  return path.includes('?') ? path.replace('?', `${target.search}&`) : path + target.search;
}

function join(base: string, own: string): string {
  if (base === '') return own === '' ? '/' : own;
  if (own === '' || own === '/') return base;
  return base.endsWith('/') ? base + own.slice(1) : base + own;
}
