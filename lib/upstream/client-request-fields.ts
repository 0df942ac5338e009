import type { ClientRequest } from 'node:http';
import { joinedFields } from './fields.js';

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
 */
export function putFields(proxyReq: ClientRequest, rawHeaders: readonly string[]): void {
  const wanted = joinedFields(rawHeaders);
  for (const name of proxyReq.getHeaderNames()) {
    if (wanted[name] === undefined && !FRAMING.has(name)) proxyReq.removeHeader(name);
  }
  for (const [name, value] of Object.entries(wanted)) proxyReq.setHeader(name, value);
}
