import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { DetachedResponse } from './detached-response.js';
import { Exchange } from './exchange.js';

/** The request of a detached call. What is omitted is taken from the call it derives from. */
export interface DetachedRequest {
  method?: string | undefined;
  url?: string | undefined;
  /** Flat, as Node's `rawHeaders`. */
  rawHeaders?: readonly string[] | undefined;
  body?: Buffer | undefined;
}

/**
 * A call without a client, with a request and a response of its own: whoever wraps the response reads it. Run it with
 * `parent.rest`, which is defined if the rest of the chain belongs to this package.
 */
export function detach(parent: Exchange, request: DetachedRequest = {}): Exchange {
  const req = new IncomingMessage(new Socket());
  req.method = request.method ?? parent.req.method;
  req.url = request.url ?? parent.req.url;
  takeProperties(req, parent.req);
  req.httpVersion = '1.1';
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  setRawHeaders(req, request.rawHeaders ?? parent.req.rawHeaders);
  // A client of HTTP/2 names it in a pseudo-header, which is not among the raw ones.
  if (req.headers.host === undefined && parent.req.headers.host !== undefined)
    setRawHeaders(req, ['Host', parent.req.headers.host, ...req.rawHeaders]);
  if (request.body) req.push(request.body);
  req.push(null);
  req.complete = true;
  const res = new DetachedResponse(req);
  const exchange = new Exchange(req, res, true);
  exchange.api = parent.api;
  exchange.requestId = parent.requestId;
  exchange.rest = parent.rest;
  exchange.mount = parent.mount;
  exchange.cause = parent;
  return exchange;
}

/** They belong to the client's request: its body, and how its framework goes on. */
const OF_THE_CLIENT: ReadonlySet<string> = new Set(['body', 'rawBody', '_body', 'next', 'res']);

/**
 * Takes over what a framework and middlewares in front have made of a request: its mount path, its user, its session.
 * Functions of the application that choose by them would take this call for somebody else's.
 */
function takeProperties(req: IncomingMessage, from: IncomingMessage): void {
  // Express' `req.get()` and the like. Those of HTTP/2 work on a stream.
  if (from instanceof IncomingMessage) Object.setPrototypeOf(req, Object.getPrototypeOf(from));
  for (const name of Object.getOwnPropertyNames(from)) {
    // What Node has made, or somebody has put in place of it, works on the client's connection.
    if (OF_THE_CLIENT.has(name) || Object.hasOwn(req, name) || name in IncomingMessage.prototype) continue;
    const property = Object.getOwnPropertyDescriptor(from, name);
    if (property) Object.defineProperty(req, name, property);
  }
}

function setRawHeaders(req: IncomingMessage, rawHeaders: readonly string[]): void {
  req.rawHeaders = [...rawHeaders];
  const headers: Record<string, string | string[] | undefined> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = String(rawHeaders[i]).toLowerCase();
    const before = headers[name];
    const between = name === 'cookie' ? '; ' : ', ';
    headers[name] = before === undefined ? rawHeaders[i + 1] : `${before}${between}${rawHeaders[i + 1]}`;
  }
  req.headers = headers;
}
