import type { IncomingMessage } from 'node:http';
import { announcesBody } from './exchange.js';

const LINGER_MS = 1000;

/**
 * Lets a client that is still uploading read its response before its connection is closed: one that is closed while
 * bytes arrive is reset, and the client loses what it was told. The end is told at once; what comes until the upload is
 * complete, or for a second, is read and dropped.
 */
export function lingerWhileUploading(req: IncomingMessage): void {
  // HTTP/2 has frames for it, and no connection of its own.
  if (req.complete || req.httpVersionMajor !== 1 || !announcesBody(req)) return;
  const { socket } = req;
  const { destroySoon } = socket;
  // What Node's server calls behind the last response of a connection.
  socket.destroySoon = () => {
    if (req.complete || socket.destroyed) return destroySoon.call(socket);
    const close = () => socket.destroy();
    const timer = setTimeout(close, LINGER_MS);
    timer.unref();
    socket.once('close', () => clearTimeout(timer)).end();
    req.on('end', close).on('close', close).resume();
  };
}
