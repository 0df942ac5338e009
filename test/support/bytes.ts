import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';

const CHUNK = Buffer.alloc(64 * 1024, 'resilient');

/** A body of this many bytes, generated as it is read; `made` returns how much was read. */
export function bigBody(totalBytes: number): Readable & { made: number } {
  const source = Object.assign(
    new Readable({
      highWaterMark: CHUNK.length,
      read() {
        const left = totalBytes - source.made;
        if (left <= 0) return void this.push(null);
        const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
        source.made += chunk.length;
        this.push(chunk);
      },
    }),
    { made: 0 },
  );
  return source;
}

/** Digest of {@link bigBody} of that size. */
export function digestOfBigBody(totalBytes: number): string {
  const hash = createHash('sha256');
  for (let left = totalBytes; left > 0; left -= CHUNK.length)
    hash.update(CHUNK.subarray(0, Math.min(left, CHUNK.length)));
  return hash.digest('hex');
}

/** Length and digest of a stream. */
export async function measure(stream: AsyncIterable<Buffer>): Promise<{ bytes: number; digest: string }> {
  const hash: Hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, digest: hash.digest('hex') };
}
