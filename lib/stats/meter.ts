import type { IncomingMessage, ServerResponse } from 'node:http';

/** What cannot be read off a response once it has closed. */
export interface Meter {
  /** Bytes that were given to the response as its body. */
  bytesOut: number;
  /** Bytes that came of the request's body. */
  bytesIn: number;
  /** When the handler first wrote, on the clock of `performance.now()`; 0 while it has not. */
  firstByteAt: number;
}

const METER: unique symbol = Symbol('resilient-proxy-out.meter');

/** `write` or `end`, with the arguments that each of their forms has. */
type Sink<R> = (this: ServerResponse, chunk: unknown, encoding: unknown, done: unknown) => R;
type Push = IncomingMessage['push'];

interface Metering extends Meter {
  readonly write: Sink<boolean>;
  readonly end: Sink<ServerResponse>;
  push: Push | undefined;
}

interface Metered {
  [METER]?: Metering;
}

/** What was measured of a call; all zero where nothing was. */
export function measured(res: ServerResponse): Meter {
  return (res as Metered)[METER] ?? NOTHING;
}

const NOTHING: Meter = Object.freeze({ bytesOut: 0, bytesIn: 0, firstByteAt: 0 });

/** Begins to measure a call; measures it once, however many ask. The functions put in are the same for all calls. */
export function measure(req: IncomingMessage, res: ServerResponse, hasBody: boolean): void {
  const marked = res as Metered;
  if (marked[METER]) return;
  const meter: Metering = {
    ...NOTHING,
    // Node's types tell their forms apart; which one is used is the caller's to know.
    write: res.write as Sink<boolean>,
    end: res.end as Sink<ServerResponse>,
    push: undefined,
  };
  marked[METER] = meter;
  Object.assign(res, { write: meteredWrite, end: meteredEnd });
  if (hasBody) {
    meter.push = req.push;
    (req as Metered)[METER] = meter;
    req.push = meteredPush;
  }
}

function meteredWrite(
  this: ServerResponse & Metered,
  chunk: unknown,
  encoding: unknown,
  done: unknown,
): boolean {
  const meter = this[METER];
  if (!meter) return false;
  count(meter, chunk, encoding);
  return meter.write.call(this, chunk, encoding, done);
}

function meteredEnd(
  this: ServerResponse & Metered,
  chunk: unknown,
  encoding: unknown,
  done: unknown,
): ServerResponse {
  const meter = this[METER];
  if (!meter) return this;
  count(meter, chunk, encoding);
  return meter.end.call(this, chunk, encoding, done);
}

function meteredPush(this: IncomingMessage & Metered, chunk: unknown, encoding?: BufferEncoding): boolean {
  const meter = this[METER];
  if (!meter?.push) return false;
  meter.bytesIn += lengthOf(chunk, encoding);
  return meter.push.call(this, chunk, encoding);
}

function count(meter: Metering, chunk: unknown, encoding: unknown): void {
  if (meter.firstByteAt === 0) meter.firstByteAt = performance.now();
  meter.bytesOut += lengthOf(chunk, encoding);
}

function lengthOf(chunk: unknown, encoding: unknown): number {
  if (chunk instanceof Uint8Array) return chunk.byteLength;
  if (typeof chunk !== 'string') return 0;
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}
