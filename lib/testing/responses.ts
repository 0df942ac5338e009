import type { ServerResponse } from 'node:http';
import type { ReceivedRequest } from './upstream.js';

/**
 * Responds to one request of a scripted upstream, in whatever way it likes. The body of the request has arrived by
 * then.
 */
export type ScriptedResponse = (request: ReceivedRequest, res: ServerResponse) => unknown;

/** Headers of a scripted response. */
export type ScriptedHeaders = Readonly<Record<string, string | readonly string[]>>;

/** A response with this status and, unless it may have none, `{ "status": … }` as its body. */
export function status(code: number, headers: ScriptedHeaders = {}): ScriptedResponse {
  return code === 204 || code === 304 ? empty(code, headers) : json({ status: code }, code, headers);
}

/** A response with this value as JSON. */
export function json(value: unknown, code = 200, headers: ScriptedHeaders = {}): ScriptedResponse {
  return whole(JSON.stringify(value), code, { 'content-type': 'application/json', ...headers });
}

/** A response with this text. */
export function text(body: string, code = 200, headers: ScriptedHeaders = {}): ScriptedResponse {
  return whole(body, code, { 'content-type': 'text/plain; charset=utf-8', ...headers });
}

/** No response at all, until a timeout. */
export const silence: ScriptedResponse = () => {};

/**
 * A connection that is closed without a response. On one that has served a request before, `forward()` takes it for the
 * end of an idle connection and sends the request again at once, if it may be: then it takes two of these to fail.
 */
export const hangUp: ScriptedResponse = (_request, res) => void res.destroy();

/**
 * A response that breaks off: its status, its headers and this much of its body arrive, and then the connection is
 * closed.
 */
export function cutOff(part: string, code = 200, headers: ScriptedHeaders = {}): ScriptedResponse {
  return (_request, res) => {
    writeHead(res, code, { ...headers, 'content-length': String(Buffer.byteLength(part) + 1) });
    res.write(part, () => res.destroy());
  };
}

function empty(code: number, headers: ScriptedHeaders): ScriptedResponse {
  return (_request, res) => {
    writeHead(res, code, headers);
    res.end();
  };
}

function whole(body: string, code: number, headers: ScriptedHeaders): ScriptedResponse {
  return (_request, res) => {
    writeHead(res, code, { 'content-length': String(Buffer.byteLength(body)), ...headers });
    res.end(body);
  };
}

function writeHead(res: ServerResponse, code: number, headers: ScriptedHeaders): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.writeHead(code);
}
