import { ByteLog } from './byte-log.js';
import type { EntryMeta, StoredVariant } from './entry.js';
import { HEAD_NUMBERS, headText, isLatin1, readHead, writeNumbers } from './packed-head.js';
import { hashText, mixed, pathLength } from './text-hash.js';

const MIN_SLOTS = 64;
/** What an entry takes in the tables. */
const SLOT_BYTES = 80;
const NUMBER_BYTES = HEAD_NUMBERS * Float64Array.BYTES_PER_ELEMENT;

/** A stored response that was read from its packed form. */
export interface UnpackedEntry {
  readonly meta: EntryMeta;
  readonly text: string;
}

/**
 * Entries that nobody has read yet, oldest first: bytes in a log and rows of numbers in tables. None of them is an
 * object, so that a thousand new ones a second cost the garbage collector nothing. Each has one variant and no tags.
 *
 * Entries have numbers that only grow, and those that are kept are consecutive. A chain leads from newer to older ones,
 * so that it ends at the first number that is not kept: to evict the oldest changes no chain.
 */
export class PackedEntries {
  #log = new ByteLog();
  /** The oldest number, and how many there are; numbers are 32 bits and begin anew. */
  #first = 0;
  #count = 0;
  #live = 0;
  #deadBytes = 0;
  #mask = MIN_SLOTS - 1;
  #rows = rowsOf(MIN_SLOTS);
  /** On their way into the log and out of it. */
  readonly #numbers = new Float64Array(HEAD_NUMBERS);
  readonly #numberBytes = Buffer.from(this.#numbers.buffer);

  /** Entries that can be found. */
  get size(): number {
    return this.#live;
  }

  /** Bytes of everything, with that of removed entries which are not evicted yet. */
  get bytes(): number {
    return this.#log.bytes + this.#count * SLOT_BYTES;
  }

