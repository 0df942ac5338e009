import { hash } from 'node:crypto';
import { type CredentialNames, credentialRule } from '../core/credential-headers.js';
import { rememberedByName } from '../core/remembered.js';
import type { ForwardedHeaders, Reaches } from './forwarded-headers.js';

/** The options on which {@link Reaches} depends, to be compared. */
export function forwardedFacts({ headers = {}, forwardHeaders, forwardCookies }: ForwardedHeaders): unknown {
  return [Object.keys(headers), forwardHeaders, forwardCookies];
}

/** A digest of the credentials of a request, in its headers and its query; empty if it has none. */
export type CredentialOf = (rawHeaders: readonly string[], url?: string) => string;

/** Long enough to tell all users apart, and no secret. */
const DIGEST_LENGTH = 16;

/** Parameters with a key of their sender. One like `page_token` is none. */
const KEY_PARAMETER =
  /^(?:(?:x-)?api[-_]?key|app[-_]?(?:id|key)|access[-_]?(?:key|token)|auth[-_]?(?:key|token)|subscription-key|client[-_]?id|key|token)$/i;

/** Whether an API's own headers carry a credential, so that all its clients are one user there. */
export function injectsCredential({ headers = {} }: ForwardedHeaders): boolean {
  const isCredential = credentialRule();
  return Object.keys(headers).some((name) => isCredential(name));
}

/**
 * Makes digests of the headers and the parameters that carry credentials.
 * @param reaches which headers the target sees: one that it does not see tells no users apart there
 * @param shared all clients are one user: only the headers in `names.also` tell them apart
 */
export function credentialDigest(
  names: CredentialNames,
  reaches: Reaches = () => true,
  shared = false,
): CredentialOf {
  const listed = new Set(names.also?.map((name) => name.toLowerCase()));
  const isCredential = shared ? (name: string) => listed.has(name.toLowerCase()) : credentialRule(names);
  const counts = rememberedByName((name) => isCredential(name) && reaches(name.toLowerCase()));
  const digestOf = rememberedDigests();

  return function credentialOf(rawHeaders, url = ''): string {
    let found = shared ? undefined : keysInQuery(url);
    let only = -1;
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? '';
      if (!counts(name)) continue;
      if (!found && only < 0) {
        only = i;
        continue;
      }
      found ??= [entry(rawHeaders[only], rawHeaders[only + 1])];
      found.push(entry(name, rawHeaders[i + 1]));
    }
    if (found) return digestOf('', found.sort().join(''));
    return only < 0 ? '' : digestOf(rawHeaders[only], rawHeaders[only + 1]);
  };
}

/** With its length in front, a value cannot pose as the next header. */
const entry = (name = '', value = '') => `${name.toLowerCase()} ${value.length} ${value}\n`;

const SLOTS = 256;
const MAX_REMEMBERED = 4096;
const TAIL = 12;

/**
 * Digests, remembered for what comes again: a user sends one credential with every call. They are those of a header, or
 * of a text without a name.
 */
function rememberedDigests(): (name?: string, value?: string) => string {
  // Not before there is a credential: each API has such a function, and many APIs are never called.
  let names: string[] | undefined;
  let values: string[] = [];
  let digests: string[] = [];

  return function digestOf(name = '', value = '') {
    if (!names) {
      names = new Array<string>(SLOTS).fill('');
      values = new Array<string>(SLOTS).fill('');
      digests = new Array<string>(SLOTS).fill('');
    }
    // Credentials of one kind begin alike and end differently.
    let slot = value.length;
    for (let i = Math.max(0, slot - TAIL); i < value.length; i++)
      slot = (slot * 31 + value.charCodeAt(i)) | 0;
    slot &= SLOTS - 1;
    const known = digests[slot];
    if (known && values[slot] === value && names[slot] === name) return known;
    const text = name === '' ? value : entry(name, value);
    const digest = hash('sha256', text, 'base64url').slice(0, DIGEST_LENGTH);
    if (value.length > MAX_REMEMBERED) return digest;
    names[slot] = name;
    values[slot] = value;
    digests[slot] = digest;
    return digest;
  };
}

/** The keys in a query, each with its name. */
function keysInQuery(url: string): string[] | undefined {
  const start = url.indexOf('?');
  if (start < 0) return undefined;
  let found: string[] | undefined;
  for (const parameter of url.slice(start + 1).split('&')) {
    const equals = parameter.indexOf('=');
    if (equals < 0 || !KEY_PARAMETER.test(parameter.slice(0, equals))) continue;
    found ??= [];
    found.push(
      `?${parameter.slice(0, equals).toLowerCase()} ${parameter.length} ${parameter.slice(equals)}\n`,
    );
  }
  return found;
}
