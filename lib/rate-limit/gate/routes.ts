/** A part of an API's paths: all of it draws on these limits, or its parts differ. */
interface Part {
  /** `undefined` if its parts differ. */
  names: readonly string[] | undefined;
  /** A path in it, which keeps what is known when the parts turn out to differ. */
  example: string;
}

const MAX_PARTS = 2000;
const MAX_SEGMENTS = 10;
const MAX_LENGTH = 300;

/**
 * Which limits the calls of a path draw on, learned from responses. An API whose paths all draw on the same limits takes
 * one entry; where they differ, it is split, so that a path that is new draws on what its neighbours draw on.
 */
export class Routes {
  readonly #parts = new Map<string, Part>();

  get isEmpty(): boolean {
    return this.#parts.size === 0;
  }

  /** Names of the limits of all paths; `undefined` if they differ, or nothing is known. */
  get everywhere(): readonly string[] | undefined {
    return this.#parts.get('')?.names;
  }

  /** Names of the limits of a path; `undefined` if nothing is known. @param path as {@link pathKey} gives it */
  names(path: string): readonly string[] | undefined {
    for (const prefix of prefixes(path)) {
      const part = this.#parts.get(prefix);
      if (!part || part.names) return part?.names;
    }
    return undefined;
  }

  /** Whether all that is known of the path comes from itself, and not from its neighbours. */
  isExample(path: string): boolean {
    for (const prefix of prefixes(path)) {
      const part = this.#parts.get(prefix);
      if (!part || part.names) return part?.example === path;
    }
    return false;
  }

  /** Learns what a path draws on. @returns whether that is news */
  learn(path: string, names: readonly string[]): boolean {
    const all = prefixes(path);
    if (this.#parts.size > MAX_PARTS) this.#parts.clear();
    for (const [at, prefix] of all.entries()) {
      const part = this.#parts.get(prefix);
      if (!part) {
        this.#parts.set(prefix, { names, example: path });
        return true;
      }
      if (!part.names) continue;
      if (sameNames(part.names, names)) return false;
      if (part.example === path || at === all.length - 1) {
        Object.assign(part, { names, example: path });
        return true;
      }
      const below = prefixes(part.example)[at + 1];
      if (below !== undefined) this.#parts.set(below, { names: part.names, example: part.example });
      part.names = undefined;
    }
    return true;
  }
}

/** A segment with a digit in it is an id, unless it is a version. */
const ID = /\/(?!v\d{1,3}(?:\.\d+)?(?:\/|$))[^/]*\d[^/]*/gi;

/** Method and path, without query, and with `:id` for ids. */
export function pathKey(method: string, url: string): string {
  return method + pathName(url);
}

/** A path without its query, and with `:id` for ids. */
export function pathName(url: string): string {
  const end = url.search(/[?#]/);
  return (end < 0 ? url : url.slice(0, end)).slice(0, MAX_LENGTH).replace(ID, '/:id');
}

/** Of FNV-1. */
const PRIME = 16777619;
const SLASH = 0x2f;
const QUERY = 0x3f;
const HASH = 0x23;
const LETTER_V = 0x76;

/**
 * A number for a {@link pathKey}: each call needs it, and the text costs ten times as much. Two paths may share a number,
 * and of versions only `v1` is told from an id, so nothing may depend on it that has to be right.
 */
export function pathDigest(method: string, url: string): number {
  let digest = method.length * 256 + method.charCodeAt(0);
  let part = 0;
  let isId = false;
  const length = Math.min(url.length, MAX_LENGTH);
  for (let i = 0; i < length; i++) {
    const code = url.charCodeAt(i);
    if (code <= QUERY) {
      if (code === QUERY || code === HASH) break;
      if (code === SLASH) {
        digest = Math.imul(digest ^ (isId ? 1 : part), PRIME);
        part = 0;
        isId = false;
        continue;
      }
      // `v1`
      if (code >= 0x30 && code <= 0x39 && part !== LETTER_V) isId = true;
    }
    part = Math.imul(part, PRIME) ^ code;
  }
  // V8 keeps a number of 31 bits without an object of its own.
  return Math.imul(digest ^ (isId ? 1 : part), PRIME) >> 1;
}

/** From everything to the path itself: ``, `GET`, `GET/a`, `GET/a/b`, `GET/a/b `. */
function prefixes(path: string): string[] {
  const found = [''];
  let at = path.indexOf('/');
  while (at >= 0 && found.length < MAX_SEGMENTS) {
    found.push(path.slice(0, at));
    at = path.indexOf('/', at + 1);
  }
  if (at < 0) found.push(path);
  found.push(`${path} `);
  return found;
}

export const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((name, at) => name === b[at]);
