const SECRET_NAME =
  /(?:key|token|passw(?:or)?d|secret|signature|credentials?|^sig|^auth(?:orization)?|^code)$/;

const MAX_CHARACTERS = 2048;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Path and query of a request as a span may hold them: bounded, the values of fields that name a secret left out. */
export function spanUrl(url: string): { readonly path: string; readonly query: string } {
  const [, path = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(withoutUser(url.replace(ORIGIN, ''))) ?? [];
  return { path: path.slice(0, MAX_CHARACTERS), query: redactQuery(query).slice(0, MAX_CHARACTERS) };
}

function withoutUser(text: string): string {
  return text.replace(/:\/\/[^/?#@\s]*@/g, '://REDACTED@');
}

function redactQuery(query: string): string {
  if (query === '') return '';
  return query
    .split('&')
    .map((field) => {
      const equals = field.indexOf('=');
      return equals >= 0 && isSecret(field.slice(0, equals)) ? `${field.slice(0, equals)}=REDACTED` : field;
    })
    .join('&');
}

function isSecret(name: string): boolean {
  return SECRET_NAME.test(
    decoded(name)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, ''),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
