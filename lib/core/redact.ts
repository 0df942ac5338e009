const MASK = '***';

// Matched against names in lower case with letters and digits only: `X-Amz-Signature` is `xamzsignature`.
const SECRET_NAME =
  /(?:key|token|passw(?:or)?d|pwd|passphrase|secret|signature|credentials?|session(?:id)?|jwt|^sig|^auth\w*|^code|^sid)$/;

/** Whether a header or parameter of this name, in any spelling, is likely to hold a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(
    decoded(name)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, ''),
  );
}

/** A query, without its question mark, with the values of secret parameters masked. */
export function redactQuery(query: string, mask = MASK): string {
  return query.replace(/[^&;]+/g, (header) => {
    const equals = header.indexOf('=');
    return equals > 0 && isSecretName(header.slice(0, equals))
      ? `${header.slice(0, equals)}=${mask}`
      : header;
  });
}

/** A text with user and password of the URLs in it masked. */
export function withoutUser(text: string, mask = MASK): string {
  return text.replace(/:\/\/[^/?#@\s]*@/g, `://${mask}@`);
}

/** Path and query of a request, safe for a log. */
export function redactPath(path: string): string {
  const start = path.indexOf('?');
  if (start < 0) return withoutUser(path);
  return withoutUser(`${path.slice(0, start)}?${redactQuery(path.slice(start + 1))}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
