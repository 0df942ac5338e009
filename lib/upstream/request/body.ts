import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ProxyError } from '../../core/errors.js';
import { announcesBody } from '../../core/exchange.js';
import type { BodyRules, RequestBody } from './body-rules.js';
import { rebuild } from './rebuild.js';
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
  // Parsers make an empty object of an empty body.
  if (req.readableEnded && !req.readableDidRead && isEmpty(body)) {
    return bufferedBody(Buffer.alloc(0), req.headers['content-type']);
  }
  const rebuilt = rebuild(body, req.headers);
  if (rebuilt) return bufferedBody(...rebuilt);
  if (!rules.listened) throw consumedBody(body);
  return { ...bufferedBody(Buffer.alloc(0), req.headers['content-type']), consumed: true };
}

/** The error for a body that was read and is not on the request, or not as it was. */
export function consumedBody(parsed?: unknown): ProxyError {
  const message =
    parsed === undefined
      ? 'The request body was read before it reached the proxy: leave it on req.body or req.rawBody, or mount the proxy first'
      : 'The request body cannot be rebuilt from what a parser left on req.body: keep its bytes on req.rawBody, by the option verify of the parser, or mount the proxy first';
  return new ProxyError('ERR_BODY_CONSUMED', message);
}

function isEmpty(body: unknown): boolean {
  if (body === undefined || body === null || body === '') return true;
  return typeof body === 'object' && Object.keys(body).length === 0;
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
