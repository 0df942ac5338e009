import { isHeader } from '../../http/headers.js';
import { closingQuote, isToken, type RawHeaders, splitList } from './headers.js';

/** Directives that a cache acts on, from a request or a response (RFC 9111 §5.2, RFC 5861, RFC 8246). */
export interface CacheControl {
  noStore: boolean;
  /** `no-cache` without header names. */
  noCache: boolean;
  /** Header names of `no-cache="…"`, in lower case. */
  noCacheHeaders: string[];
  /** `private` without header names. */
  private: boolean;
  /** Header names of `private="…"`, in lower case. */
  privateHeaders: string[];
  public: boolean;
  mustRevalidate: boolean;
  proxyRevalidate: boolean;
  mustUnderstand: boolean;
  immutable: boolean;
  onlyIfCached: boolean;
  /** Seconds; an invalid value is 0, so that the response is stale and never heuristically fresh. */
  maxAge: number | undefined;
  /** Seconds; an invalid value is 0. */
  sMaxage: number | undefined;
  /** Seconds; an invalid value counts as none. */
  staleWhileRevalidate: number | undefined;
  /** Seconds; an invalid value counts as none. */
  staleIfError: number | undefined;
  /** Seconds; an invalid value counts as none. */
  minFresh: number | undefined;
  /** Seconds; without a value `Infinity`; an invalid value counts as none. */
  maxStale: number | undefined;
}

/** Larger values are capped to this (RFC 9111 §1.2.2). */
export const MAX_DELTA_SECONDS = 2 ** 31;

const DIGITS = /^\d+$/;

/** A set without any directive. */
export function noDirectives(): CacheControl {
  return {
    noStore: false,
    noCache: false,
    noCacheHeaders: [],
    private: false,
    privateHeaders: [],
    public: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    immutable: false,
    onlyIfCached: false,
    maxAge: undefined,
    sMaxage: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
    minFresh: undefined,
    maxStale: undefined,
  };
}

/** Seconds from digits, capped at {@link MAX_DELTA_SECONDS}; `undefined` for anything else (RFC 9111 §1.2.2). */
export function parseDeltaSeconds(text: string | undefined): number | undefined {
  if (text === undefined || !DIGITS.test(text)) return undefined;
  return Math.min(Number(text), MAX_DELTA_SECONDS);
}

/** The directives of all `Cache-Control` lines of a response (RFC 9111 §5.2). */
export function parseCacheControl(lines: readonly string[]): CacheControl {
  const directives = noDirectives();
  for (const line of lines) {
    // Line by line: an unclosed quote in one line must not swallow the next.
    for (const member of splitList(line)) applyMember(directives, member);
  }
  return directives;
}

/**
 * The directives of a request; `undefined` where it has none, as most do. `Pragma: no-cache` counts only where
 * `Cache-Control` is missing (RFC 9111 §5.4).
 */
export function requestDirectives(rawHeaders: RawHeaders): CacheControl | undefined {
  let lines: string[] | undefined;
  let pragma = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (isHeader(name, 'cache-control')) {
      lines ??= [];
      lines.push(rawHeaders[i + 1] ?? '');
    }
    if (isHeader(name, 'pragma') && hasNoCache(rawHeaders[i + 1] ?? '')) pragma = true;
  }
  if (lines) return parseCacheControl(lines);
  return pragma ? { ...noDirectives(), noCache: true } : undefined;
}

function hasNoCache(pragma: string): boolean {
  return splitList(pragma).some((member) => member.toLowerCase() === 'no-cache');
}

function applyMember(directives: CacheControl, member: string): void {
  const equals = member.indexOf('=');
  // `max-age =1` yields the name `max-age `, which no directive has.
  const name = (equals < 0 ? member : member.slice(0, equals)).toLowerCase();
  const argument = equals < 0 ? undefined : member.slice(equals + 1);
  setDirective(directives, name, argument === undefined ? undefined : unquoted(argument));
  if (!isToken(name) || (argument !== undefined && !isArgument(argument)))
    applyRestrictions(directives, member);
}

const isArgument = (text: string): boolean =>
  isToken(text) || (text.startsWith('"') && closingQuote(text, 0) === text.length - 1);

const RESTRICTIONS: ReadonlySet<string> = new Set([
  'no-store',
  'no-cache',
  'private',
  'must-revalidate',
  'proxy-revalidate',
]);

/** `private; max-age=60` and `no-store no-cache` are no lists, but say all the same what must not be done. */
function applyRestrictions(directives: CacheControl, member: string): void {
  for (const word of member.toLowerCase().split(/[\s;"']+/))
    if (RESTRICTIONS.has(word)) setDirective(directives, word, undefined);
}

/**
 * Sets one directive. Of two numbers for a name the first counts (RFC 9111 §4.2.1); a second occurrence never lifts a
 * restriction. What permits (`public`, `immutable`, `must-understand`) takes no argument.
 */
export function setDirective(directives: CacheControl, name: string, argument: string | undefined): void {
  switch (name) {
    case 'no-store':
      directives.noStore = true;
      return;
    case 'no-cache':
      directives.noCache = !addHeaderNames(directives.noCacheHeaders, argument) || directives.noCache;
      return;
    case 'private':
      directives.private = !addHeaderNames(directives.privateHeaders, argument) || directives.private;
      return;
    case 'must-revalidate':
      directives.mustRevalidate = true;
      return;
    case 'proxy-revalidate':
      directives.proxyRevalidate = true;
      return;
    case 'only-if-cached':
      directives.onlyIfCached = true;
      return;
    case 'public':
      directives.public ||= argument === undefined;
      return;
    case 'immutable':
      directives.immutable ||= argument === undefined;
      return;
    case 'must-understand':
      directives.mustUnderstand ||= argument === undefined;
      return;
    case 'max-age':
      directives.maxAge ??= parseDeltaSeconds(argument) ?? 0;
      return;
    case 's-maxage':
      directives.sMaxage ??= parseDeltaSeconds(argument) ?? 0;
      return;
    case 'stale-while-revalidate':
      directives.staleWhileRevalidate ??= parseDeltaSeconds(argument);
      return;
    case 'stale-if-error':
      directives.staleIfError ??= parseDeltaSeconds(argument);
      return;
    case 'min-fresh':
      directives.minFresh ??= parseDeltaSeconds(argument);
      return;
    case 'max-stale':
      directives.maxStale ??= argument === undefined ? Number.POSITIVE_INFINITY : parseDeltaSeconds(argument);
  }
}

/** Whether the argument names headers; without any, the directive applies to the whole response. */
function addHeaderNames(names: string[], argument: string | undefined): boolean {
  const listed = (argument ?? '').split(',').map((name) => name.trim().toLowerCase());
  const valid = listed.filter(isToken);
  // A name that cannot be read may be the header to protect.
  if (valid.length === 0 || listed.some((name) => name !== '' && !isToken(name))) return false;
  names.push(...valid);
  return true;
}

function unquoted(argument: string): string {
  if (!argument.startsWith('"') || closingQuote(argument, 0) !== argument.length - 1) return argument;
  return argument.slice(1, -1).replace(/\\(.)/g, '$1');
}
