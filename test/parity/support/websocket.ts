import type { Connection } from './scripted-upstream.js';
import { type Message, request } from './wire.js';

/** Head of an answer that switches. */
export const SWITCH = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  'X-From-Target: 1',
].join('\r\n');

/** Switches, and sends back what it gets. */
export const echo = {
  main: {
    replies: [
      ({ write, socket }: Connection, { start }: Message) => {
        if (!start.startsWith('GET')) return;
        write(`${SWITCH}\r\n\r\n`);
        socket.on('data', (chunk: Buffer) => write(chunk.toString('latin1')));
      },
    ],
  },
};

/** A request to switch. */
export const hello = request('GET /ws?x=1', [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'X-Mine: 1',
]);
