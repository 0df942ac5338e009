import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { AttemptListener } from '../transport.js';

/** Tells whether the connection of an attempt is being opened, and when it is there: TLS included. */
export function whenOpen(socket: Socket, listener: Pick<AttemptListener, 'connecting' | 'connected'>): void {
  const encrypted = socket instanceof TLSSocket;
  // What an agent hands out may have been open before.
  if (!socket.connecting && !(encrypted && handshakes(socket))) return listener.connected();
  listener.connecting();
  socket.once(encrypted ? 'secureConnect' : 'connect', () => listener.connected());
}

/** Node's types do not know it. */
const handshakes = (socket: TLSSocket & { secureConnecting?: boolean }): boolean =>
  socket.secureConnecting === true;
