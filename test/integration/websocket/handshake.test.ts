import { once } from 'node:events';
import { Agent, createServer } from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { resiliencePlugin } from '../../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { dial, dialOpen, type Echo, echoed, handshake, startEcho } from '../../support/echo.js';
import { openForward, startForward } from '../../support/forwarding.js';
import { listening, unusedPort } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { json, startUpstream, text } from '../../support/upstream.js';

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';

async function start(options: Omit<ForwardOptions, 'target'> = {}) {
  const echo = await startEcho();
  return { echo, ...(await startForward({ target: echo.url, ...options })) };
}

describe('forward().upgrade: the handshake', () => {
  const bad: [string, string, RegExp][] = [
    ['no key', handshake('/', { 'Sec-WebSocket-Key': undefined }), /Sec-WebSocket-Key/],
    ['a short key', handshake('/', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }), /Sec-WebSocket-Key/],
    [
      'a key that is not base64',
      handshake('/', { 'Sec-WebSocket-Key': '!'.repeat(24) }),
      /Sec-WebSocket-Key/,
    ],
    ['two keys', handshake('/', { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }), /Sec-WebSocket-Key/],
    ['another method', handshake().replace('GET', 'POST'), /GET/],
    ['HTTP/1.0', handshake().replace('HTTP/1.1', 'HTTP/1.0'), /HTTP\/1\.1/],
    ['a body', `${handshake('/', { 'Content-Length': '5' })}hello`, /must not have a body/],
    [
      'a chunked body',
      `${handshake('/', { 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`,
      /must not have a body/,
    ],
  ];
  for (const [what, bytes, message] of bad) {
    it(`answers 400 to one with ${what}, and sends no request`, async () => {
      const { echo, port } = await start();
      const response = await rawCall(port, bytes);
      expect(response)
        .to.match(/^HTTP\/1\.1 400 Bad Request\r\n/)
        .and.match(message);
      expect(response).to.match(/"code":"ERR_BAD_REQUEST"/);
      expect(echo.connections.total).to.equal(0);
    });
  }

  for (const key of ['AQIDBAUGBwgJCgsMDQ4PEC==', 'AQIDBAUGBwgJCgsMDQ4PEA==', '/////////////////////+==']) {
    it(`leaves a key that decodes to 16 bytes to the target (RFC 6455 §4.1): ${key}`, async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.write(`${SWITCHING}\r\n`);
      });
      const { port } = await startForward({ target: upstream.url });
      const client = await rawClient(port);
      client.send(handshake('/', { 'Sec-WebSocket-Key': key }));
      await client.until(/^HTTP\/1\.1 101 /);
      expect(upstream.received[0]?.received).to.include(key);
    });
  }

  it('leaves the version to the target', async () => {
    const { port } = await start();
    const response = await rawCall(port, handshake('/', { 'Sec-WebSocket-Version': '99' }));
    expect(response)
      .to.match(/^HTTP\/1\.1 400 /)
      .and.match(/Sec-WebSocket-Version: 13/i);
  });

  it('negotiates protocol and extensions between the two', async () => {
    const { echo, port } = await start();
    echo.sockets.options.perMessageDeflate = true;
    echo.sockets.options.handleProtocols = () => 'v2.chat';
    const socket = await dialOpen(port, '/', { perMessageDeflate: true });
    expect(socket.extensions).to.equal('permessage-deflate');
    expect(await echoed(socket, 'x'.repeat(5000))).to.have.length(5000);
    expect(echo.handshakes[0]?.headers).to.have.property('sec-websocket-key');
  });

  it('serves a request that offers another protocol as if it offered none, and the next one too', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const { port } = await startForward({ target: upstream.url });
    const client = await rawClient(port);
    client.send('POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n');
    client.send('HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 5\r\n\r\nhello');
    await client.until(/\{"ok":true\}/);
    client.send('GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 200 /);
    expect(upstream.requests.map(({ url, body }) => [url, String(body)])).to.deep.equal([
      ['/a', 'hello'],
      ['/b', ''],
    ]);
  });

  it('passes on the response of a target that does not switch, with its body', async () => {
    const body = 'x'.repeat(300_000);
    const upstream = await startUpstream(text(body, { 'x-why': 'closed on mondays' }));
    const { port } = await startForward({ target: upstream.url });
    const response = await rawCall(port, handshake());
    expect(response)
      .to.match(/^HTTP\/1\.1 200 OK\r\n/)
      .and.match(/x-why: closed on mondays/);
    expect(response.endsWith(body)).to.equal(true);
  });

  it('breaks off a response that the target breaks off', async () => {
    const upstream = await startRawUpstream(async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf');
      await until(() => client.text.endsWith('half'));
      connection.reset();
    });
    const { port } = await startForward({ target: upstream.url });
    const client = await rawClient(port);
    client.send(handshake());
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 403 .*half$/s);
  });

  it('ends a response whose body stops', async () => {
    const upstream = await startRawUpstream(async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf');
    });
    const { port } = await startForward({ target: upstream.url, bodyTimeoutMs: 50 });
    expect(await rawCall(port, handshake())).to.match(/half$/);
    await until(() => upstream.connections.open === 0);
  });

  it("uses the connections of a user's agent, idle ones too", async () => {
    const upstream = await startRawUpstream(async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      await connection.heads(2);
      connection.write(`${SWITCHING}\r\n`);
    });
    const agent = new Agent({ keepAlive: true });
    onCleanup(() => agent.destroy());
    const { port } = await startForward({ target: upstream.url, agent });
    expect(await rawCall(port, handshake())).to.match(/^HTTP\/1\.1 403 .*no$/s);
    const client = await rawClient(port);
    client.send(handshake());
    await client.until(/^HTTP\/1\.1 101 /);
    expect(upstream.connections.total).to.equal(1);
  });

  it('answers 504 if the target does not respond in time', async () => {
    const upstream = await startRawUpstream(() => {});
    for (const limit of [{ requestTimeoutMs: 50 }, { upgradeTimeout: 50 }]) {
      const { port } = await startForward({ target: upstream.url, ...limit });
      expect(await rawCall(port, handshake())).to.match(/^HTTP\/1\.1 504 .*ERR_UPSTREAM_TIMEOUT/s);
    }
    await until(() => upstream.connections.open === 0);
  });

  for (const [what, response] of [
    ['nothing at all', ''],
    ['garbage', 'garbage\r\n\r\n'],
    ['a switch to another protocol', 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['a switch to no protocol', 'HTTP/1.1 101 Switching\r\n\r\n'],
  ] as const) {
    it(`answers 502 if the target sends ${what}`, async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.end(response);
      });
      const { port } = await startForward({ target: upstream.url });
      expect(await rawCall(port, handshake())).to.match(/^HTTP\/1\.1 502 /);
      await until(() => upstream.connections.open === 0);
    });
  }

  it('passes on what either side sends in one piece with its head', async () => {
    const upstream = await startRawUpstream(async (connection) => {
      await connection.heads();
      connection.write(`${SWITCHING}\r\nfrom the target`);
    });
    const { port } = await startForward({ target: upstream.url });
    const client = await rawClient(port);
    client.send(`${handshake()}from the client`);
    await client.until(/\r\n\r\nfrom the target$/);
    await until(() => upstream.received[0]?.received.endsWith('from the client') ?? false);
  });

  it('does not respond before an earlier request of the connection has its response', async () => {
    const echo = await startEcho();
    const { port } = await startForward({ target: echo.url });
    const client = await rawClient(port);
    client.send(`GET /stalls HTTP/1.1\r\nHost: a\r\n\r\n${handshake()}`);
    await client.until(/half/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.text).to.not.include(' 101 ');
    expect(echo.handshakes).to.have.length(0);
  });

  it('sends nothing for a client that has left while a router was awaited', async () => {
    const upstream = await startRawUpstream(() => {});
    let choose = (_target: string): void => {};
    const asked = { times: 0 };
    const router = () => {
      asked.times++;
      return new Promise<string>((resolve) => {
        choose = resolve;
      });
    };
    const { port, connections } = await startForward({ target: upstream.url, router });
    const client = await rawClient(port);
    client.send(handshake());
    await until(() => asked.times === 1);
    client.destroy();
    await until(() => connections.open === 0);
    choose(upstream.url);
    // One that comes afterwards is carried, and nothing but it.
    const other = await rawClient(port);
    other.send(handshake('/other'));
    await until(() => asked.times === 2);
    choose(upstream.url);
    await until(() => upstream.received.length > 0);
    expect(upstream.received).to.have.length(1);
    expect(upstream.connections.total).to.equal(1);
    await upstream.received[0]?.heads();
    expect(upstream.received[0]?.received).to.match(/^GET \/other /);
  });

  it('closes the connection to a target that has not responded when the client leaves', async () => {
    for (const leave of ['destroy', 'halfClose'] as const) {
      const upstream = await startRawUpstream(() => {});
      const { port, connections } = await startForward({ target: upstream.url });
      const client = await rawClient(port);
      client.send(handshake());
      await until(() => upstream.received[0]?.received !== undefined);
      await upstream.received[0]?.heads();
      client[leave]();
      await until(() => upstream.connections.open === 0 && connections.open === 0, leave);
    }
  });

  it('refuses the upgrade when a user’s listener throws', async () => {
    const fails = () => {
      throw new Error('a listener');
    };
    const { port, echo } = await start({ on: { proxyReqWs: fails } });
    expect(await rawCall(port, handshake())).to.match(/^HTTP\/1\.1 500 .*ERR_INTERNAL/s);
    expect(echo.handshakes).to.have.length(0);
    const opening = await start({ on: { open: fails } });
    const socket = dial(opening.port);
    await once(socket, 'close');
    await until(() => opening.echo.connections.open === 0);
  });

  it('emits proxyReqWs, open and close as http-proxy-middleware does', async () => {
    const emitted: string[] = [];
    const { port } = await start({
      on: {
        proxyReqWs: (proxyReq, req, socket) => {
          proxyReq.setHeader('X-Added', 'late');
          emitted.push(`proxyReqWs ${req.url} ${socket.writable}`);
        },
        open: (socket) => {
          emitted.push('open');
          socket.on('data', () => emitted.push('data'));
        },
        close: (res) => void emitted.push(`close ${res.statusCode}`),
      },
    });
    const socket = await dialOpen(port, '/chat');
    await echoed(socket, 'hello');
    socket.close();
    await until(() => emitted.includes('close 101'));
    expect(emitted.filter((_, i) => i < 3)).to.deep.equal(['proxyReqWs /chat true', 'open', 'data']);
  });

  it("sends a header that was added in proxyReqWs, and the router's choice of a target", async () => {
    const echo = await startEcho();
    const { port } = await startForward({
      router: () => echo.url,
      on: { proxyReqWs: (proxyReq) => void proxyReq.setHeader('X-Added', 'late') },
    });
    await dialOpen(port);
    expect(echo.handshakes[0]?.headers).to.have.property('x-added', 'late');
  });

  it('adds with xfwd what http-proxy-middleware adds, and the host', async () => {
    const headers = ({ handshakes }: Echo) =>
      Object.entries(handshakes[0]?.headers ?? {}).filter(([name]) => name.startsWith('x-forwarded-'));
    const plainEcho = await startEcho();
    const plain = createProxyMiddleware({ target: plainEcho.url, xfwd: true });
    const server = createServer().on('upgrade', (req, socket, head) =>
      plain.upgrade?.(req, socket as Socket, head),
    );
    const { port: plainPort } = await listening(server);
    await dialOpen(plainPort, '/', { headers: { host: 'app.example:8443' } });
    const { echo, port } = await start({ xfwd: true });
    await dialOpen(port, '/', { headers: { host: 'app.example:8443' } });
    expect(headers(plainEcho)).to.have.length(3);
    expect(headers(echo)).to.deep.equal([...headers(plainEcho), ['x-forwarded-host', 'app.example:8443']]);
  });

  it('keeps the X-Forwarded headers of the client', async () => {
    const { echo, port } = await start({ xfwd: true });
    await dialOpen(port, '/', { headers: { 'x-forwarded-for': '192.0.2.1' } });
    expect(echo.handshakes[0]?.headers).to.have.property('x-forwarded-for', '192.0.2.1');
  });

  it('passes on those of a middleware with the plugin, whose error listener responds', async () => {
    const echo = await startEcho();
    const make = (target: string) =>
      createProxyMiddleware({ target, ejectPlugins: true, plugins: [resiliencePlugin()] });
    const works = make(echo.url);
    const { port } = await serve(works, {
      upgrade: (...args) => works.upgrade?.(args[0], args[1] as Socket, args[2]),
    });
    expect(await echoed(await dialOpen(port), 'hello')).to.equal('hello');
    const fails = make(`http://127.0.0.1:${await unusedPort()}`);
    const other = await serve(fails, {
      upgrade: (...args) => fails.upgrade?.(args[0], args[1] as Socket, args[2]),
    });
    expect(await rawCall(other.port, handshake())).to.match(/^HTTP\/1\.1 502 .*ERR_UPSTREAM_CONNECT/s);
  });

  it('listens by itself from the first call on with ws, and takes each upgrade once', async () => {
    const echo = await startEcho();
    const handler = openForward({ target: echo.url, ws: true });
    const { port, url, server } = await serve(handler);
    await call(url);
    await call(url);
    expect(server.listenerCount('upgrade')).to.equal(1);
    server.on('upgrade', (req, socket, head) => handler.upgrade(req, socket, head));
    expect(await echoed(await dialOpen(port), 'hello')).to.equal('hello');
    expect(echo.handshakes).to.have.length(1);
  });

  it('leaves what pathFilter excludes to other listeners, or else refuses it with 404', async () => {
    const echo = await startEcho();
    const { port, server } = await startForward({ target: echo.url, pathFilter: '/chat' });
    await dialOpen(port, '/chat/x');
    expect(await rawCall(port, handshake('/other'))).to.match(/^HTTP\/1\.1 404 .*ERR_NOT_FOUND/s);
    server.on('upgrade', (req, socket) => {
      if (req.url === '/other') socket.end('HTTP/1.1 418 Mine\r\nConnection: close\r\n\r\n');
    });
    expect(await rawCall(port, handshake('/other'))).to.match(/^HTTP\/1\.1 418 Mine/);
    await dialOpen(port, '/chat/y');
  });

  it('closes open ones with 1001 when the handler is closed, and refuses new ones', async () => {
    const echo = await startEcho();
    const handler = openForward({ target: echo.url });
    const { port } = await serve(handler, { upgrade: handler.upgrade });
    const socket = await dialOpen(port);
    const closing = once(socket, 'close');
    await handler.close();
    expect((await closing)[0]).to.equal(1001);
    await until(() => echo.connections.open === 0);
    expect(await rawCall(port, handshake())).to.match(/^HTTP\/1\.1 503 .*ERR_SHUTTING_DOWN/s);
  });

  it('fails those that have no response yet when the handler is closed', async () => {
    const upstream = await startRawUpstream(() => {});
    const handler = openForward({ target: upstream.url });
    const { port } = await serve(handler, { upgrade: handler.upgrade });
    const client = await rawClient(port);
    client.send(handshake());
    await until(() => upstream.received.length === 1);
    await upstream.received[0]?.heads();
    await handler.close();
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 503 .*ERR_SHUTTING_DOWN/s);
  });
});
