import { isSecretSegment } from '../core/redact.js';
import { isMadeOfWords } from './made-of-words.js';

/** Replaces a segment that identifies one of many items. */
const ID = ':id';

/** Limits on the part of a path that is read, and on its name. */
const MAX_READ = 1024;
const MAX_NAME = 200;

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
const ESCAPED = /(?:%[0-9a-f]{2})+/gi;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
/** Coordinates, lists, amounts and files named by them: `39.75,-97.09`, `123.tar.gz`, `123.mp4`. */
const NUMBERS = /^[+-]?\d+(?:[.,;:][+-]?\d+)*(?:\.[a-z][a-z0-9]{0,4}){0,2}$/i;
/** Telephone numbers, days before the year, and other numbers in groups; not months, which are versions too. */
const GROUPS = /^\+?\d+(?:[-_ ]\d+){2,}$/;
/** Addresses of devices. */
const MAC = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5,7}$/i;
const NUMBERS_OF_ALL_SCRIPTS = /^\p{Nd}+$/u;
const VERSION = /^\d{1,2}\.\d{1,2}(?:\.\d{1,2})?$/;
const DATE = /^\d{4}[-_.]\d{2}[-_.]\d{2}(?:[T_ ].*)?$/;
const HEX = /^(?:0x)?[0-9a-f]{8,}$/i;
const LONG_HEX = /^(?:0x)?[0-9a-f]{16,}$/i;
const MAIL = /^[^@]+@[^@]+\.[^@.]+$/;
const LONG_NUMBER = /\d{5}/;
/** Issues of trackers, as `PROJ-4567`; not the names of standards. */
const ISSUE = /^(?!(?:AES|CVE|HTTP|ISO|MD|RFC|SHA|TLS|UTF)-)[A-Z][A-Z0-9_]{1,9}-\d+$/;
const TOKEN = /^[\w.~+=:-]+$/;
const MIXED_LENGTH = 10;
const TOKEN_LENGTH = 20;
/** Keys and arguments of OData: `Users(1)`, `Users(Id=1,Name='x')`. */
const KEYED = /^([\p{L}_][\p{L}\p{N}_.]*)\([^()]+\)$/u;
/** A custom method of Google's APIs: `models/x:generateContent`. */
const METHOD = /^(.+):([a-z][A-Za-z]*)$/;
/** Parameters of a segment (RFC 3986 §3.3): `users;id=42`. */
const PARAMETERS = /^([^;=]*)((?:;[^;=]+=[^;=]*)+)$/;

/**
 * The name under which requests for a path are counted: `/users/123?page=2` is `/users/:id`. It is decoded first.
 * Numbers, UUIDs, dates, addresses, keys of OData, issues, long hexadecimal and random-looking segments become `:id`;
 * words do not, in any language, and neither do names of operations that are made of words. The rest stays the text it
 * is, so that a page which shows it has to treat it as text.
 */
export function pathTemplate(url: string): string {
  return pathName(templateOf(pathOf(url)));
}

/** The template of a path as {@link pathOf} returns it. */
export function templateOf(path: string): string {
  let template: string | undefined;
  let begin = 0;
  for (let at = 0; at <= path.length; at++) {
    if (at < path.length && path.charCodeAt(at) !== 0x2f) continue;
    const name = nameOf(path, begin, at);
    if (name !== undefined) {
      template ??= path.slice(0, begin);
      template += name;
    } else if (template !== undefined) template += path.slice(begin, at);
    if (template !== undefined && at < path.length) template += '/';
    begin = at + 1;
  }
  return template ?? path;
}

/**
 * A name that is safe to keep and show: limited in length, without control characters, lone surrogates and what changes
 * the direction of the text around it.
 */
export function pathName(name: string): string {
  // Every request passes here, so the Unicode check runs only where there is something beyond ASCII.
  const text = /[^ -~]/.test(name)
    ? name.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '\ufffd')
    : name;
  return text.length > MAX_NAME ? `${text.slice(0, MAX_NAME - 1)}…`.replace(/[\ud800-\udbff]…$/, '…') : text;
}

