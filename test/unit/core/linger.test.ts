import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { lingerWhileUploading } from '../../../lib/core/linger.js';
import { fakeTimers } from '../../support/fake-timers.js';
import { listening } from '../../support/listening.js';
import { type RawClient, rawClient } from '../../support/raw-client.js';
import { eventOf, until } from '../../support/until.js';

/** A client in the middle of its upload has its response, which is the last of its connection. */
async function halfUpload(headers = 'Content-Length: 9'): Promise<{ client: RawClient; socket: Socket }> {
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    lingerWhileUploading(req);
    res.writeHead(413, { connection: 'close' }).end('no');
  });
  const { port } = await listening(server);
  const connected = eventOf<Socket>(server, 'connection');
  const client = await rawClient(port);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\nabc`);
  return { client, socket: await connected };
}

describe('lingerWhileUploading()', () => {
  it('tells the client the end at once, and closes when its upload is complete', async () => {
    const { client, socket } = await halfUpload();
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 413 /);
    expect(socket.destroyed).to.equal(false);
    const before = socket.bytesRead;
    client.send('def');
    await until(() => socket.bytesRead > before);
    expect(socket.destroyed).to.equal(false);
    client.send('ghi');
    await until(() => socket.closed);
  });

  it('closes when the client does', async () => {
    const { client, socket } = await halfUpload('Transfer-Encoding: chunked');
    await client.untilClosed();
    client.halfClose();
    await until(() => socket.closed);
  });

  it('closes after a second, whatever the client still sends', async () => {
    const timers = fakeTimers();
    const { client, socket } = await halfUpload();
    await eventOf(client.socket, 'end');
    expect(socket.destroyed).to.equal(false);
    const [, close] = [...timers.waiting].find(([, { ms }]) => ms === 1000) ?? [];
    close?.run();
    await eventOf(socket, 'close');
    expect([...timers.waiting.values()].filter(({ ms }) => ms === 1000)).to.deep.equal([]);
  });

  it('leaves a connection alone whose request has no body, or all of it', async () => {
    const seen: boolean[] = [];
    const server = createServer((req, res) => {
      req.resume().on('end', () => {
        const { destroySoon } = req.socket;
        lingerWhileUploading(req);
        seen.push(req.socket.destroySoon === destroySoon);
        res.end();
      });
    });
    const { port } = await listening(server);
    for (const rest of ['', 'Content-Length: 0\r\n']) {
      const client = await rawClient(port);
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${rest}\r\n`);
      await client.untilClosed();
    }
    expect(seen).to.deep.equal([true, true]);
  });
});
