import type { IncomingMessage } from 'node:http';
import { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { ProxyError } from '../core/errors.js';
import { announcesBody } from '../core/exchange.js';
import { whenInTurn } from './in-turn.js';
import { declineOthers } from './offers.js';
import { refuseUpgrade } from './refuse-upgrade.js';
import { chunkOf, LAST_CHUNK, RequestStream } from './request-stream.js';

/** The server that accepted a connection, if known. Node stores it on the socket, though its types do not say so. */
export function serverOf(socket: Duplex | undefined): Server | undefined {
  const server: unknown = socket && Reflect.get(socket, 'server');
  return server instanceof Server ? server : undefined;
}

/**
 * Serves a request as if it had no `Upgrade`, which a server may do (RFC 9110 §7.8). Once anything listens for
 * upgrades, Node emits every request with `Upgrade`, and `curl --http2` and Java's client send `Upgrade: h2c` with
 * each first request. What they sent is given back to the server without that header.
 */
export function serveWithoutUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const server = serverOf(req.socket);
  if (!server) return refuseUpgrade(socket, NO_OTHER);
  declineOthers(server);
  whenInTurn(req, () => {
    // An https server reads HTTP on 'secureConnection', after the TLS handshake, which is over.
    const event = req.socket instanceof TLSSocket ? 'secureConnection' : 'connection';
    const plain = plainHead(req);
    if (socket === req.socket) socket.unshift(Buffer.concat([plain, ...bodyOf(req), head]));
    server.emit(event, socket === req.socket ? socket : new RequestStream(req, plain, socket));
  });
}

/** Node reads the body of an offer: up to 24 it follows the offer, as anything else that its client has sent. */
export const READS_BODY = Number.parseInt(process.versions.node, 10) >= 25;

/** The body of an offer, where Node has read all of it before it offers the upgrade. */
function bodyOf(req: IncomingMessage): Buffer[] {
  if (!READS_BODY || !announcesBody(req)) return [];
  const bytes: Buffer[] = [];
  for (let chunk: unknown = req.read(); Buffer.isBuffer(chunk); chunk = req.read()) bytes.push(chunk);
  if (req.headers['transfer-encoding'] === undefined) return bytes;
  return [...bytes.flatMap(chunkOf), LAST_CHUNK];
}

function plainHead({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const kept = withoutUpgrade(name.toLowerCase(), value);
    if (kept !== undefined) lines.push(`${name}: ${kept}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
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
