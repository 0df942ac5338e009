const TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;

/** Text as a bare item of RFC 9651: a Token where it is one, else a String. */
export function tokenOrString(text: string): string {
  return TOKEN.test(text) ? text : quotedString(text);
}

/** Text as a String of RFC 9651 §3.3.3, which has printable ASCII only: other characters become question marks. */
export function quotedString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
