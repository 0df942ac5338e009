import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Responses that wait behind others of their connection. */
const waiting = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Makes a pipelined response hear that its client has gone. Node tells it only to the response whose turn it is
 * (before Node 24): the others would never close, and their calls never end.
 */
export function closeWithConnection(req: IncomingMessage, res: ServerResponse): void {
  const { socket } = req;
  if (!(socket instanceof Socket)) return;
  if (socket.closed) return void process.nextTick(close, res);
  const known = waiting.get(socket);
  const responses = known ?? new Set();
  responses.add(res);
  res.once('close', () => responses.delete(res));
  if (known) return;
  waiting.set(socket, responses);
  socket.once('close', () => {
    for (const left of responses) {
      // If it has a connection its turn has come, and Node tells it.
      if (!left.socket) close(left);
    }
  });
}

/** One that was destroyed before its turn has told nobody either. */
function close(res: ServerResponse): void {
  res.destroy();
  res.emit('close');
}