  /** Those of removed entries. */
  get deadBytes(): number {
    return this.#deadBytes;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** When the oldest was stored. */
  get oldestUse(): number {
    return this.#rows.usedAt[this.#first & this.#mask] ?? 0;
  }

  /** Hash of the key of the oldest one. */
  get oldestHash(): number {
    return this.#rows.hash[this.#first & this.#mask] ?? 0;
  }

  /** @returns whether it was stored; not where it cannot be told by bytes */
  add(key: string, { meta, body, text }: StoredVariant, usedAt: number): boolean {
    const head = headText(meta);
    if (!isLatin1(head) || !isLatin1(key)) return false;
    const bodyLength = text?.length ?? body.length;
    const { chunk, at } = this.#log.reserve(key.length + NUMBER_BYTES + head.length + bodyLength);
    const path = hashText(key, 0, pathLength(key));
    const slot = this.#push(mixed(hashText(key, pathLength(key), key.length, path)), mixed(path), usedAt);
    const rows = this.#rows;
    rows.at[slot] = at;
    rows.chunk[slot] = this.#log.newest;
    rows.keyLength[slot] = key.length;
    rows.headLength[slot] = head.length;
    rows.bodyLength[slot] = bodyLength;
    chunk.write(key, at, 'latin1');
    writeNumbers(meta, this.#numbers);
    chunk.set(this.#numberBytes, at + key.length);
    const headAt = at + key.length + NUMBER_BYTES;
    chunk.write(head, headAt, 'latin1');
    if (text === undefined) chunk.set(body, headAt + head.length);
    else chunk.write(text, headAt + head.length, 'latin1');
    return true;
  }

  /** The number of the entry of a key; -1 where there is none. */
  find(key: string, hash: number): number {
    if (this.#live === 0) return -1;
    const rows = this.#rows;
    let number = rows.heads[hash & this.#mask] ?? 0;
    for (let age = this.#ageOf(number); age < this.#count; ) {
      const slot = number & this.#mask;
      if (rows.hash[slot] === hash && rows.dead[slot] === 0 && this.#hasKey(slot, key)) return number;
      number = rows.next[slot] ?? 0;
      const next = this.#ageOf(number);
      // Chains lead to older ones only; anything else is a number that has come around.
      if (next >= age) break;
      age = next;
    }
    return -1;
  }

  /** What is stored under a number; `undefined` where it cannot be read. */
  read(number: number, nameOf: (name: string) => string): UnpackedEntry | undefined {
    const slot = number & this.#mask;
    const rows = this.#rows;
    const chunk = this.#log.chunk(rows.chunk[slot] ?? 0);
    const numbersAt = (rows.at[slot] ?? 0) + (rows.keyLength[slot] ?? 0);
    const headAt = numbersAt + NUMBER_BYTES;
    const bodyAt = headAt + (rows.headLength[slot] ?? 0);
    const bodyLength = rows.bodyLength[slot] ?? 0;
    chunk.copy(this.#numberBytes, 0, numbersAt, headAt);
    const meta = readHead(chunk.toString('latin1', headAt, bodyAt), this.#numbers, bodyLength, nameOf);
    return meta && { meta, text: chunk.toString('latin1', bodyAt, bodyAt + bodyLength) };
  }

  /** Its bytes are free once it is the oldest. */
  remove(number: number): void {
    const slot = number & this.#mask;
    this.#rows.dead[slot] = 1;
    this.#live--;
    this.#deadBytes += this.#bytesOf(slot) + SLOT_BYTES;
    if (this.#live === 0) this.#empty();
  }

  /**
   * Frees the bytes of the oldest entry. Where many are removed, those in front of the next removed one are kept
   * instead, as the newest ones.
   * @returns whether an entry that could be found is gone
   */
  evictOldest(): boolean {
    while (this.#count > 0) {
      const slot = this.#first & this.#mask;
      const isDead = this.#rows.dead[slot] === 1;
      const moves = !isDead && this.#deadBytes * 4 > this.bytes;
      if (moves) this.#copyOldest();
      this.#shift(isDead);
      if (!moves) return !isDead;
    }
    return false;
  }

  /** Those of all keys. */
  *hashes(): Iterable<number> {
    for (let age = 0; age < this.#count; age++) yield this.#rows.hash[(this.#first + age) & this.#mask] ?? 0;
  }

  /** Numbers of the entries whose keys begin with a text. */
  *below(prefix: string): Iterable<number> {
    for (let age = 0; age < this.#count; age++) {
      const number = (this.#first + age) >>> 0;
      const slot = number & this.#mask;
      if (this.#rows.dead[slot] === 0 && this.#begins(slot, prefix)) yield number;
    }
  }

  /** Numbers of the entries of one path: those whose keys are a text, and what follows has no colon. */
  *ofPath(path: string): Iterable<number> {
    const rows = this.#rows;
    const hash = mixed(hashText(path, 0, path.length));
    let number = rows.pathHeads[hash & this.#mask] ?? 0;
    for (let age = this.#ageOf(number); age < this.#count; ) {
      const slot = number & this.#mask;
      if (rows.pathHash[slot] === hash && rows.dead[slot] === 0 && this.#begins(slot, path)) yield number;
      number = rows.pathNext[slot] ?? 0;
      const next = this.#ageOf(number);
      if (next >= age) return;
      age = next;
    }
  }

  clear(): void {
    this.#empty();
    this.#log = new ByteLog();
    this.#rows = rowsOf(MIN_SLOTS);
    this.#mask = MIN_SLOTS - 1;
  }

  #empty(): void {
    this.#first = (this.#first + this.#count) >>> 0;
    this.#count = this.#live = this.#deadBytes = 0;
    this.#log.reset();
  }

  /** Infinite, as a number of 32 bits, for one that is not kept. */
  #ageOf(number: number): number {
    return (number - this.#first) >>> 0;
  }

  #hasKey(slot: number, key: string): boolean {
    return this.#rows.keyLength[slot] === key.length && this.#begins(slot, key);
  }

  #begins(slot: number, prefix: string): boolean {
    const { keyLength, at, chunk } = this.#rows;
    if ((keyLength[slot] ?? 0) < prefix.length) return false;
    const start = at[slot] ?? 0;
    return this.#log.chunk(chunk[slot] ?? 0).toString('latin1', start, start + prefix.length) === prefix;
  }

  #bytesOf(slot: number): number {
    const { keyLength, headLength, bodyLength } = this.#rows;
    return (keyLength[slot] ?? 0) + NUMBER_BYTES + (headLength[slot] ?? 0) + (bodyLength[slot] ?? 0);
  }

  /** Enters a new one into the chains. @returns its slot */
  #push(hash: number, pathHash: number, usedAt: number): number {
    if (this.#count > this.#mask) this.#grow();
    const number = (this.#first + this.#count++) >>> 0;
    this.#live++;
    const slot = number & this.#mask;
    this.#rows.hash[slot] = hash;
    this.#rows.pathHash[slot] = pathHash;
    this.#rows.usedAt[slot] = usedAt;
    this.#rows.dead[slot] = 0;
    this.#chain(slot, number);
    return slot;
  }

  #chain(slot: number, number: number): void {
    const { hash, heads, next, pathHash, pathHeads, pathNext } = this.#rows;
    const bucket = (hash[slot] ?? 0) & this.#mask;
    next[slot] = heads[bucket] ?? 0;
    heads[bucket] = number;
    const pathBucket = (pathHash[slot] ?? 0) & this.#mask;
    pathNext[slot] = pathHeads[pathBucket] ?? 0;
    pathHeads[pathBucket] = number;
  }

  #shift(isDead: boolean): void {
    const slot = this.#first & this.#mask;
    const bytes = this.#bytesOf(slot);
    if (isDead) this.#deadBytes -= bytes + SLOT_BYTES;
    else this.#live--;
    this.#first = (this.#first + 1) >>> 0;
    this.#count--;
    const next = this.#count === 0 ? this.#log.newest : (this.#rows.chunk[this.#first & this.#mask] ?? 0);
    this.#log.free(bytes, next);
    if (this.#live === 0) this.#empty();
  }

  /** Copies the oldest behind the newest. */
  #copyOldest(): void {
    const from = this.#first & this.#mask;
    const { at, chunk, hash, pathHash, usedAt } = this.#rows;
    const bytes = this.#bytesOf(from);
    const start = at[from] ?? 0;
    const source = this.#log.chunk(chunk[from] ?? 0).subarray(start, start + bytes);
    const room = this.#log.reserve(bytes);
    room.chunk.set(source, room.at);
    const slot = this.#push(hash[from] ?? 0, pathHash[from] ?? 0, usedAt[from] ?? 0);
    // The tables may have grown.
    const rows = this.#rows;
    const oldest = this.#first & this.#mask;
    for (const name of LENGTHS) rows[name][slot] = rows[name][oldest] ?? 0;
    rows.at[slot] = room.at;
    rows.chunk[slot] = this.#log.newest;
  }

  #grow(): void {
    const before = this.#rows;
    const slots = this.#mask + 1;
    const rows = rowsOf(slots * 2);
    // All slots are in use: in both halves, each of them is where its number has it.
    for (const name of UNCHAINED) for (const half of [0, slots]) rows[name].set(before[name], half);
    this.#mask = slots * 2 - 1;
    this.#rows = rows;
    for (let age = 0; age < this.#count; age++) {
      const number = (this.#first + age) >>> 0;
      this.#chain(number & this.#mask, number);
    }
  }
}

const LENGTHS = ['keyLength', 'headLength', 'bodyLength'] as const;
const UNCHAINED = ['hash', 'pathHash', 'usedAt', 'dead', 'at', 'chunk', ...LENGTHS] as const;

function rowsOf(slots: number) {
  return {
    hash: new Int32Array(slots),
    next: new Uint32Array(slots),
    heads: new Uint32Array(slots),
    pathHash: new Int32Array(slots),
    pathNext: new Uint32Array(slots),
    pathHeads: new Uint32Array(slots),
    usedAt: new Float64Array(slots),
    dead: new Uint8Array(slots),
    at: new Uint32Array(slots),
    chunk: new Uint32Array(slots),
    keyLength: new Uint32Array(slots),
    headLength: new Uint32Array(slots),
    bodyLength: new Uint32Array(slots),
  };
}
