import { randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 10;
const POOL_BYTES = 256 * RANDOM_BYTES;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * Makes UUIDs of version 7 (RFC 9562 §5.7): they begin with the time, so that logs and indexes have them in order. Random
 * bytes are drawn for many at once, and the time is written once for each millisecond.
 */
export class UuidV7 {
  readonly #now: () => number;
  readonly #pool = Buffer.allocUnsafe(POOL_BYTES);
  #at = POOL_BYTES;
  #writtenFor = -1;
  #time = '';

  /** @param now epoch milliseconds; for tests */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  next(): string {
    const now = this.#now();
    if (now !== this.#writtenFor) this.#writeTime(now);
    if (this.#at === POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += RANDOM_BYTES;
    return `${this.#time}-${this.#hex(at, 0x0f, 0x70)}${this.#hex(at + 1)}-${this.#hex(at + 2, 0x3f, 0x80)}${this.#hex(at + 3)}-${this.#hex(at + 4)}${this.#hex(at + 5)}${this.#hex(at + 6)}${this.#hex(at + 7)}${this.#hex(at + 8)}${this.#hex(at + 9)}`;
  }

  #hex(at: number, kept = 0xff, set = 0): string {
    return HEX[((this.#pool[at] ?? 0) & kept) | set] ?? '';
  }

  #writeTime(now: number): void {
    this.#writtenFor = now;
    const hex = now.toString(16).padStart(12, '0');
    this.#time = `${hex.slice(0, 8)}-${hex.slice(8)}`;
  }
}
