import {
  type BrotliOptions,
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
} from 'node:zlib';
import * as z from 'zod';
import { optionsObject } from '../core/options.js';
import { headerValue } from './headers.js';

/** What a body says where the response is a failure whatever its status, as in GraphQL. */
export interface FailureWhen {
  /** A JSON Pointer (RFC 6901), as `/errors`. */
  json: string;
  /**
   * What is found there in a failure.
   * @default anything but null, false, 0 and what is empty
   */
  equals?: string | number | boolean | null | undefined;
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: 'must be a text, a number, a boolean or null',
});

export const failureWhenSchema = optionsObject({
  json: z.string().regex(/^(?:\/(?:[^~]|~[01])*)*$/, 'must be a JSON Pointer, as /errors'),
  equals: scalar.optional(),
});

/** Bodies beyond this are not looked at. */
export const MAX_JUDGED_BYTES = 64 * 1024;

const DECODED: ZlibOptions = { maxOutputLength: 16 * MAX_JUDGED_BYTES };

/** Whether a response is a failure by its body. One that cannot be read, or is not JSON, is none. */
export function isFailureByBody(
  { json, equals }: Readonly<FailureWhen>,
  rawHeaders: readonly string[],
  body: Uint8Array,
): boolean {
  if (body.length > MAX_JUDGED_BYTES || !isJson(rawHeaders)) return false;
  let found: unknown;
  try {
    found = valueAt(
      JSON.parse(
        decoded(headerValue(rawHeaders, 'content-encoding'), body, DECODED).toString().replace(BOM, ''),
      ),
      json,
    );
  } catch {
    return false;
  }
  return equals === undefined ? saysSomething(found) : found === equals;
}

/** What .NET writes in front of UTF-8, and `JSON.parse` does not take. */
const BOM = /^\ufeff/;

/** Whether a response is JSON. */
export function isJson(rawHeaders: readonly string[]): boolean {
  return /[/+]json\b/i.test(headerValue(rawHeaders, 'content-type') ?? '');
}

/** A body without its compression; as it is if it cannot be read. */
export function readable(rawHeaders: readonly string[], body: Uint8Array, maxOutputLength?: number): Buffer {
  try {
    const options = maxOutputLength === undefined ? DECODED : { maxOutputLength };
    return decoded(headerValue(rawHeaders, 'content-encoding'), body, options);
  } catch {
    return Buffer.from(body);
  }
}

/** The text of a body, as far as it is there; `undefined` if it cannot be decoded. */
export function readText(rawHeaders: readonly string[], body: Uint8Array): string | undefined {
  try {
    return decoded(headerValue(rawHeaders, 'content-encoding'), body, PART, BROTLI_PART).toString();
  } catch {
    return undefined;
  }
}

/** Takes a body of which the end is missing. */
const PART: ZlibOptions = { ...DECODED, finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI_PART: BrotliOptions = {
  maxOutputLength: DECODED.maxOutputLength,
  finishFlush: constants.BROTLI_OPERATION_FLUSH,
};

/** @param codings in the order in which they were applied */
function decoded(
  codings: string | undefined,
  body: Uint8Array,
  options: ZlibOptions,
  brotli: BrotliOptions = { maxOutputLength: options.maxOutputLength },
): Buffer {
  let bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (codings === undefined) return bytes;
  for (const coding of codings.split(',').reverse()) bytes = withoutCoding(coding, bytes, options, brotli);
  return bytes;
}

function withoutCoding(coding: string, body: Buffer, options: ZlibOptions, brotli: BrotliOptions): Buffer {
  switch (coding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return gunzipSync(body, options);
    case 'br':
      return brotliDecompressSync(body, brotli);
    case 'deflate':
      // Some servers leave out the frame of zlib, whose first byte ends in 8.
      return ((body[0] ?? 0) & 0x0f) === 8 ? inflateSync(body, options) : inflateRawSync(body, options);
    default:
      return body;
  }
}

/** What is at a JSON Pointer; `undefined` if nothing is. */
export function valueAt(value: unknown, pointer: string): unknown {
  let found = value;
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

function saysSomething(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Boolean(value);
  return Object.keys(value).length > 0;
}
