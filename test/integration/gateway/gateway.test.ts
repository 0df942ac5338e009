import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { parseConfig } from '../../../lib/config/load-config.js';
import { isLoopback, originCheck } from '../../../lib/gateway/access.js';
import { createGateway, type GatewayOptions } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { listening } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { eventOf, until } from '../../support/until.js';
import { json, startUpstream, status } from '../../support/upstream.js';

type LogLine = Record<string, unknown>;

interface StartOptions {
  /** Lines of the block `server`, as YAML in one line. */
  server?: string;
  /** Lines of the API `x`, as YAML in one line. */
  api?: string;
  adminToken?: string;
  level?: string;
}

/** A gateway on a free port with one API, `x`. */
async function startGateway(target: string, { server = '', api = '', adminToken, level }: StartOptions = {}) {
  const text = `server: { port: 0, ${server} }\napis: { x: { target: "${target}", retry: false, ${api} } }`;
  const loaded = parseConfig(text, { env: {} });
  const logs: LogLine[] = [];
  const logger = gatewayLogger(level ?? 'info', {
    write: (line: string) => void logs.push(JSON.parse(line)),
  });
  const options: GatewayOptions = { ...loaded, logger, tokens: { admin: adminToken }, version: '1.2.3' };
  const gateway = createGateway(options);
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  return { ...gateway, url, port: Number(new URL(url).port), logs };
}

const asJson = async (response: Promise<{ status: number; json(): unknown }>) => {
  const { status: code, json: body } = await response;
  // request-ids.test.ts looks at the ids.
  const { requestId: _, ...rest } = Object(body());
  return { status: code, body: rest };
};

const secFetch = { 'Sec-Fetch-Site': 'cross-site' };

describe('createGateway()', () => {
  it('forwards what is below /api/<name>, in absolute form too', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const { url, port } = await startGateway(`${upstream.url}/v2`);
    expect((await call(`${url}/api/x/a/b?c=1`)).json()).to.deep.equal({ ok: true });
    await rawCall(
      port,
      'GET http://localhost/api/x/d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect(upstream.requests.map((request) => request.url)).to.deep.equal(['/v2/a/b?c=1', '/v2/d']);
  });

  it('responds with JSON to unknown APIs and unknown routes', async () => {
    const { url, port } = await startGateway('http://127.0.0.1:9');
    expect(await asJson(call(`${url}/api/nosuch/x`))).to.deep.equal({
      status: 404,
      body: { error: 'Unknown API: nosuch', code: 'ERR_UNKNOWN_API' },
    });
    const notFound = { error: 'There is nothing here; APIs are below /api/', code: 'ERR_NOT_FOUND' };
    for (const path of ['/', '/api', '/nope', '//evil.example/x', '/%E0%A4%A', '/API/x/a']) {
      expect(await asJson(call(url, { path })), path).to.deep.equal({ status: 404, body: notFound });
    }
    expect(
      await rawCall(port, 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    ).to.include('404');
  });

  it('keeps a path below /api from climbing to the routes beside it', async () => {
    const { url } = await startGateway('http://127.0.0.1:9');
    for (const path of ['/api/x/../../health', '/api/x/%2e%2e%2f%2e%2e%2fhealth']) {
      expect(await asJson(call(url, { path }))).to.deep.equal({
        status: 400,
        body: { error: 'The request path leaves the base path of the API', code: 'ERR_BAD_REQUEST' },
      });
    }
  });

  it('leads redirects of the target back through /api/<name>', async () => {
    const upstream = await startUpstream(status(302, { Location: '/v2/b?c', Link: '</v2/d>; rel=next' }));
    const { url } = await startGateway(`${upstream.url}/v2`);
    const { headers } = await call(`${url}/api/x/a`);
    expect(headers).to.include({ location: '/api/x/b?c', link: '</api/x/d>; rel=next' });
  });

  it('answers 405 to CONNECT (RFC 9110 §9.3.6)', async () => {
    const { port } = await startGateway('http://127.0.0.1:9');
    const response = await rawCall(
      port,
      'CONNECT target.example:443 HTTP/1.1\r\nHost: target.example\r\n\r\n',
    );
    expect(response)
      .to.match(/^HTTP\/1\.1 405 /)
      .and.match(/^allow: GET, /im);
    expect(response).to.include('"code":"ERR_METHOD_NOT_ALLOWED"');
  });

  it('refuses 70 KB of headers with 431', async () => {
    const { port } = await startGateway('http://127.0.0.1:9');
    const head = `GET /api/x/ HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'a'.repeat(70_000)}\r\n\r\n`;
    expect(await rawCall(port, head)).to.match(/^HTTP\/1\.1 431 /);
  });

  it('responds with 503 ERR_NO_PROXY for an API without a usable proxy, and calls nobody', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url, { api: 'use_proxy: true' });
    const { status: code, headers, text } = await call(`${url}/api/x/a`);
    expect([code, headers['retry-after'], JSON.parse(text).code]).to.deep.equal([503, '1', 'ERR_NO_PROXY']);
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/x/a`);
    expect((await eventOf<Error>(socket, 'error')).message).to.equal('Unexpected server response: 503');
    expect(upstream.requests).to.have.length(0);
  });

  it('carries WebSockets of an API, and refuses others', async () => {
    const server = createServer();
    new WebSocketServer({ server }).on('connection', (socket, req) => socket.send(req.url ?? ''));
    const { port } = await listening(server);
    const { url } = await startGateway(`http://127.0.0.1:${port}`);
    const open = (path: string, headers = {}) => {
      const socket = new WebSocket(url.replace('http', 'ws') + path, { headers });
      onCleanup(() => socket.terminate());
      return socket.on('error', () => {});
    };
    expect(String(await eventOf(open('/api/x/chat?a=1'), 'message'))).to.equal('/chat?a=1');
    const refused = (socket: WebSocket) => eventOf<Error>(socket, 'error').then(({ message }) => message);
    expect(await refused(open('/chat'))).to.equal('Unexpected server response: 404');
    expect(await refused(open('/api/nosuch/'))).to.equal('Unexpected server response: 404');
    expect(await refused(open('/api/x/', secFetch))).to.equal('Unexpected server response: 403');
  });

  it('serves a request that offers HTTP/2 as the HTTP/1.1 that it is, body and next request included', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const { port } = await startGateway(upstream.url);
    const client = await rawClient(port);
    client.send(
      'POST /api/x/a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n' +
        'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 10\r\n\r\nhello',
    );
    await until(() => upstream.requests[0]?.bytes === 5);
    client.send('world');
    await client.until(/\{"ok":true\}/);
    client.send('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await client.untilClosed()).to.match(/\{"status":"ok"\}/);
    expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal(['helloworld']);
    expect(upstream.requests[0]?.headers).not.to.have.any.keys('upgrade', 'http2-settings');
  });
});

