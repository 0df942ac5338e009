import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ProxyError } from '../../core/errors.js';
import { watchReadAhead } from '../../core/read-ahead.js';

/** Larger bodies are not hashed: their requests bypass the cache. */
export const MAX_KEY_BODY_BYTES = 1024 * 1024;

interface ParsedRequest extends IncomingMessage {
  body?: unknown;
  rawBody?: unknown;
}

/**
 * Digest of a request's body. Where nothing has read the body yet, it is read here and left on `req.rawBody`, where
 * `forward()` picks it up. Calls back with `undefined` where the body is too large, or was read but not kept; does
 * not call back where the client leaves. What was read of a body that is too large is put back.
 */
export function digestBody(
  req: ParsedRequest,
  done: (digest: string | undefined, error?: ProxyError) => void,
): void {
  if (Buffer.isBuffer(req.rawBody)) return done(digestOf(req, req.rawBody));
  if (req.readableEnded || (req.complete && req.readableDidRead)) return done(digestParsed(req));
  if (Number(req.headers['content-length'] ?? 0) > MAX_KEY_BODY_BYTES) return done(undefined);

  const chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    bytes += chunk.length;
    // Of a body that is complete at most a buffer's worth is left, and nothing could read it after us.
    if (bytes <= MAX_KEY_BODY_BYTES || req.complete) return;
    stop();
    req.pause();
    req.unshift(Buffer.concat(chunks, bytes));
    done(undefined);
  };
  const onEnd = (): void => {
    stop();
    req.rawBody = Buffer.concat(chunks, bytes);
    done(bytes > MAX_KEY_BODY_BYTES ? undefined : digestOf(req, req.rawBody as Buffer));
  };
  const stop = (): void => {
    endWatch();
    req.off('data', onData).off('end', onEnd);
  };
  const endWatch = watchReadAhead(req, (error) => {
    stop();
    done(undefined, error);
  });
  req.on('data', onData).on('end', onEnd);
}

/** The same bytes in another type or coding are another request. */
function digestOf(req: IncomingMessage, body: Uint8Array): string {
  const { 'content-type': type = '', 'content-encoding': coding = '' } = req.headers;
  return hash('sha256', Buffer.concat([Buffer.from(`${type}\n${coding}\n`), body]), 'base64url');
}

function digestParsed(req: ParsedRequest): string | undefined {
  const { body } = req;
  if (Buffer.isBuffer(body)) return digestOf(req, body);
  if (typeof body === 'string') return digestOf(req, Buffer.from(body));
  return typeof body === 'object' && body !== null
    ? digestOf(req, Buffer.from(JSON.stringify(body)))
    : undefined;
}
