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
