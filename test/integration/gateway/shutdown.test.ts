import { once } from 'node:events';
import { Agent, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import type { ResilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, headOf, open, responseOf } from '../../support/client.js';
import { dialOpen, startEcho } from '../../support/echo.js';
import { type RawClient, rawClient } from '../../support/raw-client.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';
import { spanRecorder } from '../../unit/tracing/span-recorder.js';

interface StartOptions {
  /** Options of the block `server`, as YAML in one line. */
  server?: string;
  transport?: string;
  /** More options of the API. */
  api?: string;
}

/** A gateway on a free port with one API, `x`. */
async function startGateway(
  target: string,
  { server = '', transport = 'auto', api = '' }: StartOptions = {},
) {
  const text = `
server: { port: 0, ${server} }
apis: { x: { target: "${target}", transport: ${transport}, retry: false, ${api} } }`;
  const logs: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const { config, ...loaded } = parseConfig(text, { env: {} });
  const recorder = spanRecorder();
  const { tracerProvider } = recorder;
  const gateway = createGateway({ ...loaded, config: { ...config, tracing: { tracerProvider } }, logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  /** The span of the one call, as its error and its status. */
  const traced = async () => {
    const spans = await recorder.spans(2);
    const { attributes, status } = spans.find(({ kind }) => kind === SpanKind.SERVER) ?? {};
    return [attributes?.['error.type'], status?.code];
  };
  return { ...gateway, url, port: Number(new URL(url).port), logs, traced };
}

/** An upstream whose responses to `/held` wait until they are released; all others are sent at once. */
async function startHeld() {
  const held: ServerResponse[] = [];
  const upstream = await startUpstream((req, res) => {
    if (req.url === '/held') held.push(res);
    else req.on('end', () => res.end('ok'));
  });
  return { ...upstream, held };
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const responsesIn = ({ text }: RawClient) => text.split(/(?=HTTP\/1\.1 )/);
const API = 'apis: { x: { target: "http://127.0.0.1:9" } }';
const LONG = 'drainDelayMs: 400';
const AT_ONCE = 'drainDelayMs: 0';

describe('a gateway that is leaving', () => {
  for (const transport of ['undici', 'node']) {
    describe(`with the transport ${transport}`, () => {
      it('serves calls on open, accepted and new connections, each response with Connection: close', async () => {
        const upstream = await startHeld();
        const gateway = await startGateway(upstream.url, { server: 'drainDelayMs: 300', transport });
        const [kept, accepted] = [await rawClient(gateway.port), await rawClient(gateway.port)];
        kept.send(get('/api/x/a'));
        await kept.until(/ok/);
        const closed = gateway.close();
        kept.send(post('/api/x/b', 'body'));
        accepted.send(post('/api/x/c', 'body'));
        const fresh = await call(`${gateway.url}/api/x/d`, { method: 'POST', body: 'body' });
        const absolute = await rawClient(gateway.port);
        absolute.send(get('http://localhost/api/x/e'));
        for (const client of [kept, accepted, absolute]) await client.untilClosed();
        expect([fresh.status, fresh.headers.connection]).to.deep.equal([200, 'close']);
        for (const client of [accepted, absolute]) {
          expect(client.text)
            .to.match(/^HTTP\/1\.1 200 /)
            .and.match(/^connection: close\r$/im);
        }
        const [first, second] = responsesIn(kept);
        expect(first).not.to.match(/^connection: close\r$/im);
        expect(second)
          .to.match(/^HTTP\/1\.1 200 /)
          .and.match(/^connection: close\r$/im);
        await closed;
        expect(upstream.requests).to.have.length(5);
      });

      it('says Connection: close in responses that were under way', async () => {
        const upstream = await startHeld();
        const gateway = await startGateway(upstream.url, { server: AT_ONCE, transport });
        const agent = new Agent({ keepAlive: true });
        const held = open(`${gateway.url}/api/x/held`, { agent });
        await until(() => upstream.held.length === 1);
        const closed = gateway.close();
        upstream.held[0]?.end('late');
        const { status, headers, text } = await responseOf(await held);
        expect([status, headers.connection, text]).to.deep.equal([200, 'close', 'late']);
        await closed;
      });

      it('serves all requests that are pipelined on a connection before it closes it', async () => {
        const upstream = await startHeld();
        const gateway = await startGateway(upstream.url, { server: LONG, transport });
        const client = await rawClient(gateway.port);
        // The second is held too: with its head, which says close, the connection would take no more.
        client.send(get('/api/x/held') + get('/api/x/held'));
        await until(() => upstream.held.length === 2);
        void gateway.close();
        client.send(get('/api/x/b') + get('/health'));
        await until(() => upstream.requests.length === 3);
        for (const res of upstream.held) res.end('late');
        await client.untilClosed();
        const responses = responsesIn(client);
        expect(responses.map((response) => response.split('\r\n')[0])).to.deep.equal([
          'HTTP/1.1 200 OK',
          'HTTP/1.1 200 OK',
          'HTTP/1.1 200 OK',
          'HTTP/1.1 503 Service Unavailable',
        ]);
        const closes = responses.map((response) => /^connection: close\r$/im.test(response));
        expect(closes).to.deep.equal([false, false, false, true]);
      });

      it('sends nothing of a request behind a response that has said Connection: close', async () => {
        const upstream = await startHeld();
        const gateway = await startGateway(upstream.url, { server: LONG, transport });
        const client = await rawClient(gateway.port);
        void gateway.close();
        client.send(get('/api/x/held'));
        await until(() => upstream.held.length === 1);
        upstream.held[0]?.write('half');
        await client.until(/half/);
        client.send(post('/api/x/lost', 'body') + get('/health'));
        expect((await call(`${gateway.url}/api/x/other`)).status).to.equal(200);
        upstream.held[0]?.end('rest');
        expect(await client.untilClosed()).to.match(/rest\r\n0\r\n\r\n$/);
        expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/held', '/other']);
      });

      it('ends an event stream of a GET behind the event that is being sent', async () => {
        const streams: ServerResponse[] = [];
        const upstream = await startUpstream((_req, res) => {
          res.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\ndata: a\n\nid: 2\nda');
          streams.push(res);
        });
        const gateway = await startGateway(upstream.url, { server: AT_ONCE, transport });
        const stream = await rawClient(gateway.port);
        stream.send(get('/api/x/events', 'Accept: text/event-stream\r\n'));
        await stream.until(/id: 2/);
        const closed = gateway.close();
        // The gateway has begun to wait for the end of the event.
        await until(() => !gateway.server.listening);
        streams[0]?.write('ta: b\n\nid: 3\ndata');
        expect(await stream.untilClosed()).to.match(/da\r\n7\r\nta: b\n\n\r\n0\r\n\r\n$/);
        await closed;
        await until(() => upstream.connections.open === 0);
        expect(gateway.logs).to.deep.equal([]);
        expect(await countsOf(gateway)).to.include({ total: 1, success: 1 });
      });

      it('answers 503 to what has no response at shutdownTimeoutMs, logs it and counts it', async () => {
        const upstream = await startHeld();
        const server = `${AT_ONCE}, shutdownTimeoutMs: 50`;
        const gateway = await startGateway(upstream.url, { server, transport });
        const client = await rawClient(gateway.port);
        client.send(get('/api/x/held'));
        await until(() => upstream.held.length === 1);
        await gateway.close();
        expect(await client.untilClosed())
          .to.match(/^HTTP\/1\.1 503 /)
          .and.match(/^connection: close\r$/im)
          .and.match(/^retry-after: 1\r$/im)
          .and.include('"code":"ERR_SHUTTING_DOWN"');
        const [logged, summary] = gateway.logs;
        expect(logged).to.include({ api: 'x', status: 503, code: 'ERR_SHUTTING_DOWN', by: 'self' });
        expect(summary).to.include({ calls: 1, connections: 1 });
        expect(await countsOf(gateway)).to.deep.include({ total: 1, failure: 1, failedBy: { self: 1 } });
        expect(await gateway.traced()).to.deep.equal(['ERR_SHUTTING_DOWN', SpanStatusCode.ERROR]);
        await until(() => upstream.connections.open === 0);
      });

      it('breaks off what has begun at shutdownTimeoutMs, logs it and counts it', async () => {
        const upstream = await startHeld();
        const server = `${AT_ONCE}, shutdownTimeoutMs: 50`;
        const gateway = await startGateway(upstream.url, { server, transport });
        const client = await rawClient(gateway.port);
        client.send(post('/api/x/held', 'body'));
        await until(() => upstream.held.length === 1);
        upstream.held[0]?.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: half');
        await client.until(/half/);
        await gateway.close();
        expect(await client.untilClosed()).to.match(/data: half\r\n$/);
        expect(gateway.logs[0]).to.include({
          api: 'x',
          status: 200,
          code: 'ERR_SHUTTING_DOWN',
          aborted: true,
        });
        expect(await countsOf(gateway)).to.deep.include({ total: 1, failure: 1, failedBy: { self: 1 } });
        expect(await gateway.traced()).to.deep.equal(['ERR_SHUTTING_DOWN', SpanStatusCode.ERROR]);
      });
    });
  }

  it('goes on listening for a second where a client is connected, and says that it is not ready', async () => {
    const gateway = await startGateway('http://127.0.0.1:9');
    const statuses = async () => {
      const routes = ['/health', '/health/ready', '/health/live'].map((path) => call(gateway.url + path));
      return (await Promise.all(routes)).map(({ status, text }) => `${status} ${text}`);
    };
    const ok = '200 {"status":"ok"}';
    const leaving = '503 {"status":"shutting_down"}';
    expect(await statuses()).to.deep.equal([ok, ok, ok]);
    await rawClient(gateway.port);
    const from = performance.now();
    const closed = gateway.close();
    expect(await statuses()).to.deep.equal([leaving, leaving, ok]);
    await closed;
    expect(performance.now() - from).to.be.within(990, 1900);
  });

  it('closes at once where nobody is connected', async () => {
    const gateway = await startGateway('http://127.0.0.1:9');
    const from = performance.now();
    await gateway.close();
    expect(performance.now() - from).to.be.below(500);
  });

  it('refuses a drainDelayMs that is no time', () => {
    for (const value of [-1, 'soon', 2 ** 31]) {
      expect(() => parseConfig(`${API}\nserver: { drainDelayMs: ${value} }`, { env: {} })).to.throw(
        /server\.drainDelayMs must be ('auto' or milliseconds, 0 or more|at (least 0|most 2147483647)); received/,
      );
    }
  });

  it('takes a drainDelayMs that was reloaded', async () => {
    const gateway = await startGateway('http://127.0.0.1:9');
    gateway.reload(() => parseConfig(`server: { port: 0, ${AT_ONCE} }\n${API}`, { env: {} }));
    await rawClient(gateway.port);
    void gateway.close();
    await until(() => !gateway.server.listening, undefined, 500);
  });

  it('serves the first request of a client that has just connected when it stops listening', async () => {
    const upstream = await startHeld();
    const gateway = await startGateway(upstream.url, { server: AT_ONCE });
    const sockets = Array.from({ length: 20 }, () => connect(gateway.port, '127.0.0.1'));
    onCleanup(() => void sockets.forEach((socket) => void socket.destroy()));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const closed = gateway.close();
    await until(() => !gateway.server.listening);
    const responses = sockets.map(async (socket) => {
      socket.write(post('/api/x/order', 'body'));
      let text = '';
      for await (const chunk of socket) text += chunk;
      return text;
    });
    for (const text of await Promise.all(responses)) expect(text).to.match(/^HTTP\/1\.1 200 /);
    await closed;
  });

  it('closes a connection that never sent a request a second after it was opened', async () => {
    const gateway = await startGateway('http://127.0.0.1:9', { server: AT_ONCE });
    const silent = await rawClient(gateway.port);
    await gateway.close();
    expect(await silent.untilClosed()).to.equal('');
  });

  it('lets a slow client read the whole of a response that is written already', async () => {
    const bytes = 12 * 1024 * 1024;
    const upstream = await startUpstream((_req, res) => {
      res.writeHead(200, { 'content-length': bytes }).end(Buffer.alloc(bytes, 'a'));
    });
    const api = `cache: { ttlMs: 60000, maxEntryBytes: ${2 * bytes} }`;
    const gateway = await startGateway(upstream.url, { server: AT_ONCE, api });
    await call(`${gateway.url}/api/x/big`);
    // A stored response is written at once.
    const { res } = await headOf(begin(`${gateway.url}/api/x/big`));
    expect(res.headers['cache-status']).to.match(/; hit/);
    const closed = gateway.close();
    await until(() => !gateway.server.listening);
    let read = 0;
    for await (const chunk of res) read += chunk.length;
    expect(read).to.equal(bytes);
    await closed;
  });

  it('opens WebSockets until it stops listening, and then closes all of them with 1001', async () => {
    const echo = await startEcho();
    const gateway = await startGateway(echo.url, { server: 'drainDelayMs: 300' });
    const path = '/api/x/chat';
    const early = await dialOpen(gateway.port, path);
    const closed = gateway.close();
    const late = await dialOpen(gateway.port, path);
    const codes = await Promise.all([early, late].map(async (socket) => (await once(socket, 'close'))[0]));
    expect(codes).to.deep.equal([1001, 1001]);
    await closed;
    expect(gateway.logs).to.deep.equal([]);
  });
});

async function countsOf({ proxy }: { proxy: ResilientProxy }) {
  const view = await proxy.stats?.view({ api: 'x', period: 'all' });
  const { total, success, failure, failedBy } = view?.figures ?? {};
  return { total, success, failure, failedBy };
}
