import { hash } from 'node:crypto';
import { type CredentialNames, credentialRule } from '../../core/credential-headers.js';
import { rememberedByName } from '../../core/remembered.js';
import type { ForwardedHeaders, Reaches } from '../../http/forwarded-headers.js';

/** The options on which {@link Reaches} depends, to be compared. */
export function forwardedFacts({ headers = {}, forwardHeaders, forwardCookies }: ForwardedHeaders): unknown {
  return [Object.keys(headers), forwardHeaders, forwardCookies];
}

/** A digest of the credentials of a request; empty if it has none. */
export type CredentialOf = (rawHeaders: readonly string[]) => string;

/** Long enough to tell all users apart, and no secret. */
const DIGEST_LENGTH = 16;

/**
 * Makes digests of the headers that carry credentials.
 * @param reaches which headers the target sees: one that it does not see tells no users apart there
 */
export function credentialDigest(names: CredentialNames, reaches: Reaches = () => true): CredentialOf {
  const isCredential = credentialRule(names);
  const counts = rememberedByName((name) => isCredential(name) && reaches(name.toLowerCase()));

  return function credentialOf(rawHeaders): string {
    let found: string[] | undefined;
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? '';
      if (!counts(name)) continue;
      const value = rawHeaders[i + 1] ?? '';
      found ??= [];
      // With its length in front, a value cannot pose as the next header.
      found.push(`${name.toLowerCase()} ${value.length} ${value}\n`);
    }
    if (!found) return '';
    return hash('sha256', found.sort().join(''), 'base64url').slice(0, DIGEST_LENGTH);
  };
}
