import type { Socket } from 'node:net';

type Write = (error?: Error | null) => void;

/**
 * Lets a connection be read to its end before an error of a write to it counts. A target may refuse an upload and close
 * while it is still sent: its response waits in the receive buffer then, and an error that destroys the socket at once
 * would lose it. Until the end has come nothing more is written.
 */
export function readBeforeWriteError(socket: Socket): void {
  if (Object.hasOwn(socket, '_write')) return;
  const { _write: write, _writev: writev } = socket;
  const later =
    (done: Write): Write =>
    (error) => {
      if (!error || !isClosed(error) || socket.readableEnded || socket.destroyed) return done(error);
      // Behind all who hear the end: they know best what it means.
      socket.once('end', () => setImmediate(done, error));
    };
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, later(done));
  if (writev) socket._writev = (chunks, done) => writev.call(socket, chunks, later(done));
}

/** Whether the other side has closed: it has said what it had to say, and the end of that is still to be read. */
const isClosed = (error: Error): boolean =>
  'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
