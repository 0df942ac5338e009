import { pathName, pathOf, templateOf } from './path-template.js';

/** A pattern of paths: `:name` is part of one segment, a last `*` the rest, `\` takes the next character as it is. */
const PARTS = /\\(.)|:([A-Za-z_]\w*)|\*$|[^\\:*]/g;
const MAX_PATTERN = 200;

/** What is wrong with a pattern; `undefined` if nothing is. */
export function patternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith('/')) return 'must begin with "/"';
  if (pattern.length > MAX_PATTERN) return `must have at most ${MAX_PATTERN} characters`;
  if (/[?#]|\p{Cc}/u.test(pattern)) return 'must be a path, without query and fragment';
  if (pattern.replace(PARTS, '') !== '')
    return 'must have a name behind each ":", as in "/users/:user", and "*" at its end alone; "\\" takes the next character as it is';
  return undefined;
}

/**
 * Names paths for statistics: by the first pattern that fits, as the pattern is written without its backslashes; by its
 * template where none does.
 */
export function pathNamer(patterns: readonly string[]): (url: string) => string {
  const known = patterns.map((pattern) => ({
    fits: fitting(pattern),
    name: pathName(pattern.replace(/\\(.)/g, '$1')),
  }));
  return (url) => {
    const path = pathOf(url);
    const first = known.find(({ fits }) => fits.test(path));
    return first ? first.name : pathName(templateOf(path));
  };
}

/**
 * The expression of a pattern. A parameter ends where its segment does, or at the first of the character behind it:
 * that of `:model:action` is a colon. So nothing is tried twice, however long and hostile a path is.
 */
function fitting(pattern: string): RegExp {
  const parts = [...pattern.matchAll(PARTS)];
  const source = parts.map(([text, escaped, name], i) => {
    if (text === '*') return '.*';
    if (name === undefined) return quoted(escaped ?? text);
    const [next, nextEscaped, nextName] = parts[i + 1] ?? [];
    if (nextName !== undefined) return '[^/:]+:';
    const end = next === undefined || next === '*' ? '/' : (nextEscaped ?? next);
    return end === '/' ? '[^/]+' : `[^/${classQuoted(end)}]+`;
  });
  // A path is decoded, and may hold line breaks.
  return new RegExp(`^${source.join('')}${pattern.endsWith('/') ? '' : '/?'}$`, 's');
}

const quoted = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
const classQuoted = (text: string): string => text.replace(/[\\^\]-]/g, '\\$&');
