import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Every socket of a server that is open, upgraded ones too. */
export function openSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    // A request that is served without its upgrade arrives on a socket that is known.
    if (sockets.has(socket)) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

const LOOK_EVERY_MS = 50;

/**
 * Stops accepting and lets the calls under way end; those that have not by `timeoutMs` are cut off.
 * @returns how many connections were cut
 */
export async function drain(
  server: Server,
  sockets: ReadonlySet<Socket>,
  timeoutMs: number,
): Promise<number> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Browsers open connections ahead of time, and Node counts one that never spoke as busy.
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  // Nothing tells when a connection that was busy at the close has become idle.
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
