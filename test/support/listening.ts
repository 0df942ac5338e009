import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { onCleanup } from './cleanup.js';

/** Connections of a server. */
export interface Connections {
  /** All since it started. */
  readonly total: number;
  /** Open now. */
  readonly open: number;
  readonly closed: number;
}

/** A server on a free port, closed with all its sockets after the test. */
export interface Listening {
  readonly port: number;
  readonly connections: Connections;
  close(): Promise<void>;
}

/** Lets the server listen on 127.0.0.1, and closes it after the test. */
export async function listening(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  const connections = { total: 0, open: 0, closed: 0 };
  server.on('connection', (socket: Socket) => {
    connections.total++;
    connections.open++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      connections.open--;
      connections.closed++;
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  onCleanup(close);
  return { port: (server.address() as AddressInfo).port, connections, close };
}

/** A port of 127.0.0.1 on which nothing listens. */
export async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
