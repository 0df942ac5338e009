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

type Write = ServerResponse['write'];
type End = ServerResponse['end'];
type Push = IncomingMessage['push'];

interface Metering extends Meter {
  readonly write: Write;
  readonly end: End;
  push: Push | undefined;
}

interface Metered {
  [METER]?: Metering;
}

/** Begins to measure a call; measures it once, however many ask. The functions put in are the same for all calls. */
export function meterOf(req: IncomingMessage, res: ServerResponse, hasBody: boolean): Meter {
  const marked = res as Metered;
  const known = marked[METER];
  if (known) return known;
  const { write, end } = res;
  const meter: Metering = { bytesOut: 0, bytesIn: 0, firstByteAt: 0, write, end, push: undefined };
  marked[METER] = meter;
  res.write = meteredWrite as Write;
  res.end = meteredEnd as End;
  if (hasBody) {
    meter.push = req.push;
    (req as Metered)[METER] = meter;
    req.push = meteredPush;
  }
  return meter;
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
  return Reflect.apply(meter.write, this, [chunk, encoding, done]);
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
  return Reflect.apply(meter.end, this, [chunk, encoding, done]);
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
