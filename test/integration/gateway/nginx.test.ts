import { createServer } from 'node:http';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, open } from '../../support/client.js';
import { listening, unusedPort } from '../../support/listening.js';
import { startNginx } from '../../support/nginx.js';
import { blocksOf, swap } from '../../support/pages.js';
import { startRedis } from '../../support/redis.js';
import { eventOf } from '../../support/until.js';
import { json, startUpstream, type UpstreamResponse } from '../../support/upstream.js';

const TOKEN = 'token';

/** nginx and a gateway as the page shows them, in front of this API; the second gateway is not there. */
async function startAsShown(target: string) {
  const blocks = await blocksOf('recipes/behind-nginx.md');
  const text = (language: string) => blocks.find((block) => block.language === language)?.text ?? '';
  const file = swap(text('yaml'), { 'https://prices.example': target });
  const loaded = parseConfig(file, { env: { REDIS_URL: (await startRedis()).url } });
  const gateway = createGateway({
    ...loaded,
    gateway: { ...loaded.gateway, port: 0 },
    logger: gatewayLogger('silent', { write: () => {} }),
    tokens: { admin: TOKEN },
  });
  onCleanup(() => gateway.close());
  let connections = 0;
  gateway.server.on('connection', () => connections++);
  const { host } = new URL(await gateway.listen());
  const port = await unusedPort();
  const swaps = {
    '127.0.0.1:8087': host,
    '127.0.0.1:8089': `127.0.0.1:${await unusedPort()}`,
    'listen 80': `listen 127.0.0.1:${port}`,
  };
  await startNginx(swap(text('nginx'), swaps), port);
  return {
    port,
    get: (path: string, headers = {}) =>
      call(`http://127.0.0.1:${port}${path}`, { headers: { host: 'proxy.example', ...headers } }),
    connections: () => connections,
  };
}

describe('recipes/behind-nginx.md', () => {
  it('serves the API by its name, over kept connections, and sends it nothing about the client', async () => {
    const upstream = await startUpstream(json({ price: 1 }));
    const { get, connections } = await startAsShown(upstream.url);
    for (let i = 0; i < 8; i++) expect((await get('/api/prices/btc')).status).to.equal(200);
    expect(connections()).to.be.below(3);
    const headers = upstream.requests[0]?.headers;
    expect(headers?.['x-request-id']).to.match(/^[0-9a-f]{32}$/);
    expect(headers).to.not.have.any.keys('x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto');
  });

  it('serves /health to everybody, and the rest with the token', async () => {
    const upstream = await startUpstream(json({}));
    const { get } = await startAsShown(upstream.url);
    const authorization = `Bearer ${TOKEN}`;
    expect((await get('/health')).json()).to.deep.equal({ status: 'ok' });
    expect((await get('/circuit-status')).status).to.equal(401);
    expect((await get('/circuit-status', { authorization })).status).to.equal(200);
    expect((await get('/cb-dashboard/', { authorization })).status).to.equal(200);
    expect((await get('/elsewhere')).status).to.equal(404);
  });

  it('passes events on as they come', async () => {
    let end = () => {};
    const events: UpstreamResponse = (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
      end = () => res.end();
    };
    const { port } = await startAsShown((await startUpstream(events)).url);
    const { res } = await open(`http://127.0.0.1:${port}/api/prices/stream`, {
      headers: { host: 'proxy.example' },
    });
    expect(String(await eventOf(res, 'data'))).to.equal('data: 1\n\n');
    end();
  });

  it('passes WebSockets on', async () => {
    const server = createServer();
    const { port: target } = await listening(server);
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (message) => socket.send(`echo ${message}`));
    });
    const { port } = await startAsShown(`http://127.0.0.1:${target}`);
    const headers = { host: 'proxy.example' };
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/prices/live`, { headers });
    onCleanup(() => socket.terminate());
    await eventOf(socket, 'open');
    socket.send('hello');
    expect(String(await eventOf(socket, 'message'))).to.equal('echo hello');
  });
});
