import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from './logger.js';
import type { OpenConnections } from './shutdown.js';

/** Connections that are refused are many: one line a minute says so. */
const QUIET_MS = 60_000;

/**
 * Closes the connections of clients beyond the limit. Node's own limit would pass them on among the processes that share
 * a socket, again and again.
 * @param limit now; `0` for none
 */
export function limitConnections(
  server: Server,
  connections: OpenConnections,
  limit: () => number,
  logger: Logger,
): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let refused = 0;
  server.on('connection', (socket: Socket) => {
    const most = limit();
    if (most === 0 || connections.size <= most) return;
    socket.destroy();
    refused++;
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + QUIET_MS;
    logger.warn({ refused, open: most }, 'connections are refused: server.maxConnections is reached');
    refused = 0;
  });
}
