import type { ServerResponse } from 'node:http';

/** RFC 9113 §7. */
const INTERNAL_ERROR = 2;

/** What a response has for whose client HTTP/2 is spoken. */
interface Http2Stream {
  close?(code: number): void;
}

/**
 * Breaks a response off, so that its client does not take a part for the whole. Destroying a stream of HTTP/2 resets it
 * with NO_ERROR, which says that nothing is missing (RFC 9113 §8.1).
 */
export function breakOff(res: ServerResponse): void {
  if ('stream' in res && !res.destroyed) (res.stream as Http2Stream | undefined)?.close?.(INTERNAL_ERROR);
  res.destroy();
}
