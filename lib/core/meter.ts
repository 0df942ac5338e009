import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange } from './exchange.js';

/** What cannot be read from a response once it has closed. */
export interface MeasuredResponse {
  /** Body bytes written to the response. */
  readonly bytesOut: number;
  /** When the handler first wrote, on the clock of `performance.now()`; 0 before that. */
  readonly firstByteAt: number;
}

const METER: unique symbol = Symbol('resilient-proxy-out.meter');

/** `write` or `end`, with the arguments that each of their forms has. */
type Sink<R> = (this: ServerResponse, chunk: unknown, encoding: unknown, done: unknown) => R;
type Push = IncomingMessage['push'];

class ResponseMeter implements MeasuredResponse {
  bytesOut = 0;
  firstByteAt = 0;
  readonly write: Sink<boolean>;
  readonly end: Sink<ServerResponse>;

  constructor(res: ServerResponse) {
    // Node's types distinguish their overloads; the caller decides which one is used.
    this.write = res.write as Sink<boolean>;
    this.end = res.end as Sink<ServerResponse>;
  }

  count(chunk: unknown, encoding: unknown): void {
    if (this.firstByteAt === 0) this.firstByteAt = performance.now();
    this.bytesOut += lengthOf(chunk, encoding);
  }
}

class BodyMeter {
  bytesIn = 0;
  readonly push: Push;
  /** All of it had been read before it was measured. */
  readonly wasRead: boolean;

  constructor(req: IncomingMessage) {
    this.push = req.push;
    this.wasRead = req.readableEnded;
    // What has come before waits there, unless somebody has read it already.
    this.bytesIn = req.readableLength;
  }
}

interface MeteredResponse {
  [METER]?: ResponseMeter;
}

interface MeteredRequest {
  [METER]?: BodyMeter;
}

/** The measurements of a response; `undefined` where it was not measured. */
export function measuredResponse(res: ServerResponse): MeasuredResponse | undefined {
  return (res as MeteredResponse)[METER];
}

/** Bytes received of the request's body; 0 where they were not measured. */
export function measuredBody(req: IncomingMessage): number {
  const meter = (req as MeteredRequest)[METER];
  if (!meter) return 0;
  const length = req.headers['content-length'];
  // Some of it may have been read before it was measured. Content-Length is reliable once all of it has come.
  return length !== undefined && hasCome(req, meter)
    ? Math.max(meter.bytesIn, Number(length))
    : meter.bytesIn;
}

/** Of HTTP/2, Node calls a request complete that its client has broken off, too. */
const hasCome = (req: IncomingMessage, { wasRead }: BodyMeter): boolean =>
  req.httpVersionMajor === 2 ? wasRead : req.complete;

/** Bytes written of the response's body, so far. */
export function bytesSent({ req, res, bytesOut }: Exchange): number {
  if (!res.headersSent || !hasBody(req.method, res.statusCode)) return 0;
  return measuredResponse(res)?.bytesOut ?? bytesOut;
}

const hasBody = (method: string | undefined, status: number): boolean =>
  method !== 'HEAD' && status !== 204 && status !== 304;

/**
 * Begins to measure a response, once, however often it is called. The replacement functions are shared by all
 * requests; replacing them is what costs: an Express response with properties of its own is slow and long-lived.
 */
export function measureResponse(res: ServerResponse): void {
  const marked = res as MeteredResponse;
  if (marked[METER]) return;
  marked[METER] = new ResponseMeter(res);
  Object.assign(res, { write: meteredWrite, end: meteredEnd });
}

/** Begins to measure the body of a request, once. */
export function measureBody(req: IncomingMessage): void {
  const marked = req as MeteredRequest;
  if (marked[METER]) return;
  marked[METER] = new BodyMeter(req);
  req.push = meteredPush;
}

function meteredWrite(
  this: ServerResponse & MeteredResponse,
  chunk: unknown,
  encoding: unknown,
  done: unknown,
): boolean {
  const meter = this[METER];
  if (!meter) return false;
  meter.count(chunk, encoding);
  return meter.write.call(this, chunk, encoding, done);
}

function meteredEnd(
  this: ServerResponse & MeteredResponse,
  chunk: unknown,
  encoding: unknown,
  done: unknown,
): ServerResponse {
  const meter = this[METER];
  if (!meter) return this;
  meter.count(chunk, encoding);
  return meter.end.call(this, chunk, encoding, done);
}

function meteredPush(
  this: IncomingMessage & MeteredRequest,
  chunk: unknown,
  encoding?: BufferEncoding,
): boolean {
  const meter = this[METER];
  if (!meter) return false;
  meter.bytesIn += lengthOf(chunk, encoding);
  return meter.push.call(this, chunk, encoding);
}

function lengthOf(chunk: unknown, encoding: unknown): number {
  if (chunk instanceof Uint8Array) return chunk.byteLength;
  if (typeof chunk !== 'string') return 0;
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}