describe('GET /health', () => {
  it('says ok to anybody', async () => {
    const { url } = await startGateway('http://127.0.0.1:9', { adminToken: 's3cret' });
    expect(await asJson(call(`${url}/health`))).to.deep.equal({ status: 200, body: { status: 'ok' } });
    expect((await call(`${url}/health`, { method: 'HEAD' })).status).to.equal(200);
  });

  it('shows the state of every circuit when verbose', async () => {
    const upstream = await startUpstream(status(503));
    const { url } = await startGateway(upstream.url, {
      api: 'breaker: { failureThreshold: 1 }, use_proxy: true, proxy_strategy: never, cache_ttl: 5',
    });
    await call(`${url}/api/x/`);
    const { body } = await asJson(call(`${url}/health?verbose=1`));
    const { apis, ...rest } = body as { apis: { x: Record<string, unknown> } };
    expect(rest).to.deep.include({
      status: 'ok',
      version: '1.2.3',
      processes: 1,
      warnings: ['apis.x.cache_ttl has no effect without enable_cache: true'],
    });
    expect(apis.x).to.include({ state: 'OPEN', scope: 'process', failures: 1, lastFailure: 'status 503' });
    expect(apis.x.timeToResetMs).to.be.within(1, 30_000);
  });

  it('requires the token when verbose, if one is set', async () => {
    const { url } = await startGateway('http://127.0.0.1:9', { adminToken: 's3cret', api: 'breaker: false' });
    const verbose = `${url}/health?verbose=1`;
    const { status: code, headers, text } = await call(verbose);
    expect([code, JSON.parse(text).code]).to.deep.equal([401, 'ERR_UNAUTHORIZED']);
    expect(headers['www-authenticate']).to.match(/^Basic realm=/);
    const basic = Buffer.from('any:s3cret').toString('base64');
    for (const authorization of ['Bearer s3cret', `Basic ${basic}`]) {
      const { body } = await asJson(call(verbose, { headers: { authorization } }));
      expect(body).to.deep.include({
        apis: { x: { state: null, scope: null, failures: 0, lastFailure: null, timeToResetMs: null } },
      });
    }
  });
});

