import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { onCleanup } from '../../support/cleanup.js';
import { listening, unusedPort } from '../../support/listening.js';
import { credentials } from '../../support/tls.js';
import { type Message, readMessages } from './wire.js';

/** The upstream's end of a connection. */
export interface Connection {
  readonly socket: Socket;
  write(bytes: string): void;
  /** Closes without a reset. */
  end(bytes?: string): void;
  /** Closes with a reset. */
  reset(): void;
}

/** Bytes of a response, or an action in its place. */
export type Reply = string | ((connection: Connection, request: Message) => unknown);

/** The script of an upstream. */
export interface Script {
  /** One for each request, over all connections; the last one is for all further ones. */
  replies?: readonly Reply[];
  /** Responds as soon as it has the head of a request. */
  early?: boolean;
  /** Uses TLS, with an untrusted certificate for `localhost` and `127.0.0.1`. */
  tls?: boolean;
  /** Nothing listens on the port. */
  refuses?: boolean;
  /** Listens on a Unix socket. */
  unix?: boolean;
}

/** An upstream that records every byte it gets, and sends the bytes of its script. */
export interface ScriptedUpstream {
  readonly url: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  /** Requests that have arrived in full, and those that broke off. */
  requests(): Message[];
  /** Responses that were sent. */
  sent(): Message[];
  readonly connections: number;
  /** Connections that have closed. */
  readonly closed: number;
  /** Closes all connections. */
  hangUp(): void;
  /** Every request that has begun is complete, or its connection closed. */
  quiet(): boolean;
}

interface Talk {
  readonly socket: Socket;
  received: string;
  written: string;
  closed: boolean;
}

/** Starts an upstream, closed after the test. */
export async function startScripted({
  replies = [],
  early,
  tls,
  unix,
  refuses,
}: Script): Promise<ScriptedUpstream> {
  const talks: Talk[] = [];
  const order: { talk: Talk; index: number }[] = [];
  const speak = (socket: Socket): void => {
    const talk: Talk = { socket, received: '', written: '', closed: false };
    talks.push(talk);
    let responded = 0;
    const connection = connectionOf(socket, talk);
    socket.on('data', (chunk: Buffer) => {
      talk.received += chunk.toString('latin1');
      const seen = readMessages(talk.received, { kind: 'request', closed: early === true });
      for (; responded < seen.length; responded++) {
        const message = seen[responded];
        const reply = replies[order.length] ?? replies.at(-1);
        order.push({ talk, index: responded });
        if (typeof reply === 'string') connection.write(reply);
        else if (message) reply?.(connection, message);
      }
    });
    socket
      .on('error', () => {})
      .on('close', () => {
        talk.closed = true;
      });
  };
  const server = tls ? createTlsServer(credentials(), speak) : createServer(speak);
  let connections = 0;
  server.on('connection', () => void connections++);
  const place = unix
    ? await listenOnPath(server)
    : { port: refuses ? await unusedPort() : (await listening(server)).port, socketPath: undefined };
  const requestsOf = (talk: Talk) => readMessages(talk.received, { kind: 'request', closed: true });
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${place.port}`,
    port: place.port,
    socketPath: place.socketPath,
    requests: () => {
      const inOrder = order.map(({ talk, index }) => requestsOf(talk)[index]);
      const unanswered = talks.flatMap((talk) => {
        const responded = order.filter((entry) => entry.talk === talk).length;
        return requestsOf(talk).slice(responded);
      });
      return [...inOrder, ...unanswered].filter((message) => message !== undefined);
    },
    sent: () =>
      talks.flatMap((talk) => {
        const methods = requestsOf(talk).map(({ start }) => start.split(' ')[0] ?? '');
        return readMessages(talk.written, { kind: 'response', methods, closed: true });
      }),
    get closed() {
      return talks.filter((talk) => talk.closed).length;
    },
    get connections() {
      return connections;
    },
    hangUp: () => {
      for (const { socket } of talks) socket.destroy();
    },
    quiet: () => talks.every((talk) => talk.closed || requestsOf(talk).every(({ cut }) => !cut)),
  };
}

function connectionOf(socket: Socket, talk: Talk): Connection {
  const send = (bytes: string, how: 'write' | 'end'): void => {
    if (socket.destroyed) return;
    talk.written += bytes;
    socket[how](Buffer.from(bytes, 'latin1'));
  };
  return {
    socket,
    write: (bytes) => send(bytes, 'write'),
    end: (bytes = '') => send(bytes, 'end'),
    reset: () => void socket.resetAndDestroy(),
  };
}

async function listenOnPath(server: Server): Promise<{ port: number; socketPath: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'parity-'));
  const socketPath = join(folder, 'upstream.sock');
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onCleanup(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });
  return { port: 0, socketPath };
}
