import { hash } from 'node:crypto';
import { CREDENTIAL_HEADERS } from '../../core/credential-headers.js';
import { hashTag, percentEncoded } from '../../redis/hash-tag.js';
import type { RawHeaders } from './headers.js';
import { compareText, sortedQuery } from './sorted-query.js';

/** What the keys of one API are made of. */
export interface CacheKeyOptions {
  /** Prefix of all keys in the store. */
  readonly prefix: string;
  readonly api: string;
  /** Request fields that make a difference: none, all end-to-end ones, or those in `headers`. */
  readonly headerStrategy: 'none' | 'all' | 'listed';
  readonly headers: readonly string[];
  /** Names of fields with credentials, beside the well-known ones. */
  readonly credentialHeaders: readonly string[];
  /** Fields that are injected into each call: name, value, name, value. */
  readonly injectedHeaders: RawHeaders;
  /** Leaves credentials, the client's and the injected ones, out of the key. */
  readonly sharedAcrossCredentials: boolean;
}

/** A call as far as its key depends on it. */
export interface KeyRequest {
  readonly method: string;
  /** Path and query as received. */
  readonly url: string;
  readonly rawHeaders: RawHeaders;
  /** Digest of the body, where a body makes a difference. */
  readonly bodyHash?: string;
  /** What the operator's own `key(req)` adds. */
  readonly extra?: string;
}

/** Makes the keys of one API. */
export interface CacheKeys {
  /** What every key of this API begins with. */
  readonly apiPrefix: string;
  /**
   * What every key of this path begins with, whatever its query and credentials; those of a longer path that goes
   * on with a colon do too.
   */
  pathPrefix(path: string): string;
  /** The key of a call. HEAD has the key of GET. */
  key(request: KeyRequest): string;
}

/** Characters of the path that stay readable; a longer one goes on in the digest. */
export const MAX_PATH_LENGTH = 512;

/** With `all`, fields that say nothing about which answer is wanted, or that the cache itself acts on. */
const NEVER_CHOSEN: ReadonlySet<string> = new Set([
  'cache-control',
  'connection',
  'content-length',
  'expect',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const UNPRINTABLE = /[^\x21-\x7e]/;
const EVERY_UNPRINTABLE = /[^\x21-\x7e]/g;

/**
 * Keys of the form `{prefix:api}:path:rest`. The rest is a SHA-256 digest over all that is not the path, so that no
 * credential and no query is readable. Where nothing has to be told apart nothing is hashed: the rest is then
 * empty, or `~` and a digest of the injected fields made once. No digest is empty or has a `~` or `:`.
 */
export function cacheKeys(options: CacheKeyOptions): CacheKeys {
  const apiPrefix = `${hashTag(options.prefix, options.api)}:`;
  const injected = options.sharedAcrossCredentials ? '' : headerPieces(chosenPairs(options.injectedHeaders));
  const plainRest = injected === '' ? '' : `~${digest(injected)}`;
  const pick = headerPicker(options);

  return {
    apiPrefix,
    pathPrefix: (path) => `${apiPrefix}${keptPath(path)}:`,
    key({ method, url, rawHeaders, bodyHash, extra }) {
      const question = url.indexOf('?');
      const path = question < 0 ? url : url.slice(0, question);
      const kept = keptPath(path);
      let told = pick(rawHeaders);
      if (question >= 0) told += piece('query', sortedQuery(url.slice(question + 1)));
      if (method !== 'GET' && method !== 'HEAD') told += piece('method', method);
      if (bodyHash !== undefined) told += piece('body', bodyHash);
      if (extra !== undefined) told += piece('extra', extra);
      if (kept !== path) told += piece('path', path);
      return `${apiPrefix}${kept}:${told === '' ? plainRest : digest(injected + told)}`;
    },
  };
}

/** Collects from a request the fields that are part of the key. */
function headerPicker(options: CacheKeyOptions): (rawHeaders: RawHeaders) => string {
  const credentials = lowerCase([
    ...CREDENTIAL_HEADERS,
    ...options.credentialHeaders,
    ...options.injectedHeaders.filter((_, index) => index % 2 === 0),
  ]);
  if (options.headerStrategy === 'all') {
    const left = options.sharedAcrossCredentials ? new Set([...NEVER_CHOSEN, ...credentials]) : NEVER_CHOSEN;
    return (rawHeaders) => headerPieces(chosenPairs(rawHeaders, (name) => !left.has(name)));
  }
  const names = lowerCase(options.headerStrategy === 'listed' ? options.headers : []);
  if (!options.sharedAcrossCredentials) for (const name of credentials) names.add(name);
  const isCandidate = lengthFilter(names);
  return function pick(rawHeaders) {
    for (let i = 0; i < rawHeaders.length; i += 2) {
      // Most requests have none of the names: nothing is made for them.
      const name = rawHeaders[i] ?? '';
      if (isCandidate(name) && names.has(name.toLowerCase())) {
        return headerPieces(chosenPairs(rawHeaders, (lower) => names.has(lower)));
      }
    }
    return '';
  };
}

/** Whether a name has the length of one of these names, as a bit looked up. */
function lengthFilter(names: ReadonlySet<string>): (name: string) => boolean {
  let lengths = 0;
  for (const name of names) lengths |= 1 << (name.length & 31);
  return (name) => (lengths & (1 << (name.length & 31))) !== 0;
}

function lowerCase(names: readonly string[]): Set<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

function chosenPairs(
  rawHeaders: RawHeaders,
  isChosen: (lowerCaseName: string) => boolean = () => true,
): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (isChosen(name)) pairs.push([name, rawHeaders[i + 1] ?? '']);
  }
  // Names in any order are the same request; lines of one name are not.
  return pairs.sort(([one], [other]) => compareText(one, other));
}

function headerPieces(pairs: readonly (readonly [name: string, value: string])[]): string {
  let pieces = '';
  for (const [name, value] of pairs) pieces += piece('field', name) + piece('value', value);
  return pieces;
}

/** The length in front keeps two pieces from reading as another two. */
function piece(kind: string, text: string): string {
  return `${kind} ${text.length} ${text}\n`;
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** The path as it is readable in the key. Where that is not the path itself, the path goes into the digest. */
function keptPath(path: string): string {
  const bounded = path.length > MAX_PATH_LENGTH ? path.slice(0, MAX_PATH_LENGTH) : path;
  return UNPRINTABLE.test(bounded) ? bounded.replace(EVERY_UNPRINTABLE, percentEncoded) : bounded;
}
