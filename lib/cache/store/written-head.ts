import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { linesOf } from '../../http/head-arguments.js';

/** Head of an answer as a handler writes it: the fields it set before and those it gives with the status. */
export interface WrittenHead {
  readonly status: number;
  readonly statusText: string;
  /** Flat; without what stood on the response before the cache, and is no part of the answer. */
  readonly rawHeaders: readonly string[];
}

/** Fields that were on the response before the cache: of an application, for this client. */
export type HeadersBefore = OutgoingHttpHeaders | undefined;

export function headersBefore(res: ServerResponse): HeadersBefore {
  return res.getHeaderNames().length === 0 ? undefined : copied(res.getHeaders());
}

/** With lists of its own: Node's `appendHeader` adds to the very list that it has given out. */
function copied(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const copy = { ...headers };
  for (const [name, value] of Object.entries(copy)) if (Array.isArray(value)) copy[name] = value.slice();
  return copy;
}

/** Puts the fields back to what they were before the handler set its own. */
export function restoreHeaders(res: ServerResponse, before: HeadersBefore): void {
  for (const name of res.getHeaderNames()) {
    if (before?.[name] === undefined) res.removeHeader(name);
  }
  if (!before) return;
  for (const [name, value] of Object.entries(copied(before))) {
    if (value !== undefined) res.setHeader(name, value);
  }
}

/** The answer's own fields: those given now, and before them those set meanwhile that are not given again. */
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

/** The names in the letter case they were set in: every Node has this, its types only for requests. */
function rawNames(res: ServerResponse): string[] {
  return (res as unknown as { getRawHeaderNames(): string[] }).getRawHeaderNames();
}
