import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange } from '../../core/exchange.js';
import { flushOf } from '../response/flush.js';

/**
 * Counts the body that httpxy is about to pass on: called before it pipes the streams, so that the first chunk is counted
 * too.
 */
export function countBody(proxyRes: IncomingMessage, res: ServerResponse, exchange: Exchange): void {
  const flush = flushOf(res, proxyRes.rawHeaders);
  proxyRes.on('data', (chunk: Buffer) => {
    exchange.bytesOut += chunk.length;
    exchange.bodyTap?.(chunk);
    // After httpxy's pipe, whose listener comes behind this one.
    if (flush) process.nextTick(flush);
  });
}

/**
 * Node holds the head back until the first byte of the body, which an event stream may delay. Not flushed sooner than a
 * body that came with the head: the two are sent together.
 */
export function flushHead(res: ServerResponse): void {
  setImmediate(flushNow, res);
}

function flushNow(res: ServerResponse): void {
  if (!res.headersSent && !res.destroyed && !res.writableEnded) res.flushHeaders();
}
