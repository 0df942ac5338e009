import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of a test. */
export interface Served {
  /** Scheme, host and port, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and destroys the connections. A second call returns the same promise. */
  close(): Promise<void>;
}

/**
 * Serves an application, or a `resilientProxy()` by itself, on a free port of 127.0.0.1. It keeps no process alive: one
 * that a test has forgotten to close ends with the process.
 *
 * @param handler an Express application or any other request listener
 */
export async function serve(
  handler: (req: IncomingMessage, res: ServerResponse) => unknown,
): Promise<Served> {
  if (typeof handler !== 'function') throw new TypeError(`serve() takes a function; received ${handler}`);
  const server = createServer((req, res) => void handler(req, res));
  server.unref();
  server.on('connection', (socket) => socket.unref());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const end = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close() {
      closing ??= end();
      return closing;
    },
  };
}
