import type { Server } from 'node:http';

/** Where a server listens: an address and a port, or the socket that another process has opened. */
export interface ListenPlace {
  readonly host: string;
  readonly port: number;
  /** Descriptor of an open socket, in place of the others. */
  readonly socket?: number | undefined;
}

/** Where a server listens by now. */
export interface Bound {
  /** What a user is told: a URL, unless it is a Unix socket. */
  readonly url: string;
  /** Address, without brackets; empty for a Unix socket. */
  readonly host: string;
}

/** Connections that may wait to be accepted; Linux takes its own limit, 4096, where that is less. Node has 511. */
const BACKLOG = 4096;

/** Resolves once it listens; rejects with the error of the socket. */
export function listening(server: Server, { host, port, socket }: ListenPlace): Promise<Bound> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const plain = host.replace(/^\[|\]$/g, '');
    server.listen(socket === undefined ? { host: plain, port, backlog: BACKLOG } : { fd: socket }, () => {
      server.off('error', reject);
      const address = server.address();
      // That of a socket that was not opened here has no path.
      if (address === null || typeof address !== 'object') return resolve({ url: 'a Unix socket', host: '' });
      const at = socket === undefined ? plain : address.address;
      resolve({ url: `http://${at.includes(':') ? `[${at}]` : at}:${address.port}`, host: at });
    });
  });
}
