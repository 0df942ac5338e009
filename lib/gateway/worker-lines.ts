import type { Readable } from 'node:stream';

/** A line that does not end is passed on in pieces of this length. */
const MAX_LINE_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

/**
 * Passes on what a worker writes, in whole lines: what several processes write to one file or pipe would be torn, and
 * a reader that has stopped would have to be dealt with in each of them.
 */
export function passLines(from: Readable, pass: (lines: Buffer) => void): void {
  let rest: Buffer[] = [];
  let bytes = 0;

  function send(last: Buffer): void {
    pass(rest.length === 0 ? last : Buffer.concat([...rest, last]));
    rest = [];
    bytes = 0;
  }
  from.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) send(chunk.subarray(0, end));
    if (end === chunk.length) return;
    rest.push(chunk.subarray(end));
    bytes += chunk.length - end;
    if (bytes > MAX_LINE_BYTES) send(LINE_END);
  });
  // It has ended in the middle of a line.
  from.on('end', () => void (bytes > 0 && send(LINE_END)));
  from.on('error', () => {});
}

const LINE_END = Buffer.of(LINE_FEED);
