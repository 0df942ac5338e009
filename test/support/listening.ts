import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
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

/** Below those that the kernel hands out by itself, on Linux and elsewhere: no connection and no server gets one by chance. */
const PORTS = { first: 12_000, count: 20_000 };

/**
 * A port of 127.0.0.1 on which nothing listens, nor will: no other test gets it, in this process or another, as long as
 * this process lives.
 */
export async function unusedPort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + randomInt(PORTS.count);
    if ((await isClaimed(port)) && (await isFree(port))) return port;
  }
}

/** Claims are ports of UDP, which no test uses below the kernel's: they end with their process, however it ends. */
function isClaimed(port: number): Promise<boolean> {
  const claim = createSocket('udp4');
  return new Promise((resolve) => {
    claim.once('error', () => claim.close(() => resolve(false)));
    claim.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      claim.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
