import { connect, type Socket } from 'node:net';
import { onCleanup } from './cleanup.js';
import { eventOf, until, within } from './until.js';

/** A client that sends and reads bytes, for requests that no HTTP client would send. */
export interface RawClient {
  readonly socket: Socket;
  /** All received bytes, one character per byte. */
  readonly text: string;
  /** The other side has closed or reset the connection. */
  readonly closed: boolean;
  send(bytes: string | Buffer): void;
  /** Resolves with all received bytes once they match. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with all received bytes once the connection has closed. */
  untilClosed(): Promise<string>;
  /** Half-closes the connection. */
  halfClose(): void;
  /** Destroys the connection. */
  destroy(): void;
}

/** Connects to a port of 127.0.0.1; closed after the test. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onCleanup(() => socket.destroy());
  let text = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  const ending = new Promise<void>((resolve) => {
    socket.on('end', resolve).on('close', () => resolve());
  }).then(() => {
    closed = true;
  });
  await eventOf(socket, 'connect');
  return {
    socket,
    get text() {
      return text;
    },
    get closed() {
      return closed;
    },
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    until: async (pattern) => {
      await until(() => pattern.test(text) || closed, `bytes that match ${pattern}`, 10_000);
      if (!pattern.test(text)) throw new Error(`Closed without ${pattern}; got: ${JSON.stringify(text)}`);
      return text;
    },
    untilClosed: async () => {
      await within(ending, 'the connection to close', 10_000);
      return text;
    },
    halfClose: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

/** Sends one request as bytes and resolves with the whole response, once the connection has closed. */
export async function rawCall(port: number, bytes: string | Buffer): Promise<string> {
  const client = await rawClient(port);
  client.send(bytes);
  return client.untilClosed();
}
