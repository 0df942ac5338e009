import { hash } from 'node:crypto';
import { CREDENTIAL_HEADERS } from '../../core/credential-headers.js';
import { HOP_BY_HOP } from '../../http/headers.js';
import { hashTag, percentEncoded } from '../../redis/hash-tag.js';
import type { RawHeaders } from './headers.js';
import { compareText, sortedQuery } from './sorted-query.js';

/** What the keys of one API are made of. */
export interface CacheKeyOptions {
  /** Prefix of all keys in the store. */
  readonly prefix: string;
  readonly api: string;
  /** Request headers that are part of the key: none, all end-to-end ones, or those in `headers`. */
  readonly headerStrategy: 'none' | 'all' | 'listed';
  readonly headers: readonly string[];
  /** Names of headers with credentials, beside the well-known ones. */
  readonly credentialHeaders: readonly string[];
  /** Headers that are injected into each request: name, value, name, value. */
  readonly injectedHeaders: RawHeaders;
  /** Leaves credentials, the client's and the injected ones, out of the key. */
  readonly sharedAcrossCredentials: boolean;
}

/** The parts of a request that its key depends on. */
export interface KeyRequest {
  readonly method: string;
  /** Path and query as received. */
  readonly url: string;
  readonly rawHeaders: RawHeaders;
  /** Digest of the body, where the body is part of the key. */
  readonly bodyHash?: string;
  /** What the operator's own `key(req)` adds. */
  readonly extra?: string;
}

/** Makes the keys of one API. */
export interface CacheKeys {
  /** What every key of this API begins with. */
  readonly apiPrefix: string;
  /**
   * What every key of this path begins with, whatever its query and credentials. A longer path that continues with a
   * colon has the same beginning.
   */
  pathPrefix(path: string): string;
  /** The key of a request. HEAD has the key of GET. */
  key(request: KeyRequest): string;
}

/** Characters of the path that stay readable; the digest covers the rest. */
export const MAX_PATH_LENGTH = 512;

/** With `all`, headers that do not select a response, or that the cache itself acts on. */
const NEVER_CHOSEN: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'cache-control',
  'content-length',
  'expect',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'pragma',
  'range',
  'trailer',
]);

const UNPRINTABLE = /[^\x21-\x7e]/;
const EVERY_UNPRINTABLE = /[^\x21-\x7e]/g;

/**
 * Keys of the form `{prefix:api}:path:rest`. The rest is a SHA-256 digest of everything but the path, so that no
 * credential and no query is readable. Where nothing but the path matters nothing is hashed: the rest is then empty,
 * or `~` and a digest of the injected headers that is made once. No digest is empty or contains `~` or `:`.
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
      let pieces = pick(rawHeaders);
      if (question >= 0) pieces += piece('query', sortedQuery(url.slice(question + 1)));
      if (method !== 'GET' && method !== 'HEAD') pieces += piece('method', method);
      if (bodyHash !== undefined) pieces += piece('body', bodyHash);
      if (extra !== undefined) pieces += piece('extra', extra);
      if (kept !== path) pieces += piece('path', path);
      return `${apiPrefix}${kept}:${pieces === '' ? plainRest : digest(injected + pieces)}`;
    },
  };
}

/** Collects the headers of a request that are part of the key. */
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
      // Most requests have none of these names: nothing is allocated for them.
      const name = rawHeaders[i] ?? '';
      if (isCandidate(name) && names.has(name.toLowerCase())) {
        return headerPieces(chosenPairs(rawHeaders, (lower) => names.has(lower)));
      }
    }
    return '';
  };
}

/** Whether a name is as long as one of these names: a single bit test. */
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
  // The order of names does not matter; that of lines with one name does.
  return pairs.sort(([one], [other]) => compareText(one, other));
}

function headerPieces(pairs: readonly (readonly [name: string, value: string])[]): string {
  let pieces = '';
  for (const [name, value] of pairs) pieces += piece('field', name) + piece('value', value);
  return pieces;
}

/** The length in front keeps two pieces from reading as two others. */
function piece(kind: string, text: string): string {
  return `${kind} ${text.length} ${text}\n`;
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** The readable part of the path. Where it is not the whole path, the path goes into the digest. */
function keptPath(path: string): string {
  const bounded = path.length > MAX_PATH_LENGTH ? path.slice(0, MAX_PATH_LENGTH) : path;
  return UNPRINTABLE.test(bounded) ? bounded.replace(EVERY_UNPRINTABLE, percentEncoded) : bounded;
}
