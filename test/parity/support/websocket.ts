import type { RawClient } from '../../support/raw-client.js';
import type { Connection } from './scripted-upstream.js';
import { type Message, request } from './wire.js';
import type { World } from './world.js';

/** Head of a response that switches. */
export const SWITCH = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  'X-From-Target: 1',
].join('\r\n');

/** Switches, and echoes what it gets. */
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

/** Opens a WebSocket, receives one echo, and sees it close on both sides. */
export async function talk(client: RawClient, world: World): Promise<void> {
  client.send(hello);
  await client.until(/\r\n\r\n/);
  client.send('ping');
  await client.until(/ping$/);
  client.halfClose();
  await client.untilClosed();
  await world.until(() => world.at('main').closed === 1, 'the connection to the target to close');
}
