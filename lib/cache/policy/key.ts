import { hash } from 'node:crypto';
import { hashTag, percentEncoded } from '../../redis/hash-tag.js';
import type { RawHeaders } from './headers.js';
import { type KeyHeaderRules, type KeyRole, keyRoles, keyValue } from './key-headers.js';
import { compareText, sortedQuery } from './sorted-query.js';

/** What the keys of one API are made of. */
export interface CacheKeyOptions extends KeyHeaderRules {
  /** Prefix of all keys in the store. */
  readonly prefix: string;
  readonly api: string;
  /** Digest of what else makes it another cache: target, rewrites, form of the keys. Empty for nothing. */
  readonly identity: string;
  /** Headers that are injected into each request: name, value, name, value. */
  readonly injectedHeaders: RawHeaders;
  /** Queries with equal parameters in another order are equal. */
  readonly sortQuery: boolean;
}

/** The parts of a request that its key depends on. */
export interface KeyRequest {
  readonly method: string;
  /** Path and query as received. */
  readonly url: string;
  readonly rawHeaders: RawHeaders;
  /** The authority, where `rawHeaders` have no `Host`, or where a middleware in front has set another. */
  readonly host?: string | undefined;
  /** It came over TLS, where that makes a difference. */
  readonly encrypted?: boolean | undefined;
  /** Digest of the client's certificate, where whoever makes the response may know the client by it. */
  readonly certificate?: string | undefined;
  /** What else the handler is told about the resource: another path, by a rewrite in front of the cache. */
  readonly rewritten?: string | undefined;
  /** Digest of the body, where the body is part of the key. */
  readonly bodyHash?: string | undefined;
  /** What the operator's own `key(req)` adds. */
  readonly extra?: string | undefined;
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
  /** Whether a header, its name in lower case, is in the key as a credential. */
  isCredential(name: string): boolean;
  /** Whether the keys of this request belong to one credential: its own, or an injected one. */
  isPersonal(rawHeaders: RawHeaders): boolean;
}

/** Incremented whenever a key of the same text would mean something else. */
export const KEY_VERSION = 3;

/** Characters of the path that stay readable; the digest covers the rest. */
export const MAX_PATH_LENGTH = 512;

/** Short, since it is hashed and compared with each hit; nobody finds another authority with the same. */
const ORIGIN_DIGEST_LENGTH = 16;
const MAX_HOSTS = 1000;
const MAX_HOST_LENGTH = 255;
/** Places in a list of headers whose last name is kept, and how long it may be. */
const MAX_PLACES = 64;
const MAX_NAME_LENGTH = 64;
const UNPRINTABLE = /[^\x21-\x7e]/;
const EVERY_UNPRINTABLE = /[^\x21-\x7e]/g;

/**
 * Keys of the form `{prefix:api.identity}:path:rest`. The rest is a SHA-256 digest of everything but the path, so that
 * no credential and no query is readable. Where nothing but path and authority matter, it is `~` and a digest that is
 * remembered for each authority; it is empty where the authority does not matter either. No digest contains `~` or `:`.
 */
