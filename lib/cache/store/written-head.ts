import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { linesOf } from '../../http/head-arguments.js';

/** Head of a response as a handler writes it: the headers it set before and those it passes with the status. */
export interface WrittenHead {
  readonly status: number;
  readonly statusText: string;
  /** Flat; without the headers that were set on the response before the cache, which are not part of it. */
  readonly rawHeaders: readonly string[];
}

/** Headers that the application set on the response before the cache, for this client. */
export type HeadersBefore = OutgoingHttpHeaders | undefined;

export function headersBefore(res: ServerResponse): HeadersBefore {
  return res.getHeaderNames().length === 0 ? undefined : copied(res.getHeaders());
}

/** Lists are copied: Node's `appendHeader` adds to the very list that it has returned. */
function copied(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const copy = { ...headers };
  for (const [name, value] of Object.entries(copy)) if (Array.isArray(value)) copy[name] = value.slice();
  return copy;
}

/** Restores the headers that were set before the handler set its own. */
export function restoreHeaders(res: ServerResponse, before: HeadersBefore): void {
  for (const name of res.getHeaderNames()) {
    if (before?.[name] === undefined) res.removeHeader(name);
  }
  if (!before) return;
  for (const [name, value] of Object.entries(copied(before))) {
    if (value !== undefined) res.setHeader(name, value);
  }
}

/** The response's own headers: those passed now, preceded by those set in the meantime and not passed again. */
export function responseHeaders(
  res: ServerResponse,
  before: HeadersBefore,
  given: readonly string[],
): readonly string[] {
  const names = rawNames(res);
  if (names.length === 0) return given;
  const replaced = new Set(given.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  const headers: string[] = [];
  for (const name of names) {
    const value = res.getHeader(name);
    if (replaced.has(name.toLowerCase()) || String(value) === String(before?.[name.toLowerCase()])) continue;
    headers.push(...linesOf(name, value));
  }
  return [...headers, ...given];
}

/** The names in the letter case they were set in; of HTTP/2 they have none. */
function rawNames(res: ServerResponse & { getRawHeaderNames?(): string[] }): string[] {
  // Every Node has this method, its types only for requests.
  return res.getRawHeaderNames?.() ?? res.getHeaderNames();
}
