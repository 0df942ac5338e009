import type { IncomingMessage } from 'node:http';
import { ProxyError } from '../core/errors.js';
import { isHeader } from './headers.js';

interface ReceivedHead {
  readonly status: number;
  readonly rawHeaders: readonly string[];
}

/**
 * Why a request's framing cannot be taken: `chunked` is the only transfer coding that is decoded here, and one that is
 * not must not reach the target as if it were the content (RFC 9112 §6.1).
 */
export function codingRefusal({ headers, httpVersion }: IncomingMessage): ProxyError | undefined {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return undefined;
  // What follows such a message cannot be told from it: its connection is closed.
  const details = { headers: { Connection: 'close' } };
  if (httpVersion === '1.0') {
    return new ProxyError('ERR_BAD_REQUEST', 'HTTP/1.0 has no Transfer-Encoding', details);
  }
  if (isChunked(coding)) return undefined;
  return new ProxyError('ERR_TRANSFER_CODING', 'Only the transfer coding "chunked" is served', details);
}

/**
 * Why a response's body cannot be passed on: it is still coded, and `Transfer-Encoding` ends here.
 * @returns `undefined` where nothing is wrong
 */
export function codingProblem({ status, rawHeaders }: ReceivedHead, method: string): string | undefined {
  let lines = 0;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!isHeader(rawHeaders[i], 'transfer-encoding')) continue;
    // A response without a body only tells how it would be coded.
    if (method === 'HEAD' || status === 304 || status === 204) return undefined;
    const coding = rawHeaders[i + 1] ?? '';
    if (namesNothing(coding)) continue;
    if (++lines > 1 || !isChunked(coding)) return 'a transfer coding other than chunked';
  }
  return undefined;
}

const isChunked = (coding: string): boolean => coding.trim().toLowerCase() === 'chunked';

/** The transfer codings that are registered (RFC 9112 §7), and their other names. */
const CODINGS = new Set(['chunked', 'compress', 'deflate', 'gzip', 'identity', 'x-compress', 'x-gzip', '']);

/** One word that nobody has defined codes nothing: its body is as it came, up to the end of the connection. */
const namesNothing = (coding: string): boolean =>
  /^[a-z0-9-]+$/i.test(coding.trim()) && !CODINGS.has(coding.trim().toLowerCase());
