import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import type { Tokens } from '../../../lib/gateway/tokens.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, keepAliveAgent } from '../../support/client.js';
import { dialOpen, startEcho } from '../../support/echo.js';
import { unusedPort } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { json, startUpstream, status, text } from '../../support/upstream.js';

const TOKENS = { admin: 'the-token-of-the-admin', viewer: 'the-token-of-the-viewer' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

interface Started {
  /** Lines of the block `server`, as YAML in one line. */
  server?: string;
  /** Lines of the API `x`, as YAML in one line. */
  api?: string;
  tokens?: Tokens;
}

/** A gateway on a free port with one API, `x`. */
async function startGateway(target: string, { server = '', api = '', tokens = {} }: Started = {}) {
  const file = (more: string, ofApi = api) =>
    parseConfig(
      `server: { port: 0, ${more} }\napis: { x: { target: "${target}", retry: false, ${ofApi} } }`,
      {
        env: {},
      },
    );
  const logs: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const gateway = createGateway({ ...file(server), logger, tokens });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  const adminUrl = String(logs.find(({ msg }) => /^admin routes/.test(String(msg)))?.url);
  return { ...gateway, url, port: Number(new URL(url).port), logs, file, adminUrl };
}

describe('the tokens of the gateway', () => {
  for (const transport of ['undici', 'node'])
    it(`never go out to an API, whoever sends them (${transport})`, async () => {
      const upstream = await startUpstream(status(200));
      const { url, port } = await startGateway(upstream.url, {
        api: `transport: ${transport}`,
        tokens: TOKENS,
      });
      for (const authorization of [
        `Bearer ${TOKENS.admin}`,
        `bearer  ${TOKENS.viewer}`,
        basic(`me:${TOKENS.admin}`),
        basic(`${TOKENS.admin}:`),
        `Token ${TOKENS.admin}`,
        TOKENS.viewer,
      ])
        expect((await call(`${url}/api/x/`, { headers: { authorization } })).status).to.equal(200);
      for (const { rawHeaders } of upstream.requests)
        expect(rawHeaders.join('\n')).not.to.match(/authorization|the-token-of/i);
      const other = ['Bearer another', basic('me:another')];
      for (const authorization of other) await call(`${url}/api/x/`, { headers: { authorization } });
      expect(upstream.requests.slice(6).map(({ headers }) => headers.authorization)).to.deep.equal(other);
      const lines = `Authorization: Bearer ${TOKENS.admin}\r\nAuthorization: Bearer another\r\n`;
      await rawCall(port, `GET /api/x/ HTTP/1.1\r\nHost: localhost\r\n${lines}Connection: close\r\n\r\n`);
      expect(upstream.requests.at(-1)?.headers.authorization).to.equal('Bearer another');
    });

  for (const transport of ['undici', 'node'])
    it(`cannot be guessed with calls: after ten others the right one looks like a wrong one (${transport})`, async () => {
      // Serves without a credential, and refuses all that are wrong.
      const upstream = await startUpstream((req, res) => {
        const { authorization } = req.headers;
        res
          .writeHead(authorization === undefined || authorization === 'Bearer of-a-client' ? 200 : 401)
          .end();
      });
      const { url, logs } = await startGateway(upstream.url, {
        api: `transport: ${transport}, headers: { Accept: "*/*" }`,
        tokens: TOKENS,
      });
      const send = async (authorization: string) =>
        (await call(`${url}/api/x/`, { headers: { authorization } })).status;
      expect(await send(`Bearer ${TOKENS.admin}`), 'before').to.equal(200);
      for (let i = 0; i < 10; i++) expect(await send(`Bearer guess-${i}`)).to.equal(401);
      const first = upstream.requests.length;
      for (const authorization of [
        `Bearer ${TOKENS.admin}`,
        `bearer ${TOKENS.viewer}`,
        basic(`me:${TOKENS.admin}`),
        TOKENS.admin,
        'Bearer guess-11',
      ])
        expect(await send(authorization), authorization).to.equal(401);
      const sent = upstream.requests.slice(first).map(({ headers }) => String(headers.authorization));
      expect(sent[0]).to.match(/^Bearer [a-z]{3}-[a-z]{5}-[a-z]{2}-[a-z]{3}-[a-z]{5}$/);
      expect(sent[2]).to.match(/^Basic \S+$/);
      const plain = sent.map((one) => `${one} ${Buffer.from(one.slice(6), 'base64')}`).join();
      expect(plain).not.to.include('the-token-of');
      expect(await send(`Bearer ${TOKENS.admin}`)).to.equal(401);
      expect(upstream.requests.at(-1)?.headers.authorization, 'the same each time').to.equal(sent[0]);
      const told = logs.filter(({ msg }) => /tries many credentials: no API got it/.test(String(msg)));
      expect(told.map(({ client }) => client)).to.deep.equal(['127.0.0.1']);
    });

  it('are guarded without harm to those who bring many credentials of an API', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url, { tokens: TOKENS });
    const credentials = Array.from({ length: 60 }, (_, i) => `Bearer of-client-${i}`);
    for (const authorization of [...credentials, ...credentials])
      expect((await call(`${url}/api/x/`, { headers: { authorization } })).status).to.equal(200);
    expect(upstream.requests.map(({ headers }) => headers.authorization)).to.deep.equal([
      ...credentials,
      ...credentials,
    ]);
    const metrics = await call(`${url}/metrics`, { headers: bearer(TOKENS.admin) });
    expect(metrics.status, 'the admin routes of the same address').to.equal(200);
  });

  it('cannot be guessed with calls instead, by whom the admin routes keep waiting', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url, { tokens: TOKENS });
    for (let i = 0; i < 10; i++) await call(`${url}/metrics`, { headers: bearer(`guess-${i}`) });
    await call(`${url}/api/x/`, { headers: bearer(TOKENS.admin) });
    expect(upstream.requests[0]?.headers.authorization).to.match(/^Bearer (?!the-token)/);
  });

  it('do not count what one connection sends again and again', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url, { tokens: TOKENS });
    const agent = keepAliveAgent();
    const send = (authorization: string) => call(`${url}/api/x/`, { agent, headers: { authorization } });
    for (let i = 0; i < 30; i++) await send('Bearer of-a-client');
    await send(`Bearer ${TOKENS.admin}`);
    expect(upstream.requests.at(-1)?.headers.authorization).to.equal(undefined);
  });

  it('give way to what the configuration injects', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url, {
      api: 'headers: { Authorization: "Bearer of-the-api" }',
      tokens: TOKENS,
    });
    await call(`${url}/api/x/`, { headers: bearer(TOKENS.admin) });
    expect(upstream.requests[0]?.headers.authorization).to.equal('Bearer of-the-api');
  });

  it('do not go out with a WebSocket', async () => {
    const echo = await startEcho();
    const { port } = await startGateway(echo.url, { tokens: TOKENS });
    await dialOpen(port, '/api/x/chat', { headers: bearer(TOKENS.admin) });
    expect(JSON.stringify(echo.handshakes)).not.to.include('the-token-of');
  });

  it('may change by a reload', async () => {
    const upstream = await startUpstream(status(200));
    const { url, reload, file } = await startGateway(upstream.url, { tokens: TOKENS });
    const codeOf = async (token: string) =>
      (await call(`${url}/circuit-status`, { headers: bearer(token) })).status;
    expect([await codeOf(TOKENS.admin), await codeOf('new')]).to.deep.equal([200, 401]);
    reload(() => ({ ...file(''), tokens: { admin: 'new' } }));
    expect([await codeOf(TOKENS.admin), await codeOf('new')]).to.deep.equal([401, 200]);
    await call(`${url}/api/x/`, { headers: bearer('new') });
    expect(upstream.requests.at(-1)?.headers).not.to.have.property('authorization');
  });
});

