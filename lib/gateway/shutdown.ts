import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Every socket of a server that is open, upgraded ones too. */
export function openSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    // A request whose upgrade is ignored comes in again on the same socket.
    if (sockets.has(socket)) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

const LOOK_EVERY_MS = 50;

/**
 * Stops accepting connections and lets the calls in progress end; after `timeoutMs` the others are cut off.
 * @returns how many connections were cut off
 */
export async function drain(
  server: Server,
  sockets: ReadonlySet<Socket>,
  timeoutMs: number,
): Promise<number> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Browsers open connections ahead of time, and Node counts one without a request as busy.
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  // There is no event for a connection that was busy at the close and becomes idle.
  const idle = setInterval(() => server.closeIdleConnections(), LOOK_EVERY_MS);
  let cut = 0;
  const deadline = setTimeout(() => {
    cut = sockets.size;
    for (const socket of sockets) socket.destroy();
  }, timeoutMs);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
  return cut;
}