export function cacheKeys(options: CacheKeyOptions): CacheKeys {
  const { api, identity, sortQuery } = options;
  const apiPrefix = `${hashTag(options.prefix, identity === '' ? api : `${api}.${identity}`)}:`;
  const injected = options.sharedAcrossCredentials ? '' : headerPieces(pairsOf(options.injectedHeaders));
  const plainRest = injected === '' ? '' : `~${digest(injected)}`;
  const roleOf = keyRoles(options);
  const injectsCredential = options.injectedHeaders.some(
    (name, i) => i % 2 === 0 && options.isCredential(name),
  );
  // Of each authority, plain and encrypted.
  const rests = [new Map<string, string>(), new Map<string, string>()] as const;

  // Most caches serve one authority: to compare it costs less than to look it up.
  let lastHost = '';
  let lastRest = '';

  function restOf(host: string, encrypted: boolean): string {
    if (encrypted) return lookUpRest(host, true);
    if (host === '') return plainRest;
    if (host !== lastHost) {
      lastRest = lookUpRest(host, false);
      lastHost = host;
    }
    return lastRest;
  }

  function lookUpRest(host: string, encrypted: boolean): string {
    const known = rests[encrypted ? 1 : 0];
    const before = known.get(host);
    if (before !== undefined) return before;
    const origin = originPiece(host, encrypted);
    const rest = `~${digest(injected + origin).slice(0, ORIGIN_DIGEST_LENGTH)}`;
    if (host.length <= MAX_HOST_LENGTH) {
      // Clients choose it.
      if (known.size >= MAX_HOSTS) known.clear();
      known.set(host, rest);
    }
    return rest;
  }

  // Requests of one client, or of one kind of client, have equal names at equal places: to compare them costs less than
  // to look them up.
  const namesAt = new Array<string | undefined>(MAX_PLACES).fill(undefined);
  const rolesAt = new Array<KeyRole>(MAX_PLACES).fill('none');

  function roleAt(place: number, name: string): KeyRole {
    const before = namesAt[place] === name ? rolesAt[place] : undefined;
    if (before !== undefined) return before;
    const role = roleOf(name);
    if (place < MAX_PLACES && name.length <= MAX_NAME_LENGTH) {
      namesAt[place] = name;
      rolesAt[place] = role;
    }
    return role;
  }

  return {
    apiPrefix,
    pathPrefix: (path) => `${apiPrefix}${keptPath(path)}:`,
    key(request) {
      const { method, url, rawHeaders, host: givenHost, encrypted = false } = request;
      const { certificate, rewritten, bodyHash, extra } = request;
      const question = url.indexOf('?');
      const path = question < 0 ? url : url.slice(0, question);
      const kept = keptPath(path);
      let host = '';
      let chosen = false;
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        // Most requests have nothing but a host: nothing is allocated for them.
        const role = roleAt(i, rawHeaders[i] ?? '');
        if (role === 'none') continue;
        if (role === 'host') host = host === '' ? (rawHeaders[i + 1] ?? '') : `${host},${rawHeaders[i + 1]}`;
        else chosen = true;
      }
      if (givenHost !== undefined && givenHost !== host && options.namesHost)
        host = host === '' ? givenHost : `${host},${givenHost}`;
      let pieces = chosen ? headerPieces(pairsOf(rawHeaders, isPart)) : '';
      if (question >= 0) {
        const query = url.slice(question + 1);
        pieces += piece('query', sortQuery ? sortedQuery(query) : query);
      }
      if (method !== 'GET' && method !== 'HEAD') pieces += piece('method', method);
      if (bodyHash !== undefined) pieces += piece('body', bodyHash);
      if (extra !== undefined) pieces += piece('extra', extra);
      if (certificate !== undefined && !options.sharedAcrossCredentials)
        pieces += piece('certificate', certificate);
      if (rewritten !== undefined) pieces += piece('rewritten', rewritten);
      if (kept !== path) pieces += piece('path', path);
      if (pieces === '') return `${apiPrefix}${kept}:${restOf(host, encrypted)}`;
      return `${apiPrefix}${kept}:${digest(injected + originPiece(host, encrypted) + pieces)}`;
    },
    isCredential: (name) => roleOf(name) === 'credential',
    isPersonal(rawHeaders) {
      if (options.sharedAcrossCredentials) return false;
      return injectsCredential || rawHeaders.some((name, i) => i % 2 === 0 && roleOf(name) === 'credential');
    },
  };

  function isPart(name: string): boolean {
    const role = roleOf(name);
    return role === 'part' || role === 'credential';
  }
}

function originPiece(host: string, encrypted: boolean): string {
  const scheme = encrypted ? piece('scheme', 'https') : '';
  return host === '' ? scheme : scheme + piece('host', host.toLowerCase());
}

function pairsOf(
  rawHeaders: RawHeaders,
  isChosen: (name: string) => boolean = () => true,
): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!isChosen(name)) continue;
    const lower = name.toLowerCase();
    pairs.push([lower, keyValue(lower, rawHeaders[i + 1] ?? '')]);
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
export function keptPath(path: string): string {
  const bounded = path.length > MAX_PATH_LENGTH ? path.slice(0, MAX_PATH_LENGTH) : path;
  return UNPRINTABLE.test(bounded) ? bounded.replace(EVERY_UNPRINTABLE, percentEncoded) : bounded;
}
