import type { ClientRequest } from 'node:http';

/** Fields that frame a message on its connection, which Node sees to. */
const FRAMING: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
]);

/**
 * Gives a request of Node's client the fields that the other transport would send, in place of those that
 * httpxy copied from the client.
 * @param content whether fields about the body are added; not where a redirect has dropped it
 */
export function putFields(proxyReq: ClientRequest, rawHeaders: readonly string[], content = true): void {
  const wanted = new Map<string, string | string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    const before = wanted.get(name);
    wanted.set(name, before === undefined ? value : [before, value].flat());
  }
  for (const name of proxyReq.getHeaderNames()) {
    if (!wanted.has(name) && !FRAMING.has(name)) proxyReq.removeHeader(name);
  }
  for (const [name, value] of wanted) {
    if (content || !name.startsWith('content-')) proxyReq.setHeader(name, value);
  }
}
