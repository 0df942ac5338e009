import { isCredentialHeader } from '../core/credential-headers.js';
import { isSecretName, redactPath, redactText } from '../core/redact.js';

const MASK = '***';
const MAX_PATH = 500;
const MAX_MESSAGE = 300;

const SCHEME = /\b(bearer|basic|digest|token|negotiate)(\s+)[^\s,;"']{4,}/gi;
const NAMED_VALUE = /([\w.%[\]-]{1,80})(\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&;,"']+)/g;

/** A request path that is safe to keep: limited in length, without what is likely a secret. */
export function redactedPath(url: string): string {
  // Cut first: a long one must not cost time, and what is cut off is not kept.
  const path = url.length > MAX_PATH ? `${url.slice(0, MAX_PATH)}…` : url;
  return redactPath(path);
}

/** A message that is safe to keep: limited in length, on one line, without anything that looks like a credential. */
export function redactedMessage(message: string): string {
  const text = message.slice(0, MAX_MESSAGE).replace(/\p{Cc}+/gu, ' ');
  return redactText(text)
    .replace(SCHEME, `$1$2${MASK}`)
    .replace(NAMED_VALUE, (match, name: string, between: string) =>
      isSecretName(name) || isCredentialHeader(name) ? `${name}${between}${MASK}` : match,
    );
}
