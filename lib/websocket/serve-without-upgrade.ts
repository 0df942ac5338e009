import type { IncomingMessage } from 'node:http';
import { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { ProxyError } from '../core/errors.js';
import { refuseUpgrade } from './refuse-upgrade.js';

/** The server that accepted a connection, if known. Node stores it on the socket, though its types do not say so. */
export function serverOf(socket: Duplex): Server | undefined {
  const server: unknown = Reflect.get(socket, 'server');
  return server instanceof Server ? server : undefined;
}

/**
 * Serves a request as if it had no `Upgrade`, which a server may do (RFC 9110 §7.8). Once anything listens for
 * upgrades, Node emits every request with `Upgrade`, and `curl --http2` and Java's client send `Upgrade: h2c` with
 * each first request. What they sent is given back to the server without that header.
 */
export function serveWithoutUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const server = serverOf(socket);
  if (!server) return refuseUpgrade(socket, NO_OTHER);
  const { method, url, httpVersion, rawHeaders } = req;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const kept = withoutUpgrade(name.toLowerCase(), value);
    if (kept !== undefined) lines.push(`${name}: ${kept}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  // An https server reads HTTP on 'secureConnection', after the TLS handshake, which is over.
  server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket);
}

const NO_OTHER = new ProxyError('ERR_BAD_REQUEST', 'Only upgrades to WebSocket are served here');

function withoutUpgrade(name: string, value: string): string | undefined {
  if (name === 'upgrade' || name === 'http2-settings') return undefined;
  if (name !== 'connection') return value;
  const options = value
    .split(',')
    .map((option) => option.trim())
    .filter((option) => !/^(?:upgrade|http2-settings)?$/i.test(option));
  return options.length > 0 ? options.join(', ') : undefined;
}
