import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { clientFrame, dial, dialOpen, echoed, handshake, startEcho } from '../../support/echo.js';
import { openForward, startForward } from '../../support/forwarding.js';
import { rawClient } from '../../support/raw-client.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { standstill, until, within } from '../../support/until.js';

const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n';

async function start() {
  const echo = await startEcho();
  return { echo, ...(await startForward({ target: echo.url })) };
}

/** A target that switches protocols and then sends nothing, and a client with the open connection. */
async function startRaw() {
  const upstream = await startRawUpstream(async (connection) => {
    await connection.heads();
    connection.write(SWITCHING);
  });
  const { port, connections } = await startForward({ target: upstream.url });
  const client = await rawClient(port);
  client.send(handshake());
  await client.until(/\r\n\r\n/);
  const [target] = upstream.received;
  if (!target) throw new Error('No connection came');
  const bothGone = () => until(() => upstream.connections.open === 0 && connections.open === 0);
  return { client, target, bothGone };
}

describe('forward().upgrade: the open WebSocket', () => {
  it('passes on close frames with code and reason both ways', async () => {
    const { echo, port, connections } = await start();
    const leaving = await dialOpen(port);
    const left = once(leaving, 'close');
    leaving.close(4001, 'had enough');
    await until(() => echo.closes.length === 1);
    expect(echo.closes).to.deep.equal([[4001, 'had enough']]);
    expect(await left.then(([code, reason]) => [code, String(reason)])).to.deep.equal([4001, 'had enough']);
    const client = await dialOpen(port);
    const end = once(client, 'close');
    for (const socket of echo.sockets.clients) socket.close(4002, 'closing time');
    expect(await end.then(([code, reason]) => [code, String(reason)])).to.deep.equal([4002, 'closing time']);
    await until(() => connections.open === 0 && echo.connections.open === 0);
  });

  it('passes on a large last message of a target that closes after it to a client that reads late', async () => {
    const { echo, port } = await start();
    const socket = await dialOpen(port);
    let bytes = 0;
    socket.on('message', (data: Buffer) => {
      bytes += data.length;
    });
    socket.pause();
    for (const target of echo.sockets.clients) {
      target.send(Buffer.alloc(512 * 1024));
      target.close(4003);
    }
    await standstill(() => [...echo.raw].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0), 50);
    const end = once(socket, 'close');
    socket.resume();
    expect((await end)[0]).to.equal(4003);
    expect(bytes).to.equal(512 * 1024);
  });

  it('passes on pings and pongs', async () => {
    const { port } = await start();
    const socket = await dialOpen(port);
    const pong = once(socket, 'pong');
    socket.ping('are you there');
    expect(String((await within(pong, 'the pong'))[0])).to.equal('are you there');
  });

  it('passes on invalid frames to the target, which closes', async () => {
    const { echo, port, connections } = await start();
    const client = await rawClient(port);
    client.send(`${handshake()}this is no frame at all, however long it is`);
    await client.untilClosed();
    client.destroy();
    await until(() => connections.open === 0 && echo.connections.open === 0);
    expect(await echoed(await dialOpen(port), 'others go on')).to.equal('others go on');
  });

  it('passes on invalid frames of the target to the client', async () => {
    const { client, target, bothGone } = await startRaw();
    target.write('\xff\xff\xff\xff\xff garbage');
    await client.until(/garbage$/);
    client.destroy();
    await bothGone();
  });

  for (const [what, leave] of [
    [
      'is reset in the middle of a frame',
      ({ socket }: { socket: { resetAndDestroy(): unknown } }) => socket.resetAndDestroy(),
    ],
    ['ends in the middle of a frame', ({ socket }: { socket: { end(): unknown } }) => socket.end()],
  ] as const) {
    it(`closes both ends when the client ${what}`, async () => {
      const { client, target, bothGone } = await startRaw();
      client.send(clientFrame(1, 'never complete').subarray(0, 10));
      await until(() => target.received.endsWith('neve'));
      leave(client);
      await bothGone();
    });

    it(`closes both ends when the target ${what}`, async () => {
      const { client, target, bothGone } = await startRaw();
      target.write('\x81\x7dnever complete');
      await client.until(/complete$/);
      leave(target);
      await client.untilClosed();
      client.destroy();
      await bothGone();
    });
  }

  it('keeps one that is idle for longer than bodyTimeoutMs', async () => {
    const echo = await startEcho();
    const limits = { bodyTimeoutMs: 50, requestTimeoutMs: 50 };
    const { port, server } = await startForward({ target: echo.url, ...limits });
    server.timeout = 100;
    const socket = await dialOpen(port);
    for (let i = 0; i < 3; i++) {
      const client = await rawClient(port);
      client.send('GET /stalls HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(await client.untilClosed()).to.match(/half\r\n$/);
    }
    expect(await echoed(socket, 'still here')).to.equal('still here');
  });

  it('pauses a target whose client does not read', async () => {
    const { echo, port, server } = await start();
    const ends: Socket[] = [];
    server.on('connection', (end) => void ends.push(end));
    const socket = await dialOpen(port);
    socket.pause();
    const [target] = echo.sockets.clients;
    const [raw] = echo.raw;
    const chunk = Buffer.alloc(64 * 1024);
    const total = 1024;
    for (let i = 0; i < total; i++) target?.send(chunk);
    // What has left the target's own memory: kernel buffers hold some megabytes, the proxy next to nothing.
    const sent = () => (raw?.bytesWritten ?? 0) - (raw?.writableLength ?? 0);
    const stoppedAt = await standstill(sent);
    expect(stoppedAt).to.be.below(0.75 * total * chunk.length);
    expect(ends[0]?.writableLength).to.be.within(1, 256 * 1024);
    let received = 0;
    socket.on('message', () => received++);
    socket.resume();
    await until(() => received === total, 'all messages', 10_000);
  });

  it('pauses a client whose target does not read', async () => {
    const { echo, port } = await start();
    const socket = await dialOpen(port);
    const [target] = echo.sockets.clients;
    target?.removeAllListeners('message');
    target?.pause();
    const chunk = Buffer.alloc(64 * 1024);
    const total = 1024;
    let done = 0;
    for (let i = 0; i < total; i++) socket.send(chunk, () => done++);
    expect(await standstill(() => done)).to.be.below(0.75 * total);
    let received = 0;
    target?.on('message', () => received++);
    target?.resume();
    await until(() => received === total, 'all messages', 10_000);
  });

  it('handles a thousand at once, and leaves none of them open', async function () {
    this.timeout(60_000);
    const { echo, port, connections } = await start();
    const sockets = Array.from({ length: 1000 }, () => dial(port));
    await within(Promise.all(sockets.map((socket) => once(socket, 'open'))), 'all to open', 30_000);
    const responses = await within(
      Promise.all(sockets.map((socket, i) => echoed(socket, `${i} ${'x'.repeat(i)}`))),
      'all responses',
      30_000,
    );
    expect(responses.every((text, i) => text === `${i} ${'x'.repeat(i)}`)).to.equal(true);
    for (const [i, socket] of sockets.entries()) {
      // A third closes, a third disconnects, and the target closes the others.
      if (i % 3 === 0) socket.close(4000, 'bye');
      if (i % 3 === 1) socket.terminate();
    }
    await until(() => echo.closes.length >= 667, 'two thirds', 20_000);
    for (const socket of echo.sockets.clients) socket.close(4001);
    await until(() => connections.open === 0 && echo.connections.open === 0, 'all closed', 20_000);
    expect(echo.closes.filter(([code, reason]) => code === 4000 && reason === 'bye')).to.have.length(334);
    expect(connections.total).to.equal(1000);
  });

  it('sends its close frame between two frames of the target, and nothing after it', async () => {
    const upstream = await startRawUpstream(async (connection) => {
      await connection.heads();
      connection.write(SWITCHING);
    });
    const handler = openForward({ target: upstream.url });
    const { port } = await serve(handler, { upgrade: handler.upgrade });
    const client = await rawClient(port);
    client.send(handshake());
    await client.until(/\r\n\r\n/);
    const [target] = upstream.received;
    target?.write('\x81\x05hel');
    await client.until(/hel$/);
    const closed = handler.close();
    target?.write('lo\x81\x04late');
    // What has come by now is all: the end of the target's connection stands behind it.
    await client.until(/\xe9$/);
    client.halfClose();
    await closed;
    expect((await client.untilClosed()).split('\r\n\r\n')[1]).to.equal('\x81\x05hello\x88\x02\x03\xe9');
    await until(() => upstream.connections.open === 0);
  });
});