describe('who may come in', () => {
  it('refuses foreign web pages while it listens on loopback, on /api too', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url);
    for (const path of ['/api/x/', '/health']) {
      expect(await asJson(call(url + path, { headers: { Host: 'rebound.example' } }))).to.deep.equal({
        status: 403,
        body: {
          error: 'Host "rebound.example" is none of this machine\'s names; add it to server.allowedHosts',
          code: 'ERR_FORBIDDEN',
        },
      });
      expect(await asJson(call(url + path, { headers: secFetch }))).to.deep.equal({
        status: 403,
        body: {
          error: 'A web page of another site made this call; set server.allowCrossSite to allow that',
          code: 'ERR_FORBIDDEN',
        },
      });
    }
    expect(upstream.requests).to.have.length(0);
  });

  it('accepts what allowedHosts and allowCrossSite allow', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url, {
      server: 'allowedHosts: [Gateway.test], allowCrossSite: true',
    });
    const headers = { Host: 'gateway.test:80', ...secFetch };
    expect((await call(`${url}/api/x/`, { headers })).status).to.equal(200);
    expect((await call(`${url}/api/x/`, { headers: { Host: 'other.test' } })).status).to.equal(403);
  });

  it('knows the names of this machine', () => {
    const check = originCheck({ host: '127.0.0.1', allowedHosts: [], allowCrossSite: false });
    for (const host of [
      'localhost',
      'LOCALHOST:8087',
      'localhost.',
      'a.localhost:1',
      '127.0.0.1:8087',
      '127.9.9.9',
      '[::1]:8087',
      undefined,
    ]) {
      expect(check?.(host, undefined), String(host)).to.equal(undefined);
      expect(check?.(host, 'same-origin'), String(host)).to.equal(undefined);
    }
    for (const host of [
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'evillocalhost',
      '10.0.0.1',
      '[::2]',
      '',
      '127.0.0',
    ]) {
      expect(check?.(host, undefined), host).to.match(/server\.allowedHosts$/);
    }
    expect(originCheck({ host: '0.0.0.0', allowedHosts: [], allowCrossSite: false })).to.equal(undefined);
  });

  it('accepts only allowedHosts when it listens beyond loopback', () => {
    const check = originCheck({ host: '0.0.0.0', allowedHosts: ['gateway'], allowCrossSite: false });
    for (const host of ['gateway:8087', 'localhost:8087'])
      expect(check?.(host, undefined), host).to.equal(undefined);
    expect(check?.('rebound.example:8087', undefined)).to.match(/server\.allowedHosts$/);
    expect(check?.('gateway:8087', 'cross-site')).to.match(/server\.allowCrossSite/);
  });

  it('refuses calls with a foreign Origin where the browser does not say the site', async () => {
    const upstream = await startUpstream(status(200));
    const { port } = await startGateway(upstream.url, {
      server: 'host: 0.0.0.0, allowedHosts: [proxy.lan]',
    });
    const codeOf = async (headers: Record<string, string>) =>
      (
        await call(`http://127.0.0.1:${port}/api/x/pay`, {
          method: 'POST',
          headers: { Host: `proxy.lan:${port}`, ...headers },
        })
      ).status;
    for (const Origin of ['https://evil.example', 'null', 'http://proxy.lan.evil.example', 'file://', 'x'])
      expect(await codeOf({ Origin }), Origin).to.equal(403);
    expect(upstream.requests).to.have.length(0);
    for (const Origin of [`http://proxy.lan:${port}`, 'https://PROXY.LAN', 'http://localhost:3000'])
      expect(await codeOf({ Origin }), Origin).to.equal(200);
    // What the browser says of the site is exact: a page of app.example may call proxy.example.
    for (const site of ['same-origin', 'same-site', 'none'])
      expect(await codeOf({ Origin: 'https://app.lan', 'Sec-Fetch-Site': site }), site).to.equal(200);
    expect(await codeOf({ Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' })).to.equal(403);
  });

  it('names the Origin that it refuses, and the way out', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url);
    const headers = { Origin: 'https://app.example' };
    expect(await asJson(call(`${url}/api/x/`, { headers }))).to.deep.equal({
      status: 403,
      body: {
        error:
          'A web page of another site made this call (Origin "https://app.example"); add its host to server.allowedHosts, or set server.allowCrossSite, to allow that',
        code: 'ERR_FORBIDDEN',
      },
    });
  });

  it('refuses admin routes to another machine, and serves it /health and /api', async () => {
    const outside = Object.values(networkInterfaces())
      .flatMap((list = []) => list)
      .find(({ internal, family }) => !internal && family === 'IPv4');
    const upstream = await startUpstream(status(200));
    const { port } = await startGateway(upstream.url, { server: 'host: 0.0.0.0' });
    const peer = outside?.address ?? '127.0.0.1';
    const codes = ['/health', '/api/x/', '/health?verbose=1', '/nope'].map((path) =>
      call(`http://${peer}:${port}${path}`),
    );
    const expected = isLoopback(peer) ? [200, 200, 200, 404] : [200, 200, 403, 403];
    expect((await Promise.all(codes)).map((response) => response.status)).to.deep.equal(expected);
  });
});
