import type { IncomingMessage } from 'node:http';
import { ProxyError } from '../core/errors.js';
import { isRemoved, withoutOrigin } from '../core/mount.js';

/** Names of APIs in a message. */
const MAX_NAMES = 10;
/** Characters of a path's segment in a message. */
const MAX_LENGTH = 80;
/** Segments in front of an API's name that are looked for; a mount path has few. */
const MAX_DEPTH = 4;

/** For a call whose path names no API: the name that was looked for, those that there are, and what to do. */
export function unknownApi(
  req: IncomingMessage,
  apis: ReadonlyMap<string, unknown>,
  mount: string,
): ProxyError {
  const segments = segmentsOf(req);
  const [name = ''] = segments;
  const known = `The path must begin with the name of one: ${listed(apis)}`;
  const prefix = mount === '' ? prefixOf(req, segments, apis) : undefined;
  const hint = prefix && `. To remove "${prefix}" from it, set mount: '${prefix}'`;
  return new ProxyError('ERR_UNKNOWN_API', `${unknown(name)}. ${known}${hint ?? ''}`);
}

/** The same for clients who need not know what there is. */
export function unknownApiBriefly(req: IncomingMessage): ProxyError {
  return new ProxyError('ERR_UNKNOWN_API', unknown(segmentsOf(req)[0]));
}

/**
 * For a call that is not below the path of the option `mount`, and that nobody else serves.
 * @param apis `undefined` where there is one, which no path names
 */
export function notBelowMount(mount: string, apis: ReadonlyMap<string, unknown> | undefined): ProxyError {
  const where = apis
    ? `The APIs are below ${mount}, each under its name: ${listed(apis)}`
    : `The API is below ${mount}`;
  return new ProxyError('ERR_UNKNOWN_API', where);
}

/** The path in front of the first segment that does name an API; `undefined` if there is none, or it is mounted there. */
function prefixOf(
  req: IncomingMessage,
  segments: readonly string[],
  apis: ReadonlyMap<string, unknown>,
): string | undefined {
  const depth = segments.slice(0, MAX_DEPTH + 1).findIndex((segment) => apis.has(segment));
  const prefix = segments
    .slice(0, Math.max(depth, 0))
    .map((segment) => `/${short(segment)}`)
    .join('');
  return prefix === '' || isRemoved(req, prefix) ? undefined : prefix;
}

function segmentsOf({ url }: IncomingMessage): string[] {
  const [path = ''] = withoutOrigin(url).split(/[?#]/, 1);
  return path.split('/', MAX_DEPTH + 2).slice(1);
}

function listed(apis: ReadonlyMap<string, unknown>): string {
  const names = [...apis.keys()];
  const more = names.length - MAX_NAMES;
  if (names.length === 0) return 'there are none';
  return `${names.slice(0, MAX_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const unknown = (name = ''): string =>
  name === '' ? 'The path names no API' : `Unknown API: ${short(name)}`;

const short = (text: string): string =>
  text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 3)}...` : text;
