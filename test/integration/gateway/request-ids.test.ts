import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { type CallOptions, call, type TargetResponse } from '../../support/client.js';
import { rawCall } from '../../support/raw-client.js';
import { startUpstream, status } from '../../support/upstream.js';

const MADE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ADMIN = 'the-token-of-the-admin';
const AUTHORIZATION = { authorization: `Bearer ${ADMIN}` };

/** A gateway on a free port with one API, `x`. */
async function startGateway({ server = '', top = '', transport = 'auto', target = '' } = {}) {
  const url = target || (await startUpstream(status(200))).url;
  const config = parseConfig(
    `${top}\nserver: { port: 0, ${server} }\napis: { x: { target: "${url}", retry: false, transport: ${transport}, cache: {} } }`,
    { env: {} },
  );
  const logs: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const gateway = createGateway({ ...config, logger, tokens: { admin: ADMIN } });
  const main = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  const adminUrl = String(logs.find(({ msg }) => /^admin routes/.test(String(msg)))?.url);
  return { url: main, port: Number(new URL(main).port), adminUrl, logs };
}

/** The one id of a response, which its error has too if it is one. */
function idOf(response: TargetResponse): string | undefined {
  const ids = response.lines('x-request-id');
  expect(ids).to.have.length.of.at.most(1);
  const isError = response.status >= 400 && response.headers['content-type']?.includes('json');
  if (isError) expect(Object(response.json()).requestId).to.equal(ids[0]);
  return ids[0];
}

describe('the id of a request', () => {
  for (const [what, path, options, expected] of [
    ['that a foreign page makes', '/api/x/a', { headers: { origin: 'https://evil.example' } }, 403],
    ['for a foreign Host', '/api/x/a', { headers: { host: 'evil.example' } }, 403],
    ['for a page by a foreign Host', '/stats-dashboard/', { headers: { host: 'evil.example' } }, 403],
    ['without a token', '/api-stats', {}, 401],
    ['for nothing', '/nothing', { headers: AUTHORIZATION }, 404],
    ['with a wrong order', '/cache/purge', { method: 'POST', headers: AUTHORIZATION, body: 'x' }, 400],
    ['for a path of a page that is none', '/stats-dashboard/nothing', { headers: AUTHORIZATION }, 404],
    ['for the figures of an unknown API', '/api-stats?api=nobody', { headers: AUTHORIZATION }, 404],
    ['for an unknown API', '/api/nobody/a', {}, 404],
    ['for a page', '/stats-dashboard/', { headers: AUTHORIZATION }, 200],
    ['for figures', '/api-stats?api=x', { headers: AUTHORIZATION }, 200],
    ['for metrics', '/metrics', { headers: AUTHORIZATION }, 200],
    ['for the health', '/health', {}, 200],
    ['for the health in full', '/health?verbose=1', { headers: AUTHORIZATION }, 200],
  ] as [string, string, CallOptions, number][]) {
    it(`is told to the client of one ${what}, its own or a new one`, async () => {
      const { url } = await startGateway();
      const made = await call(`${url}${path}`, options);
      expect(made.status).to.equal(expected);
      expect(idOf(made)).to.match(MADE);
      const headers = { ...options.headers, 'x-request-id': 'mine-1' };
      expect(idOf(await call(`${url}${path}`, { ...options, headers }))).to.equal('mine-1');
    });
  }

  it('is told on a listener of the admin routes too', async () => {
    const { url, adminUrl } = await startGateway({ server: 'admin: { port: 0 }' });
    expect(idOf(await call(`${url}/health`))).to.match(MADE);
    expect(idOf(await call(`${adminUrl}/metrics`, { headers: AUTHORIZATION }))).to.match(MADE);
    const refused = await call(`${adminUrl}/metrics`, { headers: { host: 'evil.example' } });
    expect([refused.status, MADE.test(String(idOf(refused)))]).to.deep.equal([403, true]);
  });

  for (const [what, path, origin] of [
    ['of a foreign page', '/api/x/a', 'https://evil.example'],
    ['where none is served', '/metrics', 'http://localhost'],
    ['to an unknown API', '/api/nobody/a', 'http://localhost'],
  ]) {
    it(`is told to a WebSocket that is refused: ${what}`, async () => {
      const { port } = await startGateway();
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\nX-Request-Id: mine-2\r\n`;
      const upgrade =
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
      const response = await rawCall(port, head + upgrade);
      expect(response).to.match(/^HTTP\/1\.1 40[34] /);
      expect(response.match(/^x-request-id: mine-2\r$/gim)).to.have.length(1);
      expect(response).to.include('"requestId":"mine-2"');
    });
  }

  for (const transport of ['undici', 'node'])
    it(`is in the error of a call that fails (${transport})`, async () => {
      const { url, logs } = await startGateway({ transport, target: 'http://127.0.0.1:1' });
      const failed = await call(`${url}/api/x/a`);
      expect(failed.status).to.equal(502);
      expect(idOf(failed)).to.match(MADE);
      expect(logs.find(({ path }) => path === '/api/x/a')?.requestId).to.equal(idOf(failed));
    });

  it('is in the log line of an action', async () => {
    const { url, logs } = await startGateway({ top: 'requestId: { accept: false }' });
    const purged = await call(`${url}/cache/purge`, {
      method: 'POST',
      headers: { ...AUTHORIZATION, 'content-type': 'application/json', 'x-request-id': 'mine-3' },
      body: JSON.stringify({ api: 'x', prefix: '/' }),
    });
    expect(purged.status).to.equal(200);
    expect(idOf(purged)).to.match(MADE);
    expect(logs.find(({ action }) => action === 'purge')?.requestId).to.equal(idOf(purged));
  });

  it('is none where ids are off', async () => {
    const { url } = await startGateway({ top: 'requestId: false' });
    for (const path of ['/health', '/nothing', '/api/nobody/a'])
      expect(idOf(await call(`${url}${path}`))).to.equal(undefined);
  });
});
