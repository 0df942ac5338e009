import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProxyError } from '../core/errors.js';
import { announcesBody, type Handler } from '../core/exchange.js';
import { KeptChunks } from '../core/kept-chunks.js';
import { watchReadAhead } from '../core/read-ahead.js';

/** What a request body must be before the target is called. */
export interface BodyRules {
  /** Refuses requests without a body. */
  readonly requiresBody: boolean;
  /** Refuses bodies that are not JSON, whatever their `Content-Type`. A body with a content coding is not checked. */
  readonly validateJson: boolean;
  /** Size up to which a body is read and checked. */
  readonly maxBodyBytes: number;
}

interface ParsedRequest extends IncomingMessage {
  body?: unknown;
  rawBody?: unknown;
}

/** Checks the request body; `undefined` if there is nothing to check. */
export function validateBody(rules: BodyRules): Handler | undefined {
  if (!rules.requiresBody && !rules.validateJson) return undefined;

  return function validateBody(req: ParsedRequest, _res: ServerResponse, next): void {
    if (!hasBody(req)) {
      next(
        rules.requiresBody ? new ProxyError('ERR_BODY_REQUIRED', 'This API needs a request body') : undefined,
      );
      return;
    }
    const coding = req.headers['content-encoding'];
    const readable = coding === undefined || coding === 'identity';
    const parsed = req.readableEnded && req.body !== undefined && !Buffer.isBuffer(req.rawBody);
    if (!rules.validateJson || !readable || parsed) {
      next();
      return;
    }
    read(req, rules.maxBodyBytes, (error, body) => {
      if (!error && body) req.rawBody = body;
      next(error ?? (body ? refusal(body, rules) : undefined));
    });
  };
}

function hasBody(req: ParsedRequest): boolean {
  if (Buffer.isBuffer(req.rawBody)) return req.rawBody.length > 0;
  return announcesBody(req);
}

function refusal(body: Buffer, { requiresBody }: BodyRules): ProxyError | undefined {
  if (body.length === 0) {
    return requiresBody ? new ProxyError('ERR_BODY_REQUIRED', 'This API needs a request body') : undefined;
  }
  try {
    JSON.parse(body.toString('utf8'));
    return undefined;
  } catch {
    return new ProxyError('ERR_INVALID_JSON', 'The request body is not valid JSON');
  }
}

/** Reads up to `limit` bytes. If the client leaves meanwhile, `done` is never called. */
function read(
  req: ParsedRequest,
  limit: number,
  done: (error: ProxyError | undefined, body?: Buffer) => void,
): void {
  if (Buffer.isBuffer(req.rawBody)) {
    done(undefined, req.rawBody);
    return;
  }
  const chunks = new KeptChunks();
  const onData = (chunk: Buffer): void => {
    if (chunks.length + chunk.length <= limit) return chunks.add(chunk);
    stop();
    done(new ProxyError('ERR_BODY_TOO_LARGE', `The request body is larger than ${limit} bytes`));
  };
  const onEnd = (): void => {
    stop();
    done(undefined, chunks.whole());
  };
  const stop = (): void => {
    endWatch();
    req.off('data', onData).off('end', onEnd);
  };
  const endWatch = watchReadAhead(req, (error) => {
    stop();
    done(error);
  });
  req.on('data', onData).on('end', onEnd);
}
