import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Ties both ends together: httpxy passes an end on, but not that one side was cut off.
 * @param upgraded where a client is noted once it speaks WebSocket and can no longer be answered by HTTP
 */
export function tieEnds(proxyReq: ClientRequest, client: Socket, upgraded: WeakSet<Socket>): void {
  const leave = (): void => {
    proxyReq.destroy();
  };
  client.once('close', leave);
  proxyReq.once('upgrade', (_res: IncomingMessage, target: Socket) => {
    upgraded.add(client);
    client.off('close', leave);
    client.once('close', () => target.destroy());
    target.once('close', () => client.destroy());
  });
}

/** Answers an upgrade that failed before the target took it. */
export function refuseUpgrade(client: Socket, status: number, reason: string): void {
  if (client.destroyed || client.writableEnded) return;
  client.on('error', () => {});
  client.end(`HTTP/1.1 ${status} ${reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}
