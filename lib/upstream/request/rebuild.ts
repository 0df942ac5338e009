import type { IncomingHttpHeaders } from 'node:http';
import { formEncoded } from './form.js';

/** A body as it is sent, and its type. */
export type Rebuilt = readonly [body: Buffer, contentType: string];

/**
 * Writes what a parser has made of a body, so that it means to the target what the client's bytes did.
 * @returns `undefined` where the parsed form does not say what they were
 */
export function rebuild(body: unknown, headers: IncomingHttpHeaders): Rebuilt | undefined {
  try {
    return rebuilt(body, headers);
  } catch {
    // It was changed, and holds what cannot be written: a circle, a BigInt, half of a surrogate pair.
    return undefined;
  }
}

function rebuilt(body: unknown, headers: IncomingHttpHeaders): Rebuilt | undefined {
  const { 'content-type': contentType = '' } = headers;
  if (Buffer.isBuffer(body)) return [body, contentType];
  if (body === undefined) return undefined;
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const length = lengthOf(headers);
  if (type === 'application/json' || type.endsWith('+json')) return jsonBody(body, contentType, length);
  if (typeof body === 'string') return inCharset(body, contentType);
  if (type !== 'application/x-www-form-urlencoded' || typeof body !== 'object' || body === null)
    return undefined;
  const form = formEncoded(body, length);
  return form === undefined ? undefined : [Buffer.from(form), asUtf8(contentType)];
}

/** Bytes that the parser has read, where the client said how many, and sent them without a coding. */
function lengthOf({
  'content-length': length,
  'content-encoding': coding = 'identity',
}: IncomingHttpHeaders) {
  return length === undefined || coding.toLowerCase() !== 'identity' ? undefined : Number(length);
}

function jsonBody(body: unknown, contentType: string, length: number | undefined): Rebuilt | undefined {
  if (typeof body === 'string') {
    const asItStands = inCharset(body, contentType);
    if (asItStands[0].length === length) return asItStands;
    // It may be a JSON text that nobody has parsed, or a string that one consisted of.
    if (length === undefined && isJson(body)) return undefined;
  }
  const text = isExact(body) ? JSON.stringify(body) : undefined;
  return text === undefined ? undefined : [Buffer.from(text), asUtf8(contentType)];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether all numbers are those that the client sent: integers beyond 2^53 were rounded (RFC 8259 §6). */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  }
  if (typeof value !== 'object' || value === null) return true;
  return Array.isArray(value) ? value.every(isExact) : Object.values(value).every(isExact);
}

const CHARSET = /(;[ \t]*charset[ \t]*=[ \t]*)("[^"]*"|[^\s;]+)/i;

/** Text in the charset that its type declares, where Node has it; otherwise the type declares UTF-8. */
function inCharset(text: string, contentType: string): Rebuilt {
  const charset = CHARSET.exec(contentType)?.[2]?.replaceAll('"', '').toLowerCase();
  if (charset === 'utf-16le') return [Buffer.from(text, 'utf16le'), contentType];
  const isLatin1 = charset === 'iso-8859-1' || charset === 'latin1';
  if (isLatin1 && /^[\0-\xff]*$/.test(text)) return [Buffer.from(text, 'latin1'), contentType];
  return [Buffer.from(text), asUtf8(contentType)];
}

function asUtf8(contentType: string): string {
  return contentType.replace(CHARSET, (declared, name: string, charset: string) =>
    /^"?utf-?8"?$/i.test(charset) ? declared : `${name}utf-8`,
  );
}
