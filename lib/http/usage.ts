import { KeptChunks } from '../core/kept-chunks.js';
import { readable } from './decoded-body.js';
import { BOM, isJson, valueAt } from './failure-when.js';
import { headerValue } from './headers.js';
import { isStreamType } from './stream-types.js';

/** Larger JSON is not read. */
const MAX_JSON_BYTES = 1024 * 1024;
/** The end of a stream, which has the last lines: at least so many bytes of it are kept, and less than twice as many. */
const MAX_TAIL_BYTES = 64 * 1024;
const MAX_DECODED_BYTES = 16 * 1024 * 1024;

/** Reads what a response has used from its body: JSON, or the last line of a stream that tells it. */
export class UsageReader {
  readonly #pointer: string;
  readonly #rawHeaders: readonly string[];
  readonly #isStream: boolean;
  /** Only its end is kept. */
  readonly #keepsTail: boolean;
  #chunks = new KeptChunks();
  /** What came before those, of a stream. */
  #before: readonly Buffer[] = [];
  #tooLarge = false;

  constructor(pointer: string, rawHeaders: readonly string[]) {
    this.#pointer = pointer;
    this.#rawHeaders = rawHeaders;
    this.#isStream = isStreamType(headerValue(rawHeaders, 'content-type'));
    const coding = headerValue(rawHeaders, 'content-encoding') ?? 'identity';
    this.#keepsTail = this.#isStream && coding.trim().toLowerCase() === 'identity';
  }

  add(chunk: Uint8Array): void {
    if (this.#tooLarge) return;
    this.#chunks.add(
      Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length),
    );
    if (this.#keepsTail) this.#trim();
    else if (this.#chunks.length > MAX_JSON_BYTES) {
      this.#tooLarge = true;
      this.#chunks = new KeptChunks();
    }
  }

  /** The number at the pointer; `undefined` if there is none. */
  read(): number | undefined {
    if (this.#tooLarge) return undefined;
    const body = readable(
      this.#rawHeaders,
      Buffer.concat([...this.#before, ...this.#chunks.list()]),
      MAX_DECODED_BYTES,
    );
    const text = body.toString().replace(BOM, '');
    return this.#isStream ? this.#lastOf(text) : this.#in(text);
  }

  #trim(): void {
    if (this.#chunks.length < MAX_TAIL_BYTES) return;
    this.#before = this.#chunks.list();
    this.#chunks = new KeptChunks();
  }

  #lastOf(text: string): number | undefined {
    const name = this.#pointer.slice(this.#pointer.lastIndexOf('/') + 1);
    for (const line of text.split(/\r\n|\r|\n/).reverse()) {
      // Most have nothing of it, and need not be parsed.
      if (!line.includes(name) && !name.includes('~')) continue;
      const used = this.#in(line.replace(/^data:/, ''));
      if (used !== undefined) return used;
    }
    return undefined;
  }

  #in(json: string): number | undefined {
    try {
      const found = valueAt(JSON.parse(json), this.#pointer);
      return typeof found === 'number' && found >= 0 ? Math.ceil(found) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Whether a response may tell what it has used. */
export function mayTellUsage(rawHeaders: readonly string[]): boolean {
  return isJson(rawHeaders) || isStreamType(headerValue(rawHeaders, 'content-type'));
}
