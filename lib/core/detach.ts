import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { DetachedResponse } from './detached-response.js';
import { Exchange } from './exchange.js';

/** What a detached call asks for; what is left out is as in the call it comes from. */
export interface DetachedRequest {
  method?: string;
  url?: string;
  /** Flat, as Node's `rawHeaders`. */
  rawHeaders?: readonly string[];
  body?: Buffer;
}

/**
 * A call without a client, with a request and a response of its own: the answer goes to whoever wraps
 * the response. Run it by `parent.rest`, which is there where the rest of the chain is ours.
 */
export function detach(parent: Exchange, request: DetachedRequest = {}): Exchange {
  const req = new IncomingMessage(new Socket());
  req.method = request.method ?? parent.req.method;
  req.url = request.url ?? parent.req.url;
  req.httpVersion = '1.1';
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  setRawHeaders(req, request.rawHeaders ?? parent.req.rawHeaders);
  if (request.body) req.push(request.body);
  req.push(null);
  req.complete = true;
  const res = new DetachedResponse(req);
  const exchange = new Exchange(req, res, true);
  exchange.api = parent.api;
  exchange.rest = parent.rest;
  return exchange;
}

function setRawHeaders(req: IncomingMessage, rawHeaders: readonly string[]): void {
  req.rawHeaders = [...rawHeaders];
  const headers: Record<string, string | string[] | undefined> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = String(rawHeaders[i]).toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? rawHeaders[i + 1] : `${before}, ${rawHeaders[i + 1]}`;
  }
  req.headers = headers;
}
