import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { limitLateUploads } from '../../../lib/gateway/late-uploads.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { buildGateway } from '../../support/gateway-program.js';
import { listening } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { runGateway } from '../../support/run-gateway.js';
import { until } from '../../support/until.js';
import { json, startUpstream } from '../../support/upstream.js';

/** Begins a POST whose client then sends a byte every 20 ms. */
async function drip(port: number, head = 'POST /api/x/ HTTP/1.1') {
  const client = await rawClient(port);
  client.send(`${head}\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n`);
  const timer = setInterval(() => client.send('x'), 20);
  onCleanup(() => clearInterval(timer));
  return client;
}

async function startGateway(api: string): Promise<number> {
  const upstream = await startUpstream(json({ ok: true }));
  const text = `server: { port: 0 }\ndefaults: { bodyTimeoutMs: 200 }\napis: { x: { target: "${upstream.url}", ${api} } }`;
  const logger = gatewayLogger('silent', { write: () => {} });
  const gateway = createGateway({ ...parseConfig(text, { env: {} }), logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  return Number(new URL(url).port);
}

describe('createGateway() and slow clients', () => {
  it('ends uploads below 500 bytes per second by default', async () => {
    const client = await drip(await startGateway(''));
    const response = await client.untilClosed();
    expect(response).to.match(/^HTTP\/1\.1 408 /);
    expect(response).to.include('"ERR_REQUEST_TIMEOUT"');
  });

  it('lets an API have another rate, or none', async () => {
    const [none, less] = [await startGateway('minBodyRate: 0'), await startGateway('minBodyRate: 5')];
    const clients = [await drip(none), await drip(less)];
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(clients.map(({ closed, text }) => [closed, text])).to.deep.equal([
      [false, ''],
      [false, ''],
    ]);
  });
});

describe('the gateway in a burst of connections', () => {
  before(buildGateway);

  it('lets more than a thousand wait to be accepted', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const file = join(mkdtempSync(join(tmpdir(), 'rpo-burst-')), 'apis.json');
    onCleanup(() => rmSync(dirname(file), { recursive: true }));
    writeFileSync(file, JSON.stringify({ apis: { x: { target: upstream.url } } }));
    const { pid, port } = await runGateway(['--config', file, '--port', '0']);
    process.kill(pid, 'SIGSTOP');
    let connected = 0;
    let responses = 0;
    for (let i = 0; i < 1100; i++) {
      const socket = connect(port, '127.0.0.1');
      onCleanup(() => socket.destroy());
      socket.once('connect', () => connected++).once('data', () => responses++);
      socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    }
    // Beyond the limit there is no connection as long as nobody accepts.
    await until(() => connected === 1100);
    process.kill(pid, 'SIGCONT');
    await until(() => responses === 1100, 'the responses', 15_000);
  });
});

describe('limitLateUploads()', () => {
  async function startServer(): Promise<number> {
    const server = createServer((_req, res) => res.end('ok'));
    server.on('request', limitLateUploads({ minBodyRate: 1000, graceMs: 150 }));
    onCleanup(() => server.closeAllConnections());
    return (await listening(server)).port;
  }

  it('closes the connection of a client that sends too little behind its response', async () => {
    const client = await drip(await startServer(), 'GET / HTTP/1.1');
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 200 OK/);
  });

  it('leaves that of one that is fast enough, and serves its next request', async () => {
    const client = await rawClient(await startServer());
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
    for (let sent = 0; sent < 1000; sent += 100) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.send('x'.repeat(100));
    }
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until(/ok[\s\S]*ok/);
    // The watch ends with the body.
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(client.closed).to.equal(false);
  });
});
