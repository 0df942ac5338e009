const SECRET_NAME =
  /(?:key|token|passw(?:or)?d|secret|signature|credentials?|^sig|^auth(?:orization)?|^code)$/;

/** A request path as a log may hold it: the values of query fields that name a secret are left out. */
export function redactPath(path: string): string {
  const start = path.indexOf('?');
  if (start < 0) return withoutUser(path);
  const fields = path
    .slice(start + 1)
    .split('&')
    .map((field) => {
      const equals = field.indexOf('=');
      return equals >= 0 && isSecret(field.slice(0, equals)) ? `${field.slice(0, equals)}=***` : field;
    });
  return `${withoutUser(path.slice(0, start))}?${withoutUser(fields.join('&'))}`;
}

/** A text without the user and password of the URLs in it. */
export function withoutUser(text: string): string {
  return text.replace(/:\/\/[^/?#@\s]*@/g, '://***@');
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