/** The path of a URL, limited in length, and decoded once; an encoded slash stays encoded. */
export function pathOf(url: string): string {
  const path = url.charCodeAt(0) === 0x2f ? url : url.replace(ORIGIN, '');
  let end = 0;
  let escaped = false;
  const longest = Math.min(path.length, MAX_READ);
  for (; end < longest; end++) {
    const code = path.charCodeAt(end);
    if (code === 0x3f || code === 0x23) break;
    if (code === 0x25) escaped = true;
  }
  if (end === 0) return '/';
  const read = path.slice(0, end);
  return escaped ? read.replace(ESCAPED, decoded) : read;
}

/** What is not UTF-8 stays as it is. */
function decoded(escapes: string): string {
  try {
    return decodeURIComponent(escapes.replace(/%2f/gi, '%252F'));
  } catch {
    return escapes;
  }
}

/** Most segments are decided by one scan of their characters; patterns are for those with something unusual. */
function nameOf(path: string, begin: number, end: number): string | undefined {
  let digits = 0;
  let unusual = false;
  let telling = false;
  for (let at = begin; at < end; at++) {
    const code = path.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) digits++;
    // An "@", a ")", or something beyond ASCII.
    else if (code === 0x40 || code === 0x29 || code > 0x7e) unusual = true;
    else if (code === 0x3a || code === 0x3d) telling = true;
  }
  if (digits === 0 && !unusual && !telling && end - begin < LONG_WITHOUT_DIGIT) return undefined;
  if (digits === end - begin) return digits > 0 ? ID : undefined;
  const segment = path.slice(begin, end);
  const [, item = '', method = ''] = (telling && METHOD.exec(segment)) || [];
  const isMethod = isMadeOfWords(method);
  // A number that something is done with has the form of a secret, too.
  if (isMethod && digits === item.length) return `${ID}:${method}`;
  if (telling && isSecretSegment(segment)) return ID;
  const keyed = KEYED.exec(segment);
  if (keyed) return `${keyed[1]}(${ID})`;
  if (isMethod) return isId(item, digits) ? `${ID}:${method}` : undefined;
  const [, name = '', parameters] = (telling && PARAMETERS.exec(segment)) || [];
  if (parameters !== undefined) return namedOf(name) + parameters.replace(/(?<==)[^;]+/g, namedOf);
  return isId(segment, digits) ? ID : undefined;
}

/** A part of a segment, or what stands for it. */
const namedOf = (part: string): string => (isId(part, part.replace(/\D/g, '').length) ? ID : part);

/** A segment without digits is looked at from here on: the shortest hexadecimal one. */
const LONG_WITHOUT_DIGIT = 16;

function isId(segment: string, digits: number): boolean {
  if (MAIL.test(segment) || LONG_HEX.test(segment) || NUMBERS_OF_ALL_SCRIPTS.test(segment)) return true;
  return digits > 0 ? isNumbered(segment, digits) : segment.length >= TOKEN_LENGTH && isMixed(segment);
}

function isNumbered(segment: string, digits: number): boolean {
  if (VERSION.test(segment)) return false;
  if (NUMBERS.test(segment) || DATE.test(segment) || UUID.test(segment) || ISSUE.test(segment)) return true;
  if (LONG_NUMBER.test(segment) || GROUPS.test(segment) || MAC.test(segment)) return true;
  if (digits > 1 && HEX.test(segment)) return true;
  if (digits > 1 && segment.length >= TOKEN_LENGTH && TOKEN.test(segment)) return !isMadeOfWords(segment);
  return isMixed(segment);
}

/** Upper and lower case and no words: the ids of many APIs, as `cus_NffrFeUfNV2Hib`. */
function isMixed(segment: string): boolean {
  return (
    segment.length >= MIXED_LENGTH &&
    /[a-z]/.test(segment) &&
    /[A-Z]/.test(segment) &&
    TOKEN.test(segment) &&
    !isMadeOfWords(segment)
  );
}