describe('a viewer', () => {
  const act = (url: string, path: string, token: string, body?: string) =>
    call(`${url}${path}`, {
      method: 'POST',
      headers: {
        ...bearer(token),
        'x-dashboard-action': '1',
        'content-type': 'application/json',
        'x-request-id': 'req-1',
        'x-forwarded-for': '203.0.113.7',
      },
      ...(body === undefined ? {} : { body }),
    });

  it('sees pages and figures without their buttons, and may not act', async () => {
    const upstream = await startUpstream(text('a'));
    const { url } = await startGateway(upstream.url, { api: 'cache: {}', tokens: TOKENS });
    for (const path of [
      '/circuit-status',
      '/metrics',
      '/health?verbose=1',
      '/cb-dashboard/',
      '/stats-dashboard/',
    ])
      expect((await call(url + path, { headers: bearer(TOKENS.viewer) })).status, path).to.equal(200);
    const actionsOf = async (token: string) => {
      const { circuits } = (await call(`${url}/cb-dashboard/data`, { headers: bearer(token) })).json() as {
        circuits: { actions: boolean };
      };
      return circuits.actions;
    };
    expect([await actionsOf(TOKENS.viewer), await actionsOf(TOKENS.admin)]).to.deep.equal([false, true]);
    for (const path of ['/cb-dashboard/actions/open?circuit=x', '/cache/purge']) {
      const refused = await act(url, path, TOKENS.viewer, '{"api":"x","prefix":"/"}');
      expect([refused.status, refused.json()]).to.deep.equal([
        403,
        {
          error: 'The VIEWER_TOKEN allows no actions; they need the ADMIN_TOKEN',
          code: 'ERR_FORBIDDEN',
          requestId: 'req-1',
        },
      ]);
    }
    expect((await call(`${url}/api/x/`)).status).to.equal(200);
  });

  it('is not whom the log names: the one who acted is', async () => {
    const upstream = await startUpstream(text('a'));
    const { url, logs } = await startGateway(upstream.url, { api: 'cache: {}', tokens: TOKENS });
    expect((await act(url, '/cb-dashboard/actions/open?circuit=x', TOKENS.admin)).status).to.equal(200);
    expect((await act(url, '/cache/purge', TOKENS.admin, '{"api":"x","prefix":"/"}')).status).to.equal(200);
    const actor = {
      requestId: 'req-1',
      client: '127.0.0.1',
      forwardedFor: '203.0.113.7',
      token: 'admin',
    };
    const actions = logs.filter(({ action }) => action !== undefined);
    expect(actions[0]).to.include({ ...actor, action: 'open', target: 'x', msg: 'dashboard: open x' });
    expect(actions[1]).to.include({ ...actor, action: 'purge', api: 'x', purged: 0 });
    expect(JSON.stringify(logs)).not.to.include('the-token-of');
  });

  it('who guesses the token has to wait', async () => {
    const { url, logs } = await startGateway('http://127.0.0.1:9', { tokens: TOKENS });
    const guess = (token: string) => call(`${url}/metrics`, { headers: bearer(token) });
    for (let i = 0; i < 10; i++) expect((await guess(`guess-${i}`)).status).to.equal(401);
    const { status: code, headers, json: body } = await guess(TOKENS.admin);
    expect([code, body()]).to.deep.equal([
      429,
      {
        error: 'Too many wrong tokens came from this address',
        code: 'ERR_RATE_LIMITED',
        requestId: headers['x-request-id'],
      },
    ]);
    expect(Number(headers['retry-after'])).to.be.within(1, 6);
    const told = logs.filter(({ msg }) => /wrong token/.test(String(msg)));
    expect(told.map(({ msg, client }) => [msg, client])).to.deep.equal([
      ['a wrong token came for the admin routes', '127.0.0.1'],
      ['wrong tokens for the admin routes: the next ones must wait', '127.0.0.1'],
    ]);
    expect((await call(`${url}/health`)).status, 'the others go on').to.equal(200);
  });
});

