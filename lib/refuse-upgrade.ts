import type { Socket } from 'node:net';

/** What is said to a client whose upgrade is refused. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly message: string;
  readonly code: string;
}

/** Answers an upgrade that nobody took with an error as JSON, and closes. */
export function refuseUpgrade(socket: Socket, { status, message, code }: UpgradeRefusal): void {
  if (socket.destroyed || socket.writableEnded) return;
  const body = JSON.stringify({ error: message, code });
  const head = [
    `HTTP/1.1 ${status} Refused`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.on('error', () => {});
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
