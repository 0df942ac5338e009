import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { forward } from '../../../lib/upstream/forward.js';
import { onCleanup } from '../../support/cleanup.js';
import { dial, dialOpen, echoed, handshake, startEcho } from '../../support/echo.js';
import { startForward } from '../../support/forwarding.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { eventOf, until } from '../../support/until.js';

describe('limits of WebSockets', () => {
  it('refuses one more than maxSockets with 503, until another has closed', async () => {
    const echo = await startEcho();
    const { port } = await startForward({ target: echo.url, maxSockets: 2 });
    const sockets = [await dialOpen(port), await dialOpen(port)];
    const response = await rawCall(port, handshake());
    expect(response)
      .to.match(/^HTTP\/1\.1 503 /)
      .and.match(/ERR_NO_CONNECTION/)
      .and.match(/Retry-After: 1/i);
    expect(echo.handshakes).to.have.length(2);

    const closed = eventOf(sockets[0] as never, 'close');
    sockets[0]?.close();
    await closed;
    await until(() => echo.connections.open === 1);
    expect(await echoed(await dialOpen(port), 'in again')).to.equal('in again');
  });

  it('counts those that are being opened, and gives back what a refused handshake had', async () => {
    const upstream = await startRawUpstream(async (connection) => {
      await connection.heads();
      if (connection.received.includes('/refused'))
        connection.end('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n');
    });
    const { port } = await startForward({ target: upstream.url, maxSockets: 1 });
    expect(await rawCall(port, handshake('/refused'))).to.match(/^HTTP\/1\.1 403 /);
    const client = await rawClient(port);
    client.send(handshake('/opening'));
    await until(() => upstream.received.length === 2);
    expect(await rawCall(port, handshake('/more'))).to.match(/^HTTP\/1\.1 503 /);
  });

  it('counts those that were opened before update() has changed the API', async () => {
    const echo = await startEcho();
    const apis = (maxSockets: number) => ({
      apis: { echo: { target: echo.url, maxSockets, retry: false as const } },
    });
    const proxy = resilientProxy(apis(5));
    onCleanup(() => proxy.close());
    const { port } = await serve(proxy, { upgrade: proxy.upgrade });
    const first = await dialOpen(port, '/echo/');
    await dialOpen(port, '/echo/');
    expect(proxy.update(apis(2)).changed).to.deep.equal({ echo: ['forward'] });
    expect(await rawCall(port, handshake('/echo/'))).to.match(/^HTTP\/1\.1 503 /);
    first.terminate();
    await until(() => echo.connections.open === 1);
    expect(await echoed(await dialOpen(port, '/echo/'), 'in again')).to.equal('in again');
  });

  it('refuses one more of a client than maxSocketsPerClient', async () => {
    const echo = await startEcho();
    const { port } = await startForward({ target: echo.url, maxSocketsPerClient: 1 });
    await dialOpen(port);
    expect(await rawCall(port, handshake())).to.match(/^HTTP\/1\.1 503 /);
    const other = dial(port, '/', { localAddress: '127.0.0.2' });
    await eventOf(other as never, 'open');
  });

  it('opens no more at once than connections, and the others in turn', async () => {
    const upstream = await startRawUpstream(() => {});
    const { port } = await startForward({ target: upstream.url, connections: 2 });
    const clients = await Promise.all([1, 2, 3, 4].map(() => rawClient(port)));
    for (const client of clients) client.send(handshake());
    await until(() => upstream.received.length === 2);
    await Promise.all(upstream.received.map((connection) => connection.heads()));
    expect(upstream.connections.total).to.equal(2);
    for (const connection of upstream.received) {
      connection.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    }
    await until(() => upstream.received.length === 4);
    expect(clients.filter(({ text }) => text.includes(' 101 '))).to.have.length(2);
  });

  it('gives a turn up whose client has left', async () => {
    const upstream = await startRawUpstream(() => {});
    const { port, connections } = await startForward({ target: upstream.url, connections: 1 });
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => rawClient(port)));
    first?.send(handshake('/first'));
    await until(() => upstream.received.length === 1);
    second?.send(handshake('/second'));
    third?.send(handshake('/third'));
    second?.destroy();
    await until(() => connections.open === 2);
    first?.destroy();
    await until(() => upstream.received.some(({ received }) => received.startsWith('GET /third ')));
    expect(upstream.received.filter(({ received }) => received.startsWith('GET /second '))).to.deep.equal([]);
  });

  for (const [name, value] of [
    ['maxSockets', 1.5],
    ['maxSocketsPerClient', -1],
    ['socketIdleTimeoutMs', 0.5],
    ['maxSocketAgeMs', -1],
    ['maxConnectionAgeMs', -1],
  ] as const) {
    it(`refuses ${name}: ${value}`, () => {
      expect(() => forward({ target: 'http://a.example', [name]: value })).to.throw(
        `forward.${name} must be`,
      );
    });
  }
});
