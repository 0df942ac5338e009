import type { ServerResponse } from 'node:http';
import { headerValue } from '../../http/headers.js';
import { isStreamType } from '../../http/stream-types.js';

/** What `compression()` adds to a response: it sends what has been written so far. */
interface Flushing {
  flush?: unknown;
}

/**
 * Sends what was written to a stream of events or the like, which a compressing middleware in front would hold back
 * until its buffer is full; `undefined` where none is there.
 */
export function flushOf(
  res: ServerResponse & Flushing,
  rawHeaders: readonly string[],
): (() => void) | undefined {
  const { flush } = res;
  if (typeof flush !== 'function' || !isStreamType(headerValue(rawHeaders, 'content-type'))) return undefined;
  return () => void flush.call(res);
}
