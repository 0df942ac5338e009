import zlib, { type BrotliOptions, constants, type ZlibOptions } from 'node:zlib';
import { headerValue } from './headers.js';

/** What may come of a body that is judged; more is none. */
const MAX_DECODED_BYTES = 1024 * 1024;

/**
 * A body without its compression.
 * @param maxOutputLength bytes; more is an error
 * @throws what zlib throws
 */
export function decodedBody(
  rawHeaders: readonly string[],
  body: Uint8Array,
  maxOutputLength = MAX_DECODED_BYTES,
): Buffer {
  return decoded(headerValue(rawHeaders, 'content-encoding'), body, { maxOutputLength });
}

/** The same; as it is if it cannot be read. */
export function readable(rawHeaders: readonly string[], body: Uint8Array, maxOutputLength?: number): Buffer {
  try {
    return decodedBody(rawHeaders, body, maxOutputLength);
  } catch {
    return Buffer.from(body);
  }
}

/** The text of a body, as far as it is there; `undefined` if it cannot be decoded. */
export function readText(rawHeaders: readonly string[], body: Uint8Array): string | undefined {
  try {
    const bytes = decoded(headerValue(rawHeaders, 'content-encoding'), body, PART, BROTLI_PART);
    return decoderOf(rawHeaders, bytes).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Takes a body of which the end is missing. */
const PART: ZlibOptions = { maxOutputLength: MAX_DECODED_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI_PART: BrotliOptions = {
  maxOutputLength: MAX_DECODED_BYTES,
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
      return zlib.gunzipSync(body, options);
    case 'br':
      return zlib.brotliDecompressSync(body, brotli);
    case 'deflate':
      // Some servers leave out the frame of zlib, whose first byte ends in 8.
      return ((body[0] ?? 0) & 0x0f) === 8
        ? zlib.inflateSync(body, options)
        : zlib.inflateRawSync(body, options);
    case 'zstd':
      return withoutZstd(body, options);
    default:
      return body;
  }
}

/** Node has it from 22.15 on; before that, what is compressed so cannot be read. */
function withoutZstd(body: Buffer, { maxOutputLength, finishFlush }: ZlibOptions): Buffer {
  const decompress: unknown = Reflect.get(zlib, 'zstdDecompressSync');
  if (typeof decompress !== 'function') return body;
  // Its own word for a body of which the end may be missing.
  const more = finishFlush === undefined ? {} : { finishFlush: Reflect.get(constants, 'ZSTD_e_flush') };
  return decompress(body, { maxOutputLength, ...more });
}

/** How much of a page is looked at for its charset (https://html.spec.whatwg.org/#determining-the-character-encoding). */
const PRESCANNED_BYTES = 1024;
const CHARSET = /\bcharset\s*=\s*["']?([\w.:-]+)/i;

/** By the charset that a text declares, in its type or within a page; UTF-8 where it is none that is known. */
function decoderOf(rawHeaders: readonly string[], bytes: Buffer): InstanceType<typeof TextDecoder> {
  const [, declared] = CHARSET.exec(headerValue(rawHeaders, 'content-type') ?? '') ?? [];
  const [, within] = declared ? [] : (CHARSET.exec(bytes.toString('latin1', 0, PRESCANNED_BYTES)) ?? []);
  try {
    return new TextDecoder(declared ?? within);
  } catch {
    return new TextDecoder();
  }
}
