import type { HeldBody, ResponseHead } from '../../core/attempt.js';
import { KeptChunks } from '../../core/kept-chunks.js';
import { MAX_JUDGED_BYTES } from '../../http/failure-when.js';
import { headerValue } from '../../http/headers.js';
import { isStreamType } from '../../http/stream-types.js';

/** What has arrived of a body that is held back. */
export class HeldChunks {
  readonly #chunks = new KeptChunks();

  /** @returns `false` if there is more of it now than is held */
  add(chunk: Buffer): boolean {
    this.#chunks.add(chunk);
    return this.#chunks.length <= MAX_JUDGED_BYTES;
  }

  end(complete: boolean): HeldBody {
    return { bytes: this.#chunks.whole(), complete };
  }
}

/** Whether a body may be waited for: there is one, and it is no stream. */
export function mayHold({ status, rawHeaders }: ResponseHead, method: string | undefined): boolean {
  if (method === 'HEAD' || status === 204 || status === 304) return false;
  return !isStreamType(headerValue(rawHeaders, 'content-type'));
}
