const TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;

/** A text as a bare item of RFC 9651: a Token where it is one, else a String. */
export function tokenOrString(text: string): string {
  return TOKEN.test(text) ? text : quotedString(text);
}

/** A String of RFC 9651 §3.3.3, which has printable ASCII only: what is not is shown as a question mark. */
export function quotedString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
