import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Attributes } from '@opentelemetry/api';
import type { Attempt, AttemptOutcome, SentRequest } from '../core/attempt.js';
import type { Exchange } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { spanUrl } from './span-url.js';

/** Methods that the semantic conventions list; others are `_OTHER`, so that a client cannot invent values. */
const METHODS: ReadonlySet<string> = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY',
  'TRACE',
]);

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** The method as part of a span's name; `HTTP` for one that the conventions do not list. */
export function spanMethod(method: string): string {
  return METHODS.has(method) ? method : 'HTTP';
}

/** Attributes of a call at its start, where a sampler can read them. */
export function callAttributes(exchange: Exchange, api: string): Attributes {
  const { req } = exchange;
  const method = req.method ?? 'GET';
  // That of the client's request line, where it is mounted below a path.
  const mounted: unknown = Reflect.get(req, 'originalUrl');
  const { path, query } = spanUrl(
    typeof mounted === 'string' ? mounted : exchange.mount + exchange.originalUrl,
  );
  const scheme = req.socket instanceof TLSSocket ? 'https' : 'http';
  return {
    'http.request.method': knownMethod(method),
    'http.request.method_original': METHODS.has(method) ? undefined : method,
    'url.scheme': scheme,
    'url.path': path,
    'url.query': query === '' ? undefined : query,
    'user_agent.original': req.headers['user-agent'],
    // Node says `2.0`, the conventions `2`.
    'network.protocol.version': req.httpVersionMajor > 1 ? String(req.httpVersionMajor) : req.httpVersion,
    ...(exchange.detached ? {} : ends(req, scheme)),
    'resilient_proxy.api': api,
    'resilient_proxy.request_id': exchange.requestId,
    'resilient_proxy.detached': exchange.detached ? true : undefined,
  };
}

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[^:[\]/?#@\s]{1,255})(?::(\d{1,5}))?$/i;

/** Both ends of the connection: the peer, and this server by the name that the client has requested. */
function ends({ headers, socket }: IncomingMessage, scheme: 'http' | 'https'): Attributes {
  const [, name, port] = HOST.exec(headers.host ?? '') ?? [];
  return {
    'server.address': name?.replace(/^\[|\]$/g, ''),
    'server.port': name === undefined ? undefined : Number(port ?? DEFAULT_PORTS[scheme]),
    'client.address': socket.remoteAddress,
    'network.peer.address': socket.remoteAddress,
    'network.peer.port': socket.remotePort,
  };
}

/** Attributes of a call once it has settled. */
export function settledAttributes(
  { res, cache, attempts, error }: Exchange,
  cutBy: string | undefined,
): Attributes {
  const status = res.headersSent ? res.statusCode : undefined;
  return {
    'http.response.status_code': status,
    'error.type': error?.code ?? cutBy ?? failedStatus(status, 500),
    'resilient_proxy.cache': cache,
    'resilient_proxy.attempts': attempts.length,
    'resilient_proxy.aborted': isWritten(res) || cutBy !== undefined ? undefined : true,
  };
}

/** Attributes of an attempt at its start. */
export function attemptAttributes(
  { number, egress }: Attempt,
  { method, path, target }: SentRequest,
): Attributes {
  const { hostname, port, protocol, origin } = new URL(target.origin);
  const { path: shownPath, query } = spanUrl(path);
  return {
    'http.request.method': knownMethod(method),
    'http.request.method_original': METHODS.has(method) ? undefined : method,
    'url.full': `${origin}${shownPath}${query === '' ? '' : `?${query}`}`,
    'server.address': hostname.replace(/^\[|\]$/g, ''),
    'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
    'http.request.resend_count': number > 1 ? number - 1 : undefined,
    'resilient_proxy.egress': egress,
  };
}

/** Attributes of an attempt after its response headers or its error. */
export function outcomeAttributes(outcome: AttemptOutcome): Attributes {
  const { kind } = outcome;
  if (kind === 'abandoned') return { 'resilient_proxy.outcome': kind };
  if (kind === 'failure') return { 'resilient_proxy.outcome': kind, 'error.type': outcome.error.code };
  const { status } = outcome.head;
  return {
    'resilient_proxy.outcome': 'response',
    'http.response.status_code': status,
    // For a client, unlike a server, a 4xx is an error too.
    'error.type': failedStatus(status, 400),
  };
}

function knownMethod(method: string): string {
  return METHODS.has(method) ? method : '_OTHER';
}

function failedStatus(status: number | undefined, from: number): string | undefined {
  return status !== undefined && status >= from ? String(status) : undefined;
}
