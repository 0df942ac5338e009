const MASK = '***';

// Of a name in lower case with nothing but letters and digits: `X-Amz-Signature` is `xamzsignature`.
const SECRET_NAME =
  /(?:key|token|passw(?:or)?d|pwd|passphrase|secret|signature|credentials?|session(?:id)?|jwt|^sig|^auth\w*|^code|^sid)$/;

/** Whether a field of this name, in any spelling, is likely to hold a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(
    decoded(name)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, ''),
  );
}

/** A query, without its question mark, in which the values of fields that name a secret are masked. */
export function redactQuery(query: string, mask = MASK): string {
  return query.replace(/[^&;]+/g, (header) => {
    const equals = header.indexOf('=');
    return equals > 0 && isSecretName(header.slice(0, equals))
      ? `${header.slice(0, equals)}=${mask}`
      : header;
  });
}

/** A text in which user and password of the URLs in it are masked. */
export function withoutUser(text: string, mask = MASK): string {
  return text.replace(/:\/\/[^/?#@\s]*@/g, `://${mask}@`);
}

/** Path and query of a request, as a log may hold them. */
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
