/**
 * `{prefix:api}`, the beginning of an API's keys: the braces keep all of them on one node of a Redis Cluster. Braces
 * and the colon are escaped in both names.
 */
export function hashTag(prefix: string, api: string): string {
  return `{${readable(prefix)}:${readable(api)}}`;
}

function readable(name: string): string {
  return name.replace(/[^\x21-\x7e]|[{}:%]/g, percentEncoded);
}

/** A character that must not appear in a key as it is, percent-encoded. */
export function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
