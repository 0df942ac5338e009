import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Calls back when a request can leave: at once where its connection, and TLS in it, is there. */
export function whenConnected(request: Pick<ClientRequest, 'socket' | 'once'>, run: () => void): void {
  const socket: Socket | null = request.socket;
  if (!socket) request.once('socket', () => whenConnected(request, run));
  else if ((socket as Partial<TLSSocket>).encrypted && isSecuring(socket)) socket.once('secureConnect', run);
  else if (socket.connecting) socket.once('connect', run);
  else run();
}

/** Node sets it while a handshake is due, though its types do not say so. */
const isSecuring = (socket: Socket): boolean => Reflect.get(socket, 'secureConnecting') === true;
