import { expect } from 'chai';
import type { Handler } from '../../../lib/core/exchange.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { forward } from '../../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { upgradeRoutes } from '../../../lib/websocket/upgrade-routes.js';
import { onCleanup } from '../../support/cleanup.js';
import { dialOpen, echoed, handshake, startEcho } from '../../support/echo.js';
import { startForward } from '../../support/forwarding.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { type RawConnection, startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';

const BODY = '{"Detach":false,"Tty":true}';

/** What Docker's client sends for `docker exec`. */
const exec = (body = BODY, protocol = 'tcp', path = '/exec/1/start') =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const SWITCHING = (protocol: string) =>
  `HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n`;

/** Switches protocols once it has the body of this length, then sends back all that comes in capitals. */
const startDocker = (length = BODY.length, protocol = 'tcp') =>
  startRawUpstream(async (connection) => {
    await connection.heads();
    const begin = connection.received.indexOf('\r\n\r\n') + 4;
    await until(() => connection.received.length >= begin + length);
    let sent = begin + length;
    const shout = () => {
      connection.write(connection.received.slice(sent).toUpperCase());
      sent = connection.received.length;
    };
    connection.write(SWITCHING(protocol));
    shout();
    connection.socket.on('data', shout);
  });

const TCP: ForwardOptions = { upgrades: ['websocket', 'tcp', 'spdy/3.1'] };

const bodyOf = ({ received }: RawConnection) => received.slice(received.indexOf('\r\n\r\n') + 4);

