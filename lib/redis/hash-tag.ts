/**
 * `{prefix:api}`, what keys of an API begin with: the braces keep all of them on one node of a Redis Cluster. Neither
 * braces nor the colon between its parts may be in a name.
 */
export function hashTag(prefix: string, api: string): string {
  return `{${readable(prefix)}:${readable(api)}}`;
}

function readable(name: string): string {
  return name.replace(/[^\x21-\x7e]|[{}:%]/g, percentEncoded);
}

/** A character that must not stand in a key as it is, by its number. */
export function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
