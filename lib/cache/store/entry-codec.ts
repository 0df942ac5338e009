import { crc32 } from 'node:zlib';
import { type EntryMeta, isEntryMeta, MAX_VARIANTS, type StoredVariant } from './entry.js';

/** A variant to be stored: its body may still be in the chunks it arrived in. */
export interface EncodableVariant {
  /** Sealed: `bodyLength` is that of the body. */
  readonly meta: EntryMeta;
  readonly body: Uint8Array | readonly Uint8Array[];
}

/** Reads a head; `undefined` for anything else. */
export type ReadHead = (text: string) => EntryMeta | undefined;

/**
 * Incremented whenever the layout or the meaning of a member of `EntryMeta` changes: older values are misses then.
 */
export const ENTRY_VERSION = 1;

const MAGIC = 'RPOC';
const VERSION_AT = 4;
const COUNT_AT = 5;
const RESERVED_AT = 6;
const CHECKSUM_AT = 8;
const TABLE_AT = 12;
const ROW_BYTES = 8;

/**
 * All variants of a key as one value: magic, version, count, checksum, a table of lengths, the heads as JSON, the
 * bodies as received. Bodies are copied once. Only the first {@link MAX_VARIANTS} are included.
 */
export function encodeEntry(variants: readonly EncodableVariant[]): Buffer {
  const kept = variants.slice(0, MAX_VARIANTS);
  const heads = kept.map(({ meta }) => Buffer.from(JSON.stringify(meta)));
  const prefix = Buffer.alloc(TABLE_AT + ROW_BYTES * kept.length);
  prefix.write(MAGIC, 0, 'latin1');
  prefix[VERSION_AT] = ENTRY_VERSION;
  prefix[COUNT_AT] = kept.length;
  const bodies: Uint8Array[] = [];
  for (const [index, { body }] of kept.entries()) {
    const pieces = body instanceof Uint8Array ? [body] : body;
    bodies.push(...pieces);
    const row = TABLE_AT + ROW_BYTES * index;
    prefix.writeUInt32BE(heads[index]?.length ?? 0, row);
    prefix.writeUInt32BE(
      pieces.reduce((sum, piece) => sum + piece.length, 0),
      row + 4,
    );
  }
  const value = Buffer.concat([prefix, ...heads, ...bodies]);
  value.writeUInt32BE(crc32(value.subarray(TABLE_AT)), CHECKSUM_AT);
  return value;
}

/**
 * The variants of a stored value, their bodies as views on it. `undefined` for a value that is truncated, damaged,
 * foreign or of another version: a miss, and never an error.
 * @param read parses a head; may be one that remembers the heads it has read
 */
export function decodeEntry(value: Uint8Array, read: ReadHead = parseHead): StoredVariant[] | undefined {
  // A view, so that numbers can be read from whatever bytes a client library returns.
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length < TABLE_AT || bytes.toString('latin1', 0, VERSION_AT) !== MAGIC) return undefined;
  if (bytes[VERSION_AT] !== ENTRY_VERSION || bytes.readUInt16BE(RESERVED_AT) !== 0) return undefined;
  if (crc32(bytes.subarray(TABLE_AT)) !== bytes.readUInt32BE(CHECKSUM_AT)) return undefined;
  const count = bytes[COUNT_AT] ?? 0;
  if (count > MAX_VARIANTS || bytes.length < TABLE_AT + ROW_BYTES * count) return undefined;
  return decodeVariants(bytes, count, read);
}

function decodeVariants(bytes: Buffer, count: number, read: ReadHead): StoredVariant[] | undefined {
  const lengths = (index: number, offset: number): number =>
    bytes.readUInt32BE(TABLE_AT + ROW_BYTES * index + offset);
  let headAt = TABLE_AT + ROW_BYTES * count;
  let bodyAt = headAt;
  for (let index = 0; index < count; index++) bodyAt += lengths(index, 0);
  const variants: StoredVariant[] = [];
  for (let index = 0; index < count; index++) {
    const headEnd = headAt + lengths(index, 0);
    const bodyEnd = bodyAt + lengths(index, 4);
    if (bodyEnd > bytes.length) return undefined;
    const meta = read(bytes.toString('utf8', headAt, headEnd));
    if (meta === undefined || meta.bodyLength !== bodyEnd - bodyAt) return undefined;
    variants.push({ meta, body: bytes.subarray(bodyAt, bodyEnd) });
    headAt = headEnd;
    bodyAt = bodyEnd;
  }
  return bodyAt === bytes.length ? variants : undefined;
}

/** The head that a text holds, as JSON. */
export function parseHead(text: string): EntryMeta | undefined {
  try {
    const head: unknown = JSON.parse(text);
    return isEntryMeta(head) ? head : undefined;
  } catch {
    return undefined;
  }
}
