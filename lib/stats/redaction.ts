import { isCredentialHeader } from '../core/credential-headers.js';
import { isSecretName, redactQuery, withoutUser } from '../core/redact.js';

const MASK = '***';
const MAX_PATH = 500;
const MAX_MESSAGE = 300;

const JWT = /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g;
const SCHEME = /\b(bearer|basic|digest|token|negotiate)(\s+)[^\s,;"']{4,}/gi;
const NAMED_VALUE = /([\w.%[\]-]{1,80})(\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&;,"']+)/g;

/** A request path that is safe to keep: limited in length, with the values of secret query parameters masked. */
export function redactedPath(url: string): string {
  // Cut first: a long one must not cost time, and what is cut off is not kept.
  const path = url.length > MAX_PATH ? `${url.slice(0, MAX_PATH)}…` : url;
  const start = path.indexOf('?');
  if (start < 0) return withoutSecrets(path);
  return withoutSecrets(`${path.slice(0, start)}?${redactQuery(path.slice(start + 1))}`);
}

/** A message that is safe to keep: limited in length, on one line, without anything that looks like a credential. */
export function redactedMessage(message: string): string {
  const text = message.slice(0, MAX_MESSAGE).replace(/\p{Cc}+/gu, ' ');
  return withoutSecrets(text)
    .replace(SCHEME, `$1$2${MASK}`)
    .replace(NAMED_VALUE, (match, name: string, between: string) =>
      isSecretName(name) || isCredentialHeader(name) ? `${name}${between}${MASK}` : match,
    );
}

function withoutSecrets(text: string): string {
  return withoutUser(text).replace(JWT, MASK);
}
