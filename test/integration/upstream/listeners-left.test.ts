import { createServer } from 'node:http';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { openForward } from '../../support/forwarding.js';
import { listening, unusedPort } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { eventOf, until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

describe('many forward() on one server', () => {
  it('leaves one listener on the server for all, however the calls ended', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    onCleanup(() => process.off('warning', note));
    const { url: target } = await startUpstream(text('hello'));
    const refused = `http://127.0.0.1:${await unusedPort()}`;
    const filter = { pathFilter: '/never' };
    const apis = Object.fromEntries(
      Array.from({ length: 15 }, (_, i) => [
        `a${i}`,
        { target: i % 3 === 1 ? refused : target, retry: false as const, ...(i % 3 === 2 ? filter : {}) },
      ]),
    );
    const proxy = resilientProxy({ apis });
    onCleanup(() => proxy.close());
    const { url, server } = await serve(proxy);
    const before = server.listenerCount('close');
    for (const [i, name] of Object.keys(apis).entries()) {
      expect((await call(`${url}/${name}/x`)).status).to.equal([200, 502, 400][i % 3]);
    }
    await new Promise(setImmediate);
    expect(warnings).to.deep.equal([]);
    expect(server.listenerCount('close')).to.equal(before + 1);
    await proxy.close();
    expect(server.listenerCount('close')).to.equal(before);
  });

  it('leaves nothing of what an update removed', async () => {
    const { url: target } = await startUpstream(text('hello'));
    const configured = (i: number) => ({
      apis: { a: { target, headers: { 'x-version': `${i}` }, ws: true } },
    });
    const proxy = resilientProxy(configured(0));
    onCleanup(() => proxy.close());
    const { url, server } = await serve(proxy);
    const before = server.listenerCount('close');
    for (let i = 1; i <= 50; i++) {
      await call(`${url}/a/x`);
      proxy.update(configured(i));
    }
    await call(`${url}/a/x`);
    await until(() => server.listenerCount('upgrade') === 1);
    await until(() => server.listenerCount('close') === before + 1);
  });
});

describe('forward() with ws', () => {
  const startEcho = async () => {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    server.on('request', (_req, res) => res.end('hello'));
    return `http://127.0.0.1:${(await listening(server)).port}`;
  };

  it('takes upgrades by itself once it has served a call, each only once', async () => {
    const target = await startEcho();
    const { url, server } = await serve(openForward({ target, ws: true }));
    for (let i = 0; i < 3; i++) expect((await call(url)).text).to.equal('hello');
    expect(server.listenerCount('upgrade')).to.equal(1);
    const socket = new WebSocket(url.replace('http', 'ws'));
    onCleanup(() => socket.terminate());
    await eventOf(socket, 'open');
    const back = eventOf<Buffer>(socket, 'message');
    socket.send('there and back');
    expect((await back).toString()).to.equal('there and back');
  });

  it('takes an upgrade once if it is passed to it as well', async () => {
    const target = await startEcho();
    const handler = openForward({ target, ws: true });
    const { url } = await serve(handler, { upgrade: handler.upgrade });
    await call(url);
    const socket = new WebSocket(url.replace('http', 'ws'));
    onCleanup(() => socket.terminate());
    await eventOf(socket, 'open');
    const back = eventOf<Buffer>(socket, 'message');
    socket.send('once');
    expect((await back).toString()).to.equal('once');
  });

  it('removes its listeners from the server when it is closed', async () => {
    const target = await startEcho();
    const handler = openForward({ target, ws: true });
    const { url, server } = await serve(handler);
    await call(url);
    await handler.close();
    expect(server.listenerCount('upgrade')).to.equal(0);
  });
});
