import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** The error response to a refused upgrade. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly message: string;
  readonly code: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Responds to an upgrade with an error as JSON, and closes the connection.
 * @param requestId of a request that has one
 */
export function refuseUpgrade(
  socket: Duplex,
  { status, message, code, headers = {} }: UpgradeRefusal,
  requestId?: string,
): void {
  if (socket.destroyed || socket.writableEnded) return;
  const body = JSON.stringify({ error: message, code, requestId });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(requestId === undefined ? [] : [`X-Request-Id: ${requestId}`]),
    'Content-Type: application/json; charset=utf-8',
    'X-Content-Type-Options: nosniff',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.on('error', () => {});
  // A server's connection stays half open until the client closes it.
  socket.resume().end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** The response to a WebSocket that no handler takes. */
export const NO_WEBSOCKET: UpgradeRefusal = {
  status: 404,
  message: 'No WebSocket is served at this path',
  code: 'ERR_NOT_FOUND',
};
