import type { ServerResponse } from 'node:http';
import type { Exchange } from '../core/exchange.js';
import { headerValue } from '../http/headers.js';

const EVENT_STREAM = /^ *text\/event-stream\b/i;
/** A stream that is quiet for so long is between two events. */
const QUIET_MS = 250;
/** Longest wait for the end of an event. */
const MAX_WAIT_MS = 1000;
/** The blank lines that end an event. */
const BLANK_LINES = ['\n\n', '\r\n\r\n', '\r\r'];

/**
 * Whether a call is an event stream that its client opens again by itself when it ends. The response to a POST is one
 * that ends by itself, such as the text that a model is writing, and a client would take a part of it for the whole.
 */
export function isEventStream({ req, res, attempts }: Exchange): boolean {
  if (req.method !== 'GET' || !res.headersSent || res.writableEnded) return false;
  const outcome = attempts.at(-1)?.outcome;
  // A response that is shared with another call has no attempt of its own.
  const type =
    outcome && 'head' in outcome ? headerValue(outcome.head.rawHeaders, 'content-type') : req.headers.accept;
  return type !== undefined && EVENT_STREAM.test(type);
}

/** Ends an event stream in good order behind the event that is being sent; what the target sends later is dropped. */
export function endEventStream(res: ServerResponse): void {
  const { write, end } = res;
  let quiet: NodeJS.Timeout | undefined;
  const stopTimers = (): void => {
    clearTimeout(quiet);
    clearTimeout(latest);
  };
  const finish = (): void => {
    stopTimers();
    res.write = () => true;
    res.end = () => res;
    Reflect.apply(end, res, []);
  };
  const waitForQuiet = (): void => {
    clearTimeout(quiet);
    quiet = setTimeout(finish, QUIET_MS).unref();
  };
  const latest = setTimeout(finish, MAX_WAIT_MS).unref();
  waitForQuiet();
  res.once('close', stopTimers);
  res.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const bytes = Buffer.from(chunk);
    const length = lengthOfEvents(bytes);
    const flows = Reflect.apply(write, res, length > 0 ? [bytes.subarray(0, length)] : [chunk, ...rest]);
    if (length > 0) finish();
    else waitForQuiet();
    return flows;
  };
}

/** Bytes up to the end of the last event that ends in a chunk; 0 if none does. */
function lengthOfEvents(chunk: Buffer): number {
  return Math.max(
    ...BLANK_LINES.map((line) => (chunk.lastIndexOf(line) + 1 || 1 - line.length) + line.length - 1),
  );
}
