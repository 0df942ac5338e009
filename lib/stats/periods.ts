/** A span of time that has its own counters. */
export interface Span {
  readonly lengthMs: number;
  /** How many of them are kept per API. */
  readonly kept: number;
  /** How many of them are kept per path. */
  readonly keptOfPaths: number;
}

/** The spans that are kept, shortest first; all in UTC. */
export const SPANS = {
  minute: { lengthMs: 60_000, kept: 60, keptOfPaths: 0 },
  hour: { lengthMs: 3_600_000, kept: 168, keptOfPaths: 24 },
  day: { lengthMs: 86_400_000, kept: 30, keptOfPaths: 7 },
} as const satisfies Record<string, Span>;

/** Name of a {@link Span}. */
export type SpanName = keyof typeof SPANS;

/** All of them, shortest first. */
export const SPAN_NAMES: readonly SpanName[] = ['minute', 'hour', 'day'];

/** A page of a book: all time, or one span of the API as a whole or of its paths. */
export type Page =
  | { readonly kind: 'all' }
  | { readonly kind: 'api' | 'paths'; readonly span: SpanName; readonly start: number };

/** The page of all time. */
export const ALL: Page = { kind: 'all' };

/** The start of the span that contains a moment; both in epoch milliseconds. */
export function spanStart(span: SpanName, now: number): number {
  const { lengthMs } = SPANS[span];
  return Math.floor(now / lengthMs) * lengthMs;
}

/** The name of a page: a word, or a letter or two and the number of its span. */
export function pageId(page: Page): string {
  if (page.kind === 'all') return 'all';
  const { span, start } = page;
  return `${page.kind === 'paths' ? 'p' : ''}${span[0]}${start / SPANS[span].lengthMs}`;
}

/** For how long a page is read from its start on; it is then kept for as long after it was last changed. */
export function lifetimeMs(page: Page): number {
  if (page.kind === 'all') return Number.POSITIVE_INFINITY;
  const { lengthMs, kept, keptOfPaths } = SPANS[page.span];
  return (page.kind === 'api' ? kept : keptOfPaths) * lengthMs;
}

/** Whether a page is in none of the lists of {@link keptPages}, by this time of day. */
export function isOutside(page: Page, now: number): boolean {
  return page.kind !== 'all' && (page.start + lifetimeMs(page) <= now || page.start > now);
}

/** The pages of one kind that are kept now, oldest first; the last is the current one. */
export function keptPages(kind: 'api' | 'paths', span: SpanName, now: number): Page[] {
  const { lengthMs, kept, keptOfPaths } = SPANS[span];
  const count = kind === 'api' ? kept : keptOfPaths;
  const last = spanStart(span, now);
  return Array.from({ length: count }, (_, i) => ({ kind, span, start: last - (count - 1 - i) * lengthMs }));
}
