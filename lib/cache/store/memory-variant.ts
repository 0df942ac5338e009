import type { EntryMeta, StoredVariant } from './entry.js';

/**
 * Bodies up to this size are kept as text, one character per byte: a string costs a few bytes on top of its content
 * where a buffer costs hundreds, and head and body are then sent in one write.
 */
export const MAX_TEXT_BYTES = 16 * 1024;

const VARIANT_BYTES = 96;
const META_BYTES = 500;
const BUFFER_BYTES = 320;
const STRING_BYTES = 24;
const SLOT_BYTES = 8;

/** Strings that occur repeatedly, kept once: header names, and values with few variations. */
export class SharedStrings {
  readonly #shared = new Map<string, string>();

  of(text: string): string {
    const known = this.#shared.get(text);
    if (known !== undefined) return known;
    if (this.#shared.size < MAX_SHARED && text.length <= MAX_SHARED_LENGTH) this.#shared.set(text, text);
    return text;
  }
}

const MAX_SHARED = 2000;
const MAX_SHARED_LENGTH = 64;
const NONE: readonly string[] = Object.freeze([]);

/**
 * A stored response as the memory store keeps it. Its head is one string until it is first read: most responses never
 * are, and fifty small objects for each would keep the garbage collector busy.
 */
export class MemoryVariant implements StoredVariant {
  readonly text: string | undefined;
  readonly ownsBody = true;
  usedAt = 0;
  readonly #strings: SharedStrings;
  readonly #buffer: Uint8Array | undefined;
  #head: string | undefined;
  #meta: EntryMeta | undefined;

  /** @param unpacked it is read at once, and its head stays as it is */
  constructor(variant: StoredVariant, strings: SharedStrings, unpacked = false) {
    this.#strings = strings;
    if (unpacked) this.#meta = variant.meta;
    else this.#head = JSON.stringify(variant.meta);
    const { text, body } = bodyOf(variant);
    this.text = text;
    this.#buffer = body;
  }

  get meta(): EntryMeta {
    this.#meta ??= this.#unpack();
    return this.#meta;
  }

  get body(): Uint8Array {
    return this.#buffer ?? Buffer.from(this.text ?? '', 'latin1');
  }

  /** Its size in memory: now, and once its head is unpacked. */
  get bytes(): { readonly now: number; readonly unpacked: number } {
    const body = this.#buffer ? BUFFER_BYTES + this.#buffer.length : STRING_BYTES + (this.text?.length ?? 0);
    const own = VARIANT_BYTES + body;
    if (this.#head !== undefined) {
      // The head's strings take about as much as its text, and each has a header and a slot.
      const strings = this.#head.length + (this.#head.length >> 5) * (STRING_BYTES + SLOT_BYTES);
      return { now: own + STRING_BYTES + this.#head.length, unpacked: own + META_BYTES + strings };
    }
    const { rawHeaders, tags, varyKey } = this.meta;
    let bytes = own + META_BYTES + varyKey.length;
    for (const text of [...rawHeaders, ...tags]) bytes += STRING_BYTES + SLOT_BYTES + text.length;
    return { now: bytes, unpacked: bytes };
  }

  #unpack(): EntryMeta {
    // Written by the constructor, from a complete head.
    const meta = JSON.parse(this.#head ?? '') as EntryMeta;
    this.#head = undefined;
    return {
      ...meta,
      statusText: this.#strings.of(meta.statusText),
      rawHeaders: meta.rawHeaders.map((text, index) => (index % 2 === 0 ? this.#strings.of(text) : text)),
      varyNames: meta.varyNames.length === 0 ? NONE : meta.varyNames,
      tags: meta.tags.length === 0 ? NONE : meta.tags,
    };
  }
}

/** Copied once: a view would keep everything alive that the socket read, and a handler may reuse its buffer. */
function bodyOf(variant: StoredVariant): { text?: string; body?: Uint8Array } {
  if (variant.text !== undefined) return { text: variant.text };
  const { body, ownsBody } = variant;
  if (ownsBody) return { body };
  if (body.length <= MAX_TEXT_BYTES) {
    return { text: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1') };
  }
  const own = Buffer.allocUnsafeSlow(body.length);
  own.set(body);
  return { body: own };
}
