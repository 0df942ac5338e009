import { type IncomingMessage, OutgoingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Runs once the responses to all earlier requests of a connection have been sent (RFC 9112 §9.3.2): at once unless
 * its client sends requests without waiting. Not at all if the connection closes before.
 */
export function whenInTurn({ socket }: IncomingMessage, run: () => void): void {
  if (!sending(socket)) return run();
  // Node has removed its own listeners, and an unhandled error would end the process.
  socket.on('error', () => {});
  // An earlier response may wait for it.
  const drained = (): void => void sending(socket)?.emit('drain');
  socket.on('drain', drained);
  const next = (): void => {
    const before = sending(socket);
    // After Node's own listener, which gives the connection to the next response.
    if (before) return void before.once('finish', next);
    socket.off('drain', drained);
    if (!socket.destroyed && !socket.writableEnded) run();
  };
  next();
}

/** The response that a connection is sending. Node stores it there, though its types do not say so. */
function sending(socket: Duplex): OutgoingMessage | undefined {
  const message: unknown = Reflect.get(socket, '_httpMessage');
  return message instanceof OutgoingMessage ? message : undefined;
}
