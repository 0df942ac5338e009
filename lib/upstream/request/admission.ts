import type { IncomingMessage, ServerResponse } from 'node:http';
import { isCredentialHeader } from '../../core/credential-headers.js';
import { headersAreCut } from '../../core/cut-headers.js';
import { ProxyError } from '../../core/errors.js';
import { announcesBody, exchangeOf, type Handler, knownExchange } from '../../core/exchange.js';
import { isHeader } from '../../http/headers.js';

/** Which requests are forwarded at all. */
export interface AdmissionRules {
  /** The methods that clients may use; `undefined` is any. */
  readonly methods: readonly string[] | undefined;
  /** Whether TRACE is forwarded. */
  readonly traceMethod: boolean;
  /** Method sent in place of the client's. */
  readonly method: string | undefined;
  /** The name that each request is signed with in `Via`; `undefined` where none is. */
  readonly via: string | undefined;
}

/**
 * Decides about a request before anything is done for it.
 * @returns `true` if it may go on, `false` if it was responded to, or why it is refused
 */
export type Admission = (req: IncomingMessage, res: ServerResponse) => boolean | ProxyError;

const USUAL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Prepares what is the same for every request. */
export function admission({ methods, traceMethod, method: instead, via }: AdmissionRules): Admission {
  // Who serves GET serves HEAD (RFC 9110 §9.1).
  const allowed = methods && new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods);
  const allow = [...(allowed ?? [...USUAL_METHODS, ...(traceMethod ? ['TRACE'] : [])])].join(', ');

  return function admit(req, res) {
    const { method = 'GET' } = req;
    if (headersAreCut(req))
      return new ProxyError('ERR_BAD_REQUEST', 'The request has more headers than this server reads');
    if (hostProblem(req)) return new ProxyError('ERR_BAD_REQUEST', 'The request must have one valid Host');
    if (via !== undefined && req.headers.via !== undefined && signed(req.headers.via, via)) return loop();
    const sent = instead ?? method;
    const refused = method === 'CONNECT' || (sent === 'TRACE' && !traceMethod);
    if (refused || allowed?.has(method) === false) return methodNotAllowed(method, allow);
    if (sent !== 'TRACE' && sent !== 'OPTIONS') return true;
    if (sent === 'TRACE' && announcesBody(req))
      return new ProxyError('ERR_BAD_REQUEST', 'A TRACE request must not have a body');
    return lastHop(req, res, sent, allow);
  };
}

/** It as a stage of its own, in front of others. */
export function admissionStage(admit: Admission): Handler {
  return function admission(req, res, next) {
    const exchange = exchangeOf(req, res);
    const verdict = admit(req, res);
    if (verdict === true) return next();
    if (verdict === false) return;
    exchange.error = verdict;
    next(verdict);
  };
}

/** The error for a method that is not forwarded. @param allow the methods that are (RFC 9110 §15.5.6) */
export function methodNotAllowed(method: string, allow = USUAL_METHODS.join(', ')): ProxyError {
  const name = method.length > 20 ? `${method.slice(0, 17)}...` : method;
  return new ProxyError('ERR_METHOD_NOT_ALLOWED', `The method ${name} is not allowed here`, {
    headers: { Allow: allow },
  });
}

/** Whether one of the senders in `Via` has this name (RFC 9110 §7.6.3). */
function signed(line: string, name: string): boolean {
  if (!line.includes(name)) return false;
  return line.split(',').some((sender) => sender.trim().split(/[ \t]+/)[1] === name);
}

const loop = () =>
  new ProxyError('ERR_LOOP_DETECTED', 'The request has come back: its target leads here again');

const HOST = /^(?:\[[0-9a-fv.:]+\]|[\w\-.~%!$&'()*+,;=]*)(?::\d*)?$/i;

/** Whether there are several `Host` lines or one that is not valid (RFC 9112 §3.2): each hop could read another. */
function hostProblem({ headers, rawHeaders }: IncomingMessage): boolean {
  const { host } = headers;
  if (host === undefined) return false;
  // Of HTTP/2 it is in a header of its own (RFC 9113 §8.3.1).
  if (headers[':authority'] !== undefined && headers[':authority'] !== host) return true;
  let lines = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (isHeader(rawHeaders[i], 'host')) lines++;
  return lines > 1 || !HOST.test(host);
}

/** Whoever gets `Max-Forwards: 0` responds itself (RFC 9110 §7.6.2). */
function lastHop(
  req: IncomingMessage,
  res: ServerResponse,
  method: string,
  allow: string,
): boolean | ProxyError {
  const left = req.headers['max-forwards'];
  if (left === undefined) return true;
  if (typeof left !== 'string' || !/^\d+$/.test(left))
    return new ProxyError('ERR_BAD_REQUEST', 'Max-Forwards must be a number');
  if (Number(left) > 0) return true;
  if (method === 'OPTIONS') res.writeHead(204, { Allow: allow }).end();
  else res.writeHead(200, { 'Content-Type': 'message/http' }).end(asReceived(req), 'latin1');
  return false;
}

/** The head of a request, without what is likely to be secret (RFC 9110 §9.3.8). */
function asReceived(req: IncomingMessage): string {
  const lines = [`${req.method} ${knownExchange(req)?.originalUrl ?? req.url} HTTP/${req.httpVersion}`];
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = req.rawHeaders.slice(i, i + 2);
    if (!isCredentialHeader(name)) lines.push(`${name}: ${value}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** What is left of `Max-Forwards` for the next hop (RFC 9110 §7.6.2). */
export const forwardsLeft = (value: string): string => String(Math.min(Number(value) - 1, MOST_FORWARDS));

const MOST_FORWARDS = 2 ** 31 - 1;