describe('server.admin', () => {
  const server = 'admin: { port: 0 }';

  it('serves admin routes and pages at a place of their own, and no longer beside the calls', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const { url, adminUrl } = await startGateway(upstream.url, { server });
    expect(new URL(adminUrl).hostname).to.equal('127.0.0.1');
    for (const path of ['/circuit-status', '/metrics', '/cb-dashboard/', '/stats-dashboard/', '/api-stats']) {
      expect((await call(adminUrl + path)).status, path).to.equal(200);
      expect((await call(url + path)).status, path).to.equal(404);
    }
    expect((await call(`${url}/api/x/`)).json()).to.deep.equal({ ok: true });
    expect((await call(`${adminUrl}/api/x/`)).status).to.equal(404);
    expect(upstream.requests).to.have.length(1);
    for (const path of ['/health', '/health/ready', '/health/live', '/health?verbose=1'])
      expect((await call(url + path)).json(), path).to.deep.equal({ status: 'ok' });
    expect((await call(`${adminUrl}/health?verbose=1`)).json()).to.include.keys('apis', 'config');
  });

  it('checks who comes in there, too', async () => {
    const { adminUrl } = await startGateway('http://127.0.0.1:9', { server, tokens: TOKENS });
    expect((await call(`${adminUrl}/metrics`)).status).to.equal(401);
    const headers = { ...bearer(TOKENS.viewer), Host: 'rebound.example' };
    expect((await call(`${adminUrl}/metrics`, { headers })).status).to.equal(403);
    expect((await call(`${adminUrl}/metrics`, { headers: bearer(TOKENS.viewer) })).status).to.equal(200);
  });

  it('says what a user can do where it cannot listen, and takes no calls then', async () => {
    const port = await unusedPort();
    const first = await startGateway('http://127.0.0.1:9', { server: `admin: { port: ${port} }` });
    expect(first.adminUrl).to.equal(`http://127.0.0.1:${port}`);
    const second = startGateway('http://127.0.0.1:9', { server: `admin: { port: ${port} }` });
    const message = await second.then(
      () => 'it listens',
      (error: Error) => error.message,
    );
    expect(message).to.equal(`port ${port} of 127.0.0.1 is in use; choose another with server.admin.port`);
  });

  it('needs a restart to change, and ends with the gateway', async () => {
    const { adminUrl, reload, file, logs, close } = await startGateway('http://127.0.0.1:9', { server });
    reload(() => file('admin: { port: 1 }'));
    expect(logs.map(({ msg }) => msg)).to.include('server.admin takes effect at the next start');
    const stream = await rawClient(Number(new URL(adminUrl).port));
    stream.send('GET /cb-dashboard/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
    await stream.until(/text\/event-stream/);
    await close();
    await stream.untilClosed();
    expect(await call(adminUrl).catch(({ code }) => code)).to.equal('ECONNREFUSED');
  });
});

