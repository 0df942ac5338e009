import { crc32 } from 'node:zlib';

const MAX_TEXT = 1 << 20;

/** Writes numbers and texts in as few bytes as possible. */
export class Packer {
  // Not from Node's pool: the packed values that stay would keep what was written with them in memory.
  #bytes = Buffer.allocUnsafeSlow(512);
  #size = 0;

  /** A whole number from 0 to 2^53 - 1. */
  count(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#size++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#size++] = rest;
  }

  float(value: number): void {
    this.#reserve(4);
    this.#size = this.#bytes.writeFloatLE(value, this.#size);
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.count(bytes);
    this.#reserve(bytes);
    this.#size += this.#bytes.write(value, this.#size);
  }

  /** What was written, followed by a checksum. */
  done(): Buffer {
    const sum = crc32(this.#bytes.subarray(0, this.#size));
    this.#reserve(4);
    this.#size = this.#bytes.writeUInt32LE(sum, this.#size);
    return Buffer.from(this.#bytes.subarray(0, this.#size));
  }

  #reserve(bytes: number): void {
    if (this.#size + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#size + bytes));
    this.#bytes.copy(larger, 0, 0, this.#size);
    this.#bytes = larger;
  }
}

/** Reads what a {@link Packer} wrote. It throws on anything else; see {@link unpacked}. */
export class Unpacker {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  count(): number {
    let value = 0;
    for (let unit = 1; unit <= 2 ** 49; unit *= 0x80) {
      const byte = this.#bytes.readUInt8(this.#at++);
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw new RangeError('Not a count');
  }

  /** A count of items that follow, each of at least one byte: never more than there is left to read. */
  length(): number {
    const length = this.count();
    if (length > this.#bytes.length - this.#at) throw new RangeError('Longer than the value');
    return length;
  }

  /** Whether there is anything left to read. */
  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  float(): number {
    const value = this.#bytes.readFloatLE(this.#at);
    this.#at += 4;
    if (!Number.isFinite(value)) throw new RangeError('Not a number');
    return value;
  }

  text(): string {
    const length = this.length();
    if (length > MAX_TEXT) throw new RangeError('Too long a text');
    this.#at += length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }
}

/** What `read` returns for a packed value; `undefined` where that is damaged. */
export function unpacked<T>(bytes: Uint8Array, read: (from: Unpacker) => T): T | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.length - 4;
  if (end < 0 || crc32(buffer.subarray(0, end)) !== buffer.readUInt32LE(end)) return undefined;
  try {
    return read(new Unpacker(buffer.subarray(0, end)));
  } catch {
    return undefined;
  }
}
