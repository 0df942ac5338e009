import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import { call } from '../../support/client.js';
import { startConnectProxy } from '../../support/connect-proxy.js';
import { openForward } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { rotating } from '../../support/rotating.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';

/** Names that the certificates are for, and the host of a target that each is right for. */
const CERTIFICATES = {
  'DNS:localhost': 'localhost',
  'IP:127.0.0.1': '127.0.0.1',
  'IP:::1': '[::1]',
  'DNS:elsewhere.test': undefined,
} as const;
const NAMES = Object.keys(CERTIFICATES) as (keyof typeof CERTIFICATES)[];
const AUTHORITIES = NAMES.map((names) => credentials(names).ca);

/** The target hosts, as they stand in a URL. */
const HOSTS = ['localhost', '127.0.0.1', '[::1]'];

const WAYS = ['direct', 'http://localhost', 'http://127.0.0.1', 'https://localhost', 'https://127.0.0.1'];

const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** An https server on all loopback addresses, which takes WebSockets. */
async function startTarget(names: string): Promise<number> {
  const server = createTlsServer(credentials(names), (_req, res) => res.end('ok'));
  new WebSocketServer({ server });
  const { port } = await listening(server);
  const v6 = createTlsServer(credentials(names), (_req, res) => res.end('ok'));
  new WebSocketServer({ server: v6 });
  await new Promise<void>((resolve, reject) => v6.once('error', reject).listen(port, '::1', resolve));
  targets.push(() => v6.close());
  return port;
}

const targets: (() => void)[] = [];

/** Status of the response to an upgrade. */
function upgraded(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(HANDSHAKE));
    socket.once('error', reject).once('data', (head) => {
      socket.destroy();
      resolve(Number(String(head).split(' ')[1]));
    });
  });
}

describe('the certificate of an https target', () => {
  afterEach(() => {
    for (const close of targets.splice(0)) close();
  });

  for (const way of WAYS) {
    for (const host of HOSTS) {
      it(`is checked against ${host}, ${way === 'direct' ? way : `through a proxy at ${way}`}`, async () => {
        const own = credentials();
        const proxy = await startConnectProxy(undefined, way.startsWith('https:') ? own : undefined);
        const trusted: string[] = [];
        const right: string[] = [];
        for (const names of NAMES) {
          const target = `https://${host}:${await startTarget(names)}`;
          for (const transport of ['undici', 'node'] as const) {
            const { rotate } = rotating({
              proxies: [{ url: `${way}:${proxy.port}`, ca: own.ca }],
              ...(way === 'direct' ? { proxies: [], strategy: 'never' } : {}),
            });
            const forward = openForward({
              target,
              transport,
              ca: AUTHORITIES,
              headers: { authorization: 'key' },
            });
            const { url, port } = await serve(
              (req, res, next) => rotate(req, res, () => forward(req, res, next)),
              {
                upgrade: (req, socket, head) => forward.upgrade(req, socket, head, rotate.policy()),
              },
            );
            const { status } = await call(url);
            if (status === 200) trusted.push(`${names} ${transport}`);
            if ((await upgraded(port)) === 101) trusted.push(`${names} upgrade`);
            if (CERTIFICATES[names] === host) right.push(`${names} ${transport}`, `${names} upgrade`);
          }
        }
        expect(trusted).to.deep.equal(right);
        expect(proxy.connects.length > 0).to.equal(way !== 'direct');
      });
    }
  }
});
