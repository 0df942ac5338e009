import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ProxyError } from '../../core/errors.js';
import { announcesBody } from '../../core/exchange.js';
import type { BodyRules, RequestBody } from './body-rules.js';
import { StreamedBody } from './streamed-body.js';

interface ParsedBody {
  body?: unknown;
  rawBody?: unknown;
}

/** Whether a request may have a body. Most have none, and nothing is allocated for those. */
export function hasBody(req: IncomingMessage, buffer: unknown): boolean {
  return buffer !== undefined || announcesBody(req) || Buffer.isBuffer((req as ParsedBody).rawBody);
}

/**
 * The body that the client sends, or the one that a parser mounted before the proxy left on the request.
 * @returns `undefined` if the request has no body
 * @throws ProxyError ERR_BODY_CONSUMED if it was read and is not on the request
 */
export function requestBody(req: IncomingMessage, rules: BodyRules): RequestBody | undefined {
  if (rules.buffer !== undefined) return givenBody(rules.buffer, rules);
  const { rawBody, body } = req as ParsedBody;
  if (Buffer.isBuffer(rawBody)) return bufferedBody(rawBody, req.headers['content-type']);
  if (!announcesBody(req)) return undefined;
  if (!req.readableEnded && !(req.complete && req.readableDidRead)) return new StreamedBody(req, rules);
  const rebuilt = rebuild(body, req.headers['content-type']);
  if (rebuilt) return bufferedBody(...rebuilt);
  if (!rules.listened) throw consumedBody();
  return { ...bufferedBody(Buffer.alloc(0), req.headers['content-type']), consumed: true };
}

/** The error for a body that was read and is not on the request. */
export function consumedBody(): ProxyError {
  return new ProxyError(
    'ERR_BODY_CONSUMED',
    'The request body was read before it reached the proxy: leave it on req.body or req.rawBody, or mount the proxy first',
  );
}

function givenBody(buffer: unknown, rules: BodyRules): RequestBody {
  if (!(buffer instanceof Readable)) {
    throw new ProxyError('ERR_INTERNAL', 'options.buffer is not a readable stream');
  }
  // One stream for all calls serves only the first; the others would wait for it forever.
  if (buffer.destroyed || buffer.readableEnded) {
    throw new ProxyError('ERR_BODY_CONSUMED', 'The stream given as options.buffer was read before');
  }
  // `close` follows and ends the body; an `error` without a listener would end the process.
  buffer.on('error', () => {});
  return new StreamedBody(buffer, rules, true);
}

function bufferedBody(buffer: Buffer, contentType: string | undefined): RequestBody {
  return {
    open: () => buffer,
    release: () => {},
    upload: undefined,
    replayable: true,
    rebuilt: { contentType },
    copyTo: (receiver) => void receiver.end(buffer),
    close: () => {},
  };
}

/** Serialises a parsed body in the format of its content type. */
function rebuild(body: unknown, contentType = ''): [Buffer, string] | undefined {
  if (Buffer.isBuffer(body)) return [body, contentType];
  if (typeof body === 'string') return [Buffer.from(body), contentType];
  if (body === undefined) return undefined;
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/x-www-form-urlencoded' && typeof body === 'object' && body !== null) {
    return [Buffer.from(formEncoded(body)), contentType];
  }
  if (type === 'application/json' || type.endsWith('+json'))
    return [Buffer.from(JSON.stringify(body)), contentType];
  return undefined;
}

function formEncoded(body: object): string {
  const form = new URLSearchParams();
  const add = (name: string, value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) add(name, item);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) add(`${name}[${key}]`, inner);
    } else form.append(name, String(value ?? ''));
  };
  for (const [name, value] of Object.entries(body)) add(name, value);
  return form.toString();
}
