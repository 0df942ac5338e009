import type { IncomingMessage } from 'node:http';
import { takeChangedHeaders } from './changed-headers.js';

/** Options of a connection that are no headers, or whose headers are read here and never forwarded. */
const OPTIONS = /^(keep-alive|close|te|upgrade|)$/;
/** Headers that say where a message ends and whom it is for: it has been read by them (RFC 9110 §7.6.1). */
const OF_THE_MESSAGE = new Set(['connection', 'content-length', 'host', 'transfer-encoding']);

/**
 * Makes the headers of a request those that may be sent on, before anything reads one: what a call is decided by, such
 * as a key of the cache or the credential of a limit, must not be chosen by what the target never sees. Headers that
 * `Connection` names are for this connection alone (RFC 9110 §7.6.1), and so are the pseudo-headers of HTTP/2. What a
 * middleware in front has changed in `req.headers` is changed in both of Node's forms.
 */
export function prepareRequest(req: IncomingMessage): void {
  // HTTP/2 has no Connection (RFC 9113 §8.2.2).
  if (req.httpVersionMajor >= 2) dropPseudoHeaders(req);
  const changed = takeChangedHeaders(req);
  const { connection } = req.headers;
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return;
  if (req.httpVersionMajor < 2) dropNamed(req, connection, changed);
}

/** @param changed headers of a middleware in front, which are not the client's to name */
function dropNamed(
  req: IncomingMessage,
  connection: string,
  changed: ReadonlyMap<string, unknown> | undefined,
): void {
  // Once: what a middleware sets afterwards is not the client's either.
  if (seen.has(req)) return;
  seen.add(req);
  const named = new Set<string>();
  for (const part of connection.toLowerCase().split(',')) {
    const name = part.trim();
    if (!OPTIONS.test(name) && !OF_THE_MESSAGE.has(name) && !changed?.has(name)) named.add(name);
  }
  if (named.size > 0) drop(req, named);
}

const seen = new WeakSet<IncomingMessage>();

/** What they say is in the method and the URL of the request, and in `Host` (RFC 9113 §8.3.1). */
function dropPseudoHeaders({ headers, rawHeaders }: IncomingMessage): void {
  const authority = headers[':authority'];
  // They stand in front of all others, and nobody can set the list of such a request.
  while (rawHeaders[0]?.startsWith(':')) rawHeaders.splice(0, 2);
  if (headers.host === undefined && typeof authority === 'string') headers.host = authority;
}

function drop(req: IncomingMessage, named: ReadonlySet<string>): void {
  const { rawHeaders } = req;
  if (!rawHeaders.some((name, i) => i % 2 === 0 && named.has(name.toLowerCase()))) return;
  // Node makes both of these from the list when they are first read, which is why the list is changed last.
  for (const headers of [req.headers, req.headersDistinct ?? {}])
    for (const name of named) delete headers[name];
  req.rawHeaders = rawHeaders.filter((_, i) => !named.has((rawHeaders[i - (i % 2)] ?? '').toLowerCase()));
}
