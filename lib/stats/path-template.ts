/** Replaces a segment that identifies one of many items. */
const ID = ':id';

/** Limits on the part of a path that is read, and on its name. */
const MAX_READ = 1024;
const MAX_NAME = 200;

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const NUMBERS = /^[+-]?\d+(?:[.,;:]\d+)*(?:\.[a-z]{1,5})?$/i;
const VERSION = /^\d{1,2}\.\d{1,2}(?:\.\d{1,2})?$/;
const DATE = /^\d{4}[-_.]\d{2}[-_.]\d{2}(?:[T_ ].*)?$/;
const HEX = /^(?:0x)?[0-9a-f]{8,}$/i;
const LONG_HEX = /^(?:0x)?[0-9a-f]{16,}$/i;
const MAIL = /^[^@]+(?:@|%40)[^@]+\.[^@.]+$/i;
const LONG_NUMBER = /\d{5}/;
const TOKEN = /^[\w.~%+=:-]+$/;
const TOKEN_LENGTH = 20;
const MIXED_LENGTH = 16;

/**
 * The name under which requests for a path are counted: `/users/123?page=2` is `/users/:id`. Numbers, UUIDs, dates,
 * addresses, long hexadecimal and random-looking segments become `:id`. The rest stays as it was sent, so that a page
 * which shows it has to treat it as text.
 */
export function pathTemplate(url: string): string {
  const path = pathOf(url);
  let template: string | undefined;
  let begin = 0;
  for (let at = 0; at <= path.length; at++) {
    if (at < path.length && path.charCodeAt(at) !== 0x2f) continue;
    if (isId(path, begin, at)) {
      template ??= path.slice(0, begin);
      template += ID;
    } else if (template !== undefined) template += path.slice(begin, at);
    if (template !== undefined && at < path.length) template += '/';
    begin = at + 1;
  }
  return pathName(template ?? path);
}

/** A name that is safe to keep and show: limited in length, without control characters and lone surrogates. */
export function pathName(name: string): string {
  // Every request passes here, so the Unicode check runs only where there is something beyond ASCII.
  const text = /[^ -~]/.test(name) ? name.replace(/[\p{Cc}\p{Cs}]/gu, '\ufffd') : name;
  return text.length > MAX_NAME ? `${text.slice(0, MAX_NAME - 1)}…`.replace(/[\ud800-\udbff]…$/, '…') : text;
}

function pathOf(url: string): string {
  const path = url.charCodeAt(0) === 0x2f ? url : url.replace(ORIGIN, '');
  let end = 0;
  const longest = Math.min(path.length, MAX_READ);
  for (; end < longest; end++) {
    const code = path.charCodeAt(end);
    if (code === 0x3f || code === 0x23) break;
  }
  return end === 0 ? '/' : path.slice(0, end);
}

/** Most segments are decided by one scan of their characters; patterns are for those with a digit or an `@`. */
function isId(path: string, begin: number, end: number): boolean {
  let digits = 0;
  let suspicious = false;
  for (let at = begin; at < end; at++) {
    const code = path.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) digits++;
    else if (code === 0x40 || code === 0x25) suspicious = true;
  }
  if (digits === 0 && !suspicious && end - begin < MIXED_LENGTH) return false;
  const segment = path.slice(begin, end);
  if (digits === segment.length) return digits > 0;
  return (digits > 0 && isNumbered(segment, digits)) || MAIL.test(segment) || LONG_HEX.test(segment);
}

function isNumbered(segment: string, digits: number): boolean {
  if (VERSION.test(segment)) return false;
  if (NUMBERS.test(segment) || DATE.test(segment) || UUID.test(segment)) return true;
  if (LONG_NUMBER.test(segment)) return true;
  if (digits < 2) return isMixed(segment);
  return HEX.test(segment) || (segment.length >= TOKEN_LENGTH && TOKEN.test(segment)) || isMixed(segment);
}

/** Upper and lower case and a digit: the ids of many APIs, as `cus_NffrFeUfNV2Hib`. */
function isMixed(segment: string): boolean {
  return (
    segment.length >= MIXED_LENGTH && /[a-z]/.test(segment) && /[A-Z]/.test(segment) && TOKEN.test(segment)
  );
}
