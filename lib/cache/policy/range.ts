import { parseHttpDate } from '../../http/date.js';
import { headerValue } from '../../http/headers.js';
import type { EntryMeta } from '../store/entry.js';
import { allValues, type RawHeaders, withoutHeaders } from './headers.js';

/** The response to a range request, from a stored complete body. */
export type RangeResponse =
  | {
      readonly status: 206;
      readonly rawHeaders: string[];
      /** First byte of the slice. */
      readonly start: number;
      /** The byte after its last one. */
      readonly end: number;
    }
  | { readonly status: 416; readonly rawHeaders: string[] };

const SINGLE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;
const LENGTH_HEADERS: ReadonlySet<string> = new Set(['content-length', 'content-range']);

/**
 * The response to a GET with `Range` from a stored 200 (RFC 9110 §14.2). `undefined` sends the complete body: no
 * range, an unreadable one, several at once, or an `If-Range` that does not match.
 */
export function rangeResponse(
  meta: EntryMeta,
  requestHeaders: RawHeaders,
  now: number,
): RangeResponse | undefined {
  if (meta.status !== 200 || headerValue(requestHeaders, 'range') === undefined) return undefined;
  const [range = '', ...more] = allValues(requestHeaders, 'range');
  if (more.length > 0 || !ifRangeMatches(meta, headerValue(requestHeaders, 'if-range'), now))
    return undefined;
  const match = SINGLE_RANGE.exec(range);
  if (!match) return undefined;
  const bounds = sliceBounds(match[1] ?? '', match[2] ?? '', meta.bodyLength);
  if (bounds === undefined) return undefined;
  if (bounds === 'unsatisfiable') {
    const rawHeaders = ['Content-Range', `bytes */${meta.bodyLength}`, 'Content-Length', '0'];
    return { status: 416, rawHeaders };
  }
  const [start, end] = bounds;
  const rawHeaders = withoutHeaders(meta.rawHeaders, LENGTH_HEADERS);
  rawHeaders.push('Content-Range', `bytes ${start}-${end - 1}/${meta.bodyLength}`);
  rawHeaders.push('Content-Length', String(end - start));
  return { status: 206, rawHeaders, start, end };
}

/** Bounds of `a-b`, `a-` and `-n`; `undefined` for what is not a range (RFC 9110 §14.1.2). */
function sliceBounds(
  first: string,
  last: string,
  length: number,
): readonly [start: number, end: number] | 'unsatisfiable' | undefined {
  if (first === '') {
    if (last === '') return undefined;
    const suffix = Number(last);
    return suffix === 0 || length === 0 ? 'unsatisfiable' : [Math.max(0, length - suffix), length];
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= length) return 'unsatisfiable';
  return [start, last === '' ? length : Math.min(Number(last) + 1, length)];
}

/**
 * Whether `If-Range` allows a partial response: its tag is equal by strong comparison, or its date is exactly the
 * stored `Last-Modified` and that is a strong validator, a second or more before `Date` (RFC 9110 §13.1.5, §8.8.2.2).
 */
function ifRangeMatches(meta: EntryMeta, ifRange: string | undefined, now: number): boolean {
  if (ifRange === undefined) return true;
  const condition = ifRange.trim();
  if (condition.startsWith('"')) return condition === meta.etag;
  const dateMs = parseHttpDate(condition, now);
  if (dateMs === undefined || meta.lastModifiedMs === undefined) return false;
  return dateMs === meta.lastModifiedMs && meta.dateMs - meta.lastModifiedMs >= 1000;
}
