/** Options of an API that are in its keys by themselves, or are no part of what a response depends on. */
const LEFT_OUT: ReadonlySet<string> = new Set(['headers', 'auth', 'agent', 'logger']);
const MAX_DEPTH = 8;

/**
 * A text of the options of an API that decide where its requests go and how they are rewritten; equal in every process
 * with the same configuration. Of a function it is the source: what it closes over cannot be told.
 */
export function siteIdentity(value: unknown, depth = 0): string {
  if (typeof value === 'function') return `f ${value}`;
  if (value instanceof URL) return JSON.stringify(withoutUser(value));
  if (value instanceof RegExp) return `r ${value}`;
  if (typeof value === 'string')
    return JSON.stringify(URL.canParse(value) ? withoutUser(new URL(value)) : value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (depth === MAX_DEPTH) return '';
  if (Array.isArray(value)) return `[${value.map((item) => siteIdentity(item, depth + 1)).join()}]`;
  if (ArrayBuffer.isView(value)) return 'bytes';
  const entries = Object.entries(value).filter(([name, item]) => item !== undefined && !LEFT_OUT.has(name));
  // The order of a table of rules is given on its own, where it matters.
  const texts = entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${texts.map(([name, item]) => `${JSON.stringify(name)}:${siteIdentity(item, depth + 1)}`).join()}}`;
}

/** User and password are a credential, and in the key as one. */
function withoutUser(url: URL): string {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare.href;
}
