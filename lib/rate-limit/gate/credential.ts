import { hash } from 'node:crypto';
import { CREDENTIAL_HEADERS } from '../../core/credential-headers.js';

/** What of an API's options decides which fields of a client reach the target. */
export interface ForwardedHeaders {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly forwardHeaders?: boolean | readonly string[] | undefined;
  readonly forwardCookies?: boolean | undefined;
}

/**
 * The well-known credentials that a client's own reach the target with: one that is injected is the same for all, and
 * one that is kept back tells nobody apart there.
 */
export function forwardedCredentials(api: ForwardedHeaders): string[] {
  const lower = (names: readonly string[]) => new Set(names.map((name) => name.toLowerCase()));
  const injected = lower(Object.keys(api.headers ?? {}));
  const listed = Array.isArray(api.forwardHeaders) ? lower(api.forwardHeaders) : undefined;
  return CREDENTIAL_HEADERS.filter((name) => {
    if (injected.has(name) || api.forwardHeaders === false) return false;
    if (name === 'cookie' && api.forwardCookies === false) return false;
    return listed?.has(name) ?? true;
  });
}

/** A digest of the credentials of a request; empty where it has none. */
export type CredentialOf = (rawHeaders: readonly string[]) => string;

/** Enough to tell all users apart, and to be no secret. */
const DIGEST_LENGTH = 16;

/** Looks for the fields of these names. */
export function credentialDigest(names: readonly string[]): CredentialOf {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  // Most fields are told by their length alone not to be among them.
  let lengths = 0;
  for (const name of wanted) lengths |= 1 << (name.length & 31);

  return function credentialOf(rawHeaders): string {
    const found: string[] = [];
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? '';
      if ((lengths & (1 << (name.length & 31))) === 0) continue;
      const lower = name.toLowerCase();
      const value = rawHeaders[i + 1] ?? '';
      // The length in front keeps two fields from reading as another two.
      if (wanted.has(lower)) found.push(`${lower} ${value.length} ${value}\n`);
    }
    if (found.length === 0) return '';
    return hash('sha256', found.sort().join(''), 'base64url').slice(0, DIGEST_LENGTH);
  };
}
