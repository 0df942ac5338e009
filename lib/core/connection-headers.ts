import type { IncomingMessage } from 'node:http';

/** Options of a connection that are no headers, or whose headers are read here and never forwarded. */
const OPTIONS = /^(keep-alive|close|te|upgrade|)$/;
/** Headers that say where a message ends and whom it is for: it has been read by them (RFC 9110 §7.6.1). */
const OF_THE_MESSAGE = new Set(['connection', 'content-length', 'host', 'transfer-encoding']);

/**
 * Takes away the headers that `Connection` names: they are for this connection alone and do not reach the target
 * (RFC 9110 §7.6.1). What a call is decided by, such as a key of the cache or the credential of a limit, must not be
 * chosen by what the target never sees. To be called before anything reads a header.
 */
export function dropConnectionHeaders(req: IncomingMessage): void {
  const { connection } = req.headers;
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return;
  const named = new Set<string>();
  for (const part of connection.toLowerCase().split(',')) {
    const name = part.trim();
    if (!OPTIONS.test(name) && !OF_THE_MESSAGE.has(name)) named.add(name);
  }
  if (named.size > 0) drop(req, named);
}

function drop(req: IncomingMessage, named: ReadonlySet<string>): void {
  const { rawHeaders } = req;
  if (!rawHeaders.some((name, i) => i % 2 === 0 && named.has(name.toLowerCase()))) return;
  // Node makes both of these from the list when they are first read, which is why the list is changed last.
  for (const headers of [req.headers, req.headersDistinct]) for (const name of named) delete headers[name];
  req.rawHeaders = rawHeaders.filter((_, i) => !named.has((rawHeaders[i - (i % 2)] ?? '').toLowerCase()));
}