describe('server.maxConnections', () => {
  it('closes further connections at once, and says so once', async () => {
    const upstream = await startUpstream(status(204));
    const { port, logs, reload, file } = await startGateway(upstream.url, { server: 'maxConnections: 2' });
    const get = 'GET /api/x/ HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const clients = [await rawClient(port), await rawClient(port)];
    for (const client of clients) client.send(get);
    for (const client of clients) await client.until(/ 204 /);
    for (let i = 0; i < 3; i++) expect(await (await rawClient(port)).untilClosed()).to.equal('');
    expect(logs.filter(({ msg }) => /maxConnections is reached/.test(String(msg)))).to.have.length(1);
    clients[0]?.send(get);
    await clients[0]?.until(/ 204 [\s\S]* 204 /);
    clients[1]?.destroy();
    reload(() => file('maxConnections: 0'));
    const next = await rawClient(port);
    next.send(get);
    await next.until(/ 204 /);
  });
});

describe('server.maxRequestsPerSocket', () => {
  for (const transport of ['undici', 'node'])
    it(`ends a connection behind its last response (${transport})`, async () => {
      const upstream = await startUpstream(text('a'));
      const { port } = await startGateway(upstream.url, {
        server: 'maxRequestsPerSocket: 2',
        api: `transport: ${transport}`,
      });
      const client = await rawClient(port);
      const get = 'GET /api/x/ HTTP/1.1\r\nHost: localhost\r\n\r\n';
      client.send(get);
      await client.until(/\r\n\r\n[\s\S]*a/);
      expect(client.text).not.to.match(/connection: close/i);
      client.send(get + get);
      expect(await client.untilClosed()).to.match(/connection: close/i);
      expect(upstream.requests).to.have.length(2);
    });

  it('is unlimited by default', async () => {
    const { server } = await startGateway('http://127.0.0.1:9');
    expect(server.maxRequestsPerSocket).to.equal(0);
  });
});

describe('secrets in paths and under odd names', () => {
  it('are in no log, no figure and on no page', async () => {
    const upstream = await startUpstream(status(503));
    const { url, logs } = await startGateway(upstream.url, { server: 'accessLog: true' });
    const path = '/bot12:s3cret/getMe;token=s3cret?token[0]=s3cret&otp=s3cret&next=%2F%3Fkey%3Ds3cret';
    expect((await call(`${url}/api/x${path}`)).status).to.equal(503);
    expect(upstream.requests[0]?.url).to.equal(path);
    const pages = ['/api-stats?api=x', '/api-stats?api=x&paths=1', '/metrics', '/stats-dashboard/data?api=x'];
    const texts = await Promise.all(pages.map(async (page) => (await call(url + page)).text));
    for (const [i, page] of pages.entries()) expect(texts[i], page).not.to.include('s3cret');
    expect(texts[0]).to.include('/bot12:***/getMe;token=***?token[0]=***&otp=***');
    expect(logs.map((line) => line.path)).to.include(
      '/api/x/bot12:***/getMe;token=***?token[0]=***&otp=***&next=%2F%3Fkey%3D***',
    );
    expect(JSON.stringify(logs)).not.to.include('s3cret');
  });
});
