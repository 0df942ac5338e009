import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ProxyError } from '../../core/errors.js';
import { KeptChunks } from '../../core/kept-chunks.js';
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

  const chunks = new KeptChunks();
  const onData = (chunk: Buffer): void => {
    chunks.add(chunk);
    // Of a body that is complete at most a buffer's worth is left, and nothing could read it after us.
    if (chunks.length <= MAX_KEY_BODY_BYTES || req.complete) return;
    stop();
    req.pause();
    req.unshift(chunks.whole());
    done(undefined);
  };
  const onEnd = (): void => {
    stop();
    req.rawBody = chunks.whole();
    done(chunks.length > MAX_KEY_BODY_BYTES ? undefined : digestOf(req, req.rawBody as Buffer));
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
  // Of another type, such as a form with files, what a parser has left there need not be all of it.
  if (!PARSED_WHOLE.test(req.headers['content-type'] ?? '') || !isPlain(body)) return undefined;
  return digestOf(req, Buffer.from(JSON.stringify(body)));
}

const PARSED_WHOLE = /^\s*application\/(?:x-www-form-urlencoded|(?:[^;,\s]+\+)?json)\s*(?:;|$)/i;
const MAX_DEPTH = 100;

/** Whether a value is what a parser of JSON or of forms makes, so that its text as JSON is all of it. */
function isPlain(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value !== 'object' || depth === MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((item) => isPlain(item, depth + 1));
}