describe('upgrades to other protocols than WebSocket (RFC 9110 §7.8)', () => {
  it('are ignored by default: the request is served as any other', async () => {
    const upstream = await startUpstream((req, res) => {
      req.on('end', () => res.end(`${req.method} ${req.headers.upgrade}`)).resume();
    });
    const { port } = await startForward({ target: upstream.url });
    const client = await rawClient(port);
    client.send(exec());
    await client.until(/POST undefined$/);
  });

  it('are tunnelled where they are listed, after the body of the request', async () => {
    const docker = await startDocker();
    const { port } = await startForward({ ...TCP, target: docker.url });
    const client = await rawClient(port);
    client.send(exec());
    const head = await client.until(/\r\n\r\n$/);
    expect(head)
      .to.match(/^HTTP\/1\.1 101 /)
      .and.match(/^Upgrade: tcp\r?$/im)
      .and.match(/raw-stream/);
    client.send('ls\n');
    await client.until(/LS\n$/);
    const [connection] = docker.received;
    expect(connection?.received)
      .to.match(/^POST \/exec\/1\/start HTTP\/1\.1\r\n/)
      .and.match(/^upgrade: tcp\r$/im);
    expect(connection?.received.slice(connection.received.indexOf('\r\n\r\n') + 4)).to.equal(`${BODY}ls\n`);
  });

  for (const [what, length, protocol] of [
    ['without a body, in any letter case', 0, 'SPDY/3.1'],
    ['with a body of 1 MB', 1_000_000, 'tcp'],
  ] as const) {
    it(`are tunnelled ${what}`, async () => {
      const docker = await startDocker(length, protocol);
      const { port } = await startForward({ ...TCP, target: docker.url });
      const client = await rawClient(port);
      client.send(exec('x'.repeat(length), protocol));
      await client.until(/^HTTP\/1\.1 101 /);
      client.send('hello');
      await client.until(/HELLO$/);
    });
  }

  it('choose what the client likes best of what is listed, and offer the target nothing else', async () => {
    const docker = await startDocker(0, 'tcp');
    const { port } = await startForward({ ...TCP, target: docker.url });
    const client = await rawClient(port);
    client.send(exec('', 'h2c, tcp, websocket'));
    await client.until(/^HTTP\/1\.1 101 /);
    expect(docker.received[0]?.received.match(/^upgrade: .*$/gim)).to.deep.equal(['Upgrade: tcp']);
  });

  it('keep what a client sends too early until the target has switched', async () => {
    let respond = (_bytes: string): void => {};
    const upstream = await startRawUpstream((connection) => {
      respond = (bytes) => connection.write(bytes);
    });
    const { port } = await startForward({ ...TCP, target: upstream.url });
    const client = await rawClient(port);
    client.send(`${exec()}GET /admin HTTP/1.1\r\n\r\n`);
    await until(() => upstream.received[0]?.received.endsWith(BODY) ?? false);
    respond('HTTP/1.1 409 Conflict\r\nContent-Length: 7\r\n\r\nstopped');
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 409 Conflict[\s\S]*\r\n\r\nstopped$/);
    await until(() => upstream.connections.open === 0);
    expect(upstream.received.map(bodyOf)).to.deep.equal([BODY]);
  });

  it('let an end that sends no more receive, as `docker exec -i` does', async () => {
    const docker = await startRawUpstream(async (connection) => {
      await connection.heads();
      connection.write(SWITCHING('tcp'));
      connection.socket.on('end', () => connection.end('all of it'));
    });
    const { port } = await startForward({ ...TCP, target: docker.url });
    const client = await rawClient(port);
    client.send(exec(''));
    await client.until(/\r\n\r\n$/);
    client.halfClose();
    expect(await client.untilClosed()).to.match(/\r\n\r\nall of it$/);
  });

  for (const [what, protocol] of [
    ['another protocol', 'h2c'],
    ['several', 'tcp, h2c'],
  ] as const) {
    it(`are 502 where the target switches to ${what}`, async () => {
      const docker = await startDocker(BODY.length, protocol);
      const { port } = await startForward({ ...TCP, target: docker.url });
      expect(await rawCall(port, exec()))
        .to.match(/^HTTP\/1\.1 502 /)
        .and.match(/ERR_UPSTREAM_PROTOCOL/);
    });
  }

  it('are 502 where the target switches before it has all of the request', async () => {
    const docker = await startDocker(1);
    const { port } = await startForward({ ...TCP, target: docker.url });
    const client = await rawClient(port);
    client.send(exec('12345').slice(0, -2));
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 502 /);
  });

  for (const [what, offer] of [
    [
      'with chunks',
      exec()
        .replace(/Content-Length.*/, 'Transfer-Encoding: chunked')
        .replace(BODY, '2\r\nhi\r\n0\r\n\r\n'),
    ],
    ['of HTTP/1.0', exec().replace('HTTP/1.1', 'HTTP/1.0')],
  ] as const) {
    it(`are ignored in a request ${what}`, async () => {
      const upstream = await startUpstream((req, res) => {
        req.on('end', () => res.end(`upgrade ${req.headers.upgrade}`)).resume();
      });
      const { port } = await startForward({ ...TCP, target: upstream.url });
      const client = await rawClient(port);
      client.send(offer);
      await client.until(/upgrade undefined/);
    });
  }

  it('count as open sockets: no more than maxSockets, and cut off when idle for long', async () => {
    const docker = await startDocker();
    const { port } = await startForward({
      ...TCP,
      target: docker.url,
      maxSockets: 1,
      socketIdleTimeoutMs: 100,
    });
    const client = await rawClient(port);
    client.send(exec());
    await client.until(/^HTTP\/1\.1 101 /);
    expect(await rawCall(port, exec())).to.match(/^HTTP\/1\.1 503 /);
    expect(await client.untilClosed()).to.match(/raw-stream\r\n[\s\S]*\r\n\r\n$/);
    await until(() => docker.connections.open === 0);
  });

  it('may leave WebSockets out', async () => {
    const upstream = await startUpstream((req, res) => res.end(`upgrade ${req.headers.upgrade}`));
    const { port } = await startForward({ target: upstream.url, upgrades: ['tcp'] });
    const client = await rawClient(port);
    client.send(handshake());
    await client.until(/upgrade undefined/);
  });

  it('are taken by the APIs that list them, also behind a mount', async () => {
    const docker = await startDocker();
    const echo = await startEcho();
    const plain = await startUpstream((req, res) => {
      req.on('end', () => res.end(`${req.url} ${req.headers.upgrade}`)).resume();
    });
    const proxy = resilientProxy({
      apis: {
        docker: { ...TCP, target: docker.url },
        plain: { target: plain.url },
        echo: { target: echo.url },
      },
    });
    onCleanup(() => proxy.close());
    const handler: Handler = (req, res) => {
      req.url = (req.url ?? '/').replace('/mount', '');
      proxy(req, res);
    };
    for (const [prefix, upgrade] of [
      ['', proxy.upgrade],
      ['/mount', upgradeRoutes({ '/mount': proxy.upgrade })],
    ] as const) {
      const { port } = await serve(handler, { upgrade });
      const client = await rawClient(port);
      client.send(exec(BODY, 'tcp', `${prefix}/docker/exec/1/start`));
      await client.until(/^HTTP\/1\.1 101 /);
      const other = await rawClient(port);
      other.send(exec(BODY, 'tcp', `${prefix}/plain/x`));
      await other.until(/\/x undefined/);
      expect(await echoed(await dialOpen(port, `${prefix}/echo/`), 'hi')).to.equal('hi');
    }
  });

  it('refuses what is no name of a protocol', () => {
    expect(() => forward({ target: 'http://a', upgrades: ['tcp udp'] })).to.throw(/upgrades/);
  });
});
