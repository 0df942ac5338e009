import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** Whether a request that asks for an upgrade asks for a WebSocket. */
export function wantsWebSocket(req: IncomingMessage): boolean {
  return /(?:^|[,\s])websocket(?:$|[,\s])/i.test(req.headers.upgrade ?? '');
}

/**
 * Serves a request as if it asked for no upgrade, as a server may (RFC 9110 §7.8). Node hands over every
 * request with `Upgrade` once somebody listens for WebSockets, and `curl --http2` and Java's client send
 * `Upgrade: h2c` with each first request: what they sent is given back to the server without it.
 */
export function serveWithoutUpgrade(
  server: Server,
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const { method, url, httpVersion, rawHeaders } = req;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const kept = withoutUpgrade(name.toLowerCase(), value);
    if (kept !== undefined) lines.push(`${name}: ${kept}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

function withoutUpgrade(name: string, value: string): string | undefined {
  if (name === 'upgrade' || name === 'http2-settings') return undefined;
  if (name !== 'connection') return value;
  const options = value
    .split(',')
    .map((option) => option.trim())
    .filter((option) => !/^(?:upgrade|http2-settings)?$/i.test(option));
  return options.length > 0 ? options.join(', ') : undefined;
}
