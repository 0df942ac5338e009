import { createServer, type Socket } from 'node:net';
import { type Connections, listening } from './listening.js';
import { until } from './until.js';

/** One connection of a {@link RawUpstream}: received bytes, and a way to send bytes. */
export class RawConnection {
  readonly socket: Socket;
  /** All received bytes, one character per byte. */
  received = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
    });
  }

  /** Resolves once this many request heads have arrived. */
  heads(count = 1): Promise<void> {
    return until(() => this.received.split('\r\n\r\n').length > count, `request head ${count}`);
  }

  write(bytes: string | Buffer): void {
    if (this.socket.destroyed) return;
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Closes without a reset. */
  end(bytes = ''): void {
    this.socket.end(Buffer.from(bytes, 'latin1'));
  }

  /** Closes with a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** A server that sends given bytes, for responses that no HTTP server would send. */
export interface RawUpstream {
  readonly url: string;
  readonly port: number;
  readonly received: readonly RawConnection[];
  readonly connections: Connections;
  close(): Promise<void>;
}

/**
 * Starts a raw upstream on a free port, closed after the test.
 * @param speak called for each connection, with its number from 1
 */
export async function startRawUpstream(
  speak: (connection: RawConnection, number: number) => unknown,
): Promise<RawUpstream> {
  const received: RawConnection[] = [];
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    const connection = new RawConnection(socket);
    received.push(connection);
    Promise.resolve(speak(connection, received.length)).catch(() => socket.destroy());
  });
  const { port, connections, close } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, port, received, connections, close };
}

/** Sends these bytes after each request head, and leaves the connection open. */
export function rawResponse(bytes: string): (connection: RawConnection) => void {
  return (connection) => {
    let responded = 0;
    connection.socket.on('data', () => {
      const heads = connection.received.split('\r\n\r\n').length - 1;
      for (; responded < heads; responded++) connection.write(bytes);
    });
  };
}
