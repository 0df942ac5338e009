import { hash } from 'node:crypto';
import { CREDENTIAL_HEADERS } from '../../core/credential-headers.js';

/** The options of an API that decide which headers of a client reach the target. */
export interface ForwardedHeaders {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly forwardHeaders?: boolean | readonly string[] | undefined;
  readonly forwardCookies?: boolean | undefined;
}

/**
 * The well-known credential headers that reach the target with a client's own value. An injected one is the same for
 * all clients, and one that is not forwarded does not tell them apart at the target.
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

/** A digest of the credentials of a request; empty if it has none. */
export type CredentialOf = (rawHeaders: readonly string[]) => string;

/** Long enough to tell all users apart, and no secret. */
const DIGEST_LENGTH = 16;

/** Makes digests of the headers of these names. */
export function credentialDigest(names: readonly string[]): CredentialOf {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  // The length alone rules out most headers.
  let lengths = 0;
  for (const name of wanted) lengths |= 1 << (name.length & 31);

  return function credentialOf(rawHeaders): string {
    const found: string[] = [];
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? '';
      if ((lengths & (1 << (name.length & 31))) === 0) continue;
      const lower = name.toLowerCase();
      const value = rawHeaders[i + 1] ?? '';
      // With its length in front, a value cannot pose as the next header.
      if (wanted.has(lower)) found.push(`${lower} ${value.length} ${value}\n`);
    }
    if (found.length === 0) return '';
    return hash('sha256', found.sort().join(''), 'base64url').slice(0, DIGEST_LENGTH);
  };
}
