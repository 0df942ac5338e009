import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { onCleanup } from './cleanup.js';
import { type Connections, listening } from './listening.js';
import { credentials } from './tls.js';
import { eventOf } from './until.js';

/** A handshake as received by its server. */
export interface ReceivedHandshake {
  readonly url: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly rawHeaders: readonly string[];
  /** Address of the client. */
  readonly from: string;
}

/** A WebSocket server that echoes messages. To `/stalls` it sends a response that never ends. */
export interface Echo {
  readonly url: string;
  readonly port: number;
  readonly connections: Connections;
  readonly handshakes: readonly ReceivedHandshake[];
  /** Codes and reasons of received close frames. */
  readonly closes: readonly (readonly [code: number, reason: string])[];
  readonly sockets: WebSocketServer;
  /** The TCP connections of the WebSockets. */
  readonly raw: ReadonlySet<Socket>;
}

/** Starts an echo on a free port, closed after the test. */
export async function startEcho(scheme: 'http' | 'https' = 'http'): Promise<Echo> {
  const plain: RequestListener = (req, res) => {
    if (req.url === '/stalls') res.write('half');
    else res.end('no WebSocket');
  };
  const server = scheme === 'https' ? createTlsServer(credentials(), plain) : createServer(plain);
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  const handshakes: ReceivedHandshake[] = [];
  const closes: [number, string][] = [];
  const raw = new Set<Socket>();
  sockets.on('connection', (socket, req) => {
    const { url = '', headers, rawHeaders } = req;
    handshakes.push({ url, headers, rawHeaders, from: String(req.socket.remoteAddress) });
    raw.add(req.socket);
    req.socket.on('close', () => raw.delete(req.socket));
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('close', (code, reason) => closes.push([code, String(reason)]));
    // A client that sends an invalid frame is closed by the server with 1002.
    socket.on('error', () => {});
  });
  const { port, connections } = await listening(server);
  return { url: `${scheme}://127.0.0.1:${port}`, port, connections, handshakes, closes, sockets, raw };
}

/** A WebSocket client, destroyed after the test. */
export function dial(port: number, path = '/', options: ClientOptions = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false, ...options });
  socket.on('error', () => {});
  onCleanup(() => socket.terminate());
  return socket;
}

/** The same once it is open. */
export async function dialOpen(port: number, path = '/', options: ClientOptions = {}): Promise<WebSocket> {
  const socket = dial(port, path, options);
  await eventOf(socket, 'open');
  return socket;
}

/** Sends a text and waits for the echo of it. */
export async function echoed(socket: WebSocket, text: string): Promise<string> {
  const back = eventOf<Buffer>(socket, 'message');
  socket.send(text);
  return String(await back);
}

/** A WebSocket handshake as bytes; `undefined` omits a header. */
export function handshake(path = '/', headers: Record<string, string | undefined> = {}): string {
  const all: Record<string, string | undefined> = {
    Host: 'a',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}: ${value}`,
  );
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** A client's frame, masked with zeros, which leaves the payload readable. */
export function clientFrame(opcode: number, payload: string | Buffer, final = true): Buffer {
  const body = Buffer.from(payload);
  const head = [(final ? 0x80 : 0) | opcode];
  if (body.length < 126) head.push(0x80 | body.length);
  else head.push(0x80 | 126, body.length >> 8, body.length & 0xff);
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), body]);
}
