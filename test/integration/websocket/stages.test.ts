import { once } from 'node:events';
import { expect } from 'chai';
import { type ResilientProxyConfig, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { dial, dialOpen, type Echo, echoed, handshake, startEcho } from '../../support/echo.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { unusedPort } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { hangUp, startUpstream, status } from '../../support/upstream.js';
import { readPage } from '../../unit/metrics/metrics-page.js';
import { spanRecorder } from '../../unit/tracing/span-recorder.js';

type OneApi = Omit<Extract<ResilientProxyConfig, { name: string }>, 'name'>;

async function start(options: OneApi) {
  const proxy = resilientProxy({ name: 'x', metrics: {}, retry: false, breaker: false, ...options });
  onCleanup(() => proxy.close());
  const served = await serve(proxy, { upgrade: proxy.upgrade });
  const page = async () => readPage((await proxy.metrics?.render()) ?? '');
  const read = async () => {
    const view = await proxy.stats?.view({ api: 'x', period: 'all' });
    if (!view) throw new Error('No statistics');
    return view.figures;
  };
  /**
   * Resolves once this many calls are over: a client may have its response before the server notices that it has
   * left.
   */
  const figures = (total: number) => eventually(read, (counts) => counts.total === total);
  return { proxy, page, figures, ...served };
}

async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const giveUpAt = performance.now() + 5000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > giveUpAt) throw new Error(`It stays ${JSON.stringify(value)}`);
  }
}

/** Status and body of the response to a refused handshake. */
async function refused(port: number, path = '/') {
  const response = await rawCall(port, handshake(path));
  const [head = '', body = ''] = response.split('\r\n\r\n');
  const code: unknown = body.startsWith('{') ? JSON.parse(body).code : undefined;
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head, code };
}

const proxies = (...ports: number[]) => ({ proxies: ports.map((port) => `http://127.0.0.1:${port}`) });
const from = ({ handshakes }: Echo) => handshakes.map(({ from }) => from.replace('::ffff:', ''));

describe('resilientProxy().upgrade', () => {
  describe('statistics, metrics and tracing', () => {
    it('counts a handshake as a call with its status, once it is over', async () => {
      const echo = await startEcho();
      const { port, figures } = await start({ target: echo.url });
      await dialOpen(port, '/rooms/17');
      const counts = await figures(1);
      expect(counts).to.deep.include({ success: 1, failure: 0, attempts: 1, statusCodes: { 101: 1 } });
      expect(counts.responseTime.count).to.equal(1);
    });

    it('counts refusals and clients that leave meanwhile', async () => {
      const upstream = await startRawUpstream(() => {});
      const { port, figures } = await start({ target: upstream.url, requestTimeoutMs: 50 });
      expect((await refused(port)).status).to.equal(504);
      const client = await rawClient(port);
      client.send(handshake());
      await until(() => upstream.received.length === 2);
      client.destroy();
      await until(() => upstream.connections.open === 0);
      expect((await refused(port, '/%2e%2e/')).status).to.equal(400);
      const counts = await figures(3);
      expect(counts).to.deep.include({ aborted: 1, failure: 1 });
      expect(counts.errors).to.deep.equal({ ERR_UPSTREAM_TIMEOUT: 1, ERR_BAD_REQUEST: 1 });
    });

    it('shows how many are open and their bytes', async () => {
      const echo = await startEcho();
      const { port, page } = await start({ target: echo.url });
      const sockets = [await dialOpen(port), await dialOpen(port), await dialOpen(port)];
      for (const socket of sockets) await echoed(socket, 'x'.repeat(100));
      const api = 'x';
      const open = async () => (await page()).value('resilient_proxy_websockets_open', { api });
      const bytes = async (direction: string) =>
        (await page()).value('resilient_proxy_websocket_bytes_total', { api, direction });
      expect(await open()).to.equal(3);
      // A frame head of two bytes, and a client's mask of four.
      expect([await bytes('in'), await bytes('out')]).to.deep.equal([318, 306]);
      sockets[0]?.terminate();
      await until(() => echo.connections.open === 2);
      await eventually(open, (left) => left === 2);
      expect([await bytes('in'), await bytes('out')]).to.deep.equal([318, 306]);
      expect((await page()).sum('resilient_proxy_calls_in_flight')).to.equal(0);
      const code = { api, method: 'GET', code: '101' };
      expect((await page()).value('resilient_proxy_calls_total', code)).to.equal(3);
      const outcome = { api, proxy: 'direct', outcome: '101' };
      expect((await page()).value('resilient_proxy_attempts_total', outcome)).to.equal(3);
    });

    it('makes spans of a handshake and passes the trace to the target', async () => {
      const echo = await startEcho();
      const { spans, tracerProvider, propagator } = spanRecorder();
      const { port } = await start({ target: echo.url, tracing: { tracerProvider, propagator } });
      await dialOpen(port);
      const ended = await spans(2);
      expect(ended.map(({ attributes }) => attributes['http.response.status_code'])).to.deep.equal([
        101, 101,
      ]);
      expect(echo.handshakes[0]?.headers.traceparent).to.include(ended[0]?.spanContext().spanId);
    });
  });

  describe('the circuit breaker', () => {
    const breaker = { failureThreshold: 2, resetTimeoutMs: 60_000 };

    it('opens after handshakes that fail, and then answers 503 without connecting', async () => {
      for (const response of [status(502), hangUp]) {
        const upstream = await startUpstream(response);
        const { port, proxy } = await start({ target: upstream.url, breaker });
        for (let i = 0; i < 2; i++) expect((await refused(port)).status).to.equal(502);
        expect(proxy.circuits.list()[0]?.state).to.equal('OPEN');
        const { status: code, head, code: error } = await refused(port);
        expect([code, error]).to.deep.equal([503, 'ERR_CIRCUIT_OPEN']);
        expect(head).to.match(/Retry-After: 60/);
        expect(upstream.requests).to.have.length(2);
        // Both kinds of call share one circuit.
        expect((await call(`http://127.0.0.1:${port}/`)).status).to.equal(503);
      }
    });

    it('opens after refused connections and handshakes without a response', async () => {
      const silent = await startRawUpstream(() => {});
      for (const target of [`http://127.0.0.1:${await unusedPort()}`, silent.url]) {
        const { port } = await start({ target, breaker: { ...breaker, requestTimeoutMs: 30 } });
        await refused(port);
        await refused(port);
        expect((await refused(port)).code, target).to.equal('ERR_CIRCUIT_OPEN');
      }
    });

    it('counts a 101 as a success, and a 403 as for calls', async () => {
      const echo = await startEcho();
      const { port, proxy } = await start({ target: echo.url, breaker });
      const circuit = proxy.apis.get('x')?.breaker;
      circuit?.forceOpen();
      expect((await refused(port)).code).to.equal('ERR_CIRCUIT_OPEN');
      circuit?.forceClose();
      await dialOpen(port);
      expect(circuit?.state).to.equal('CLOSED');
      const upstream = await startUpstream(status(403));
      const other = await start({ target: upstream.url, breaker });
      for (let i = 0; i < 3; i++) expect((await refused(other.port)).status).to.equal(403);
      expect(other.proxy.circuits.list()[0]).to.include({ state: 'CLOSED', failures: 0 });
    });

    it('uses a handshake as a probe', async () => {
      const echo = await startEcho();
      echo.sockets.options.verifyClient = (_info, response) => response(false, 502);
      const { port, proxy } = await start({
        target: echo.url,
        breaker: { failureThreshold: 1, resetTimeoutMs: 1, successThreshold: 1 },
      });
      expect((await refused(port)).status).to.equal(502);
      const circuit = proxy.apis.get('x')?.breaker?.circuit();
      await until(() => circuit?.snapshot().timeToResetMs === 0);
      echo.sockets.options.verifyClient = () => true;
      await dialOpen(port);
      expect(circuit?.snapshot().transitions.map(({ to }) => to)).to.deep.equal([
        'OPEN',
        'HALF_OPEN',
        'CLOSED',
      ]);
    });
  });

  describe('the rate limit', () => {
    it('refuses one too many with 429 and Retry-After', async () => {
      const echo = await startEcho();
      const { port } = await start({ target: echo.url, rateLimit: { limit: 2, windowMs: 60_000 } });
      await dialOpen(port);
      await dialOpen(port);
      const { status: code, head, code: error } = await refused(port);
      expect([code, error]).to.deep.equal([429, 'ERR_RATE_LIMITED']);
      expect(head).to.match(/Retry-After: \d+/);
      expect(echo.handshakes).to.have.length(2);
    });

    it('does not count an invalid handshake', async () => {
      const echo = await startEcho();
      const { port } = await start({ target: echo.url, rateLimit: { limit: 1, windowMs: 60_000 } });
      const response = await rawCall(port, handshake('/', { 'Sec-WebSocket-Key': 'none' }));
      expect(response).to.match(/^HTTP\/1\.1 400 /);
      await dialOpen(port);
    });

    it('learns from the response of a target, and keeps to it', async () => {
      const upstream = await startUpstream(status(429, { 'retry-after': '60' }));
      const { port } = await start({ target: upstream.url, rateLimit: {} });
      expect((await refused(port)).status).to.equal(429);
      expect((await refused(port)).code).to.equal('ERR_RATE_LIMITED');
      expect(upstream.requests).to.have.length(1);
    });

    it('queues one as it queues calls', async () => {
      const echo = await startEcho();
      const { port } = await start({
        target: echo.url,
        rateLimit: { limit: 1, windowMs: 200, onLimit: 'queue' },
      });
      await dialOpen(port);
      const waiting = await rawClient(port);
      waiting.send(`${handshake()}`);
      await waiting.until(/^HTTP\/1\.1 101 /);
      expect(echo.handshakes).to.have.length(2);
    });

    it('forgets one that leaves while it waits', async () => {
      const echo = await startEcho();
      const { port, proxy, connections } = await start({
        target: echo.url,
        rateLimit: { limit: 1, windowMs: 60_000, onLimit: 'queue', maxWaitMs: 60_000 },
      });
      await dialOpen(port);
      const waiting = dial(port);
      await until(() => connections.open === 2);
      waiting.terminate();
      await until(() => connections.open === 1);
      expect(proxy.egress().limits.every(({ queued }) => queued === 0)).to.equal(true);
      expect(echo.connections.total).to.equal(1);
    });
  });

  describe('retry', () => {
    const retry = { initialDelayMs: 1, maxDelayMs: 2 };

    it('tries a handshake again before its 101', async () => {
      let failures = 2;
      const echo = await startEcho();
      echo.sockets.options.verifyClient = (_info, response) => {
        if (failures-- > 0) response(false, 503);
        else response(true);
      };
      const { port, figures } = await start({ target: echo.url, retry });
      expect(await echoed(await dialOpen(port), 'third time')).to.equal('third time');
      expect(await figures(1)).to.include({ attempts: 3, retried: 1 });
      await until(() => echo.connections.open === 1);
    });

    it('passes on the last response', async () => {
      const upstream = await startUpstream(status(503, { 'x-last': '1' }));
      const { port } = await start({ target: upstream.url, retry });
      const { status: code, head } = await refused(port);
      expect(code).to.equal(503);
      expect(head).to.match(/x-last: 1/);
      expect(upstream.requests).to.have.length(3);
    });

    it('gives up when its client leaves', async () => {
      const upstream = await startUpstream(status(503));
      const { port, connections } = await start({
        target: upstream.url,
        retry: { initialDelayMs: 20_000, maxDelayMs: 20_000 },
      });
      const client = await rawClient(port);
      client.send(handshake());
      await until(() => upstream.requests.length === 1 && upstream.connections.open === 0);
      client.destroy();
      await until(() => connections.open === 0);
    });
  });

  describe('egress proxies', () => {
    for (const scheme of ['http', 'https'] as const) {
      it(`goes through a tunnel to an ${scheme} target, past a dead egress proxy, with no credential in the tunnel`, async () => {
        const echo = await startEcho(scheme);
        const proxy = await startForwardProxy({ credentials: 'user:s3cret' });
        const { port, figures } = await start({
          target: echo.url,
          secure: false,
          proxyRotate: { proxies: [`http://127.0.0.1:${await unusedPort()}`, proxy.url] },
        });
        expect(await echoed(await dialOpen(port), 'hello')).to.equal('hello');
        expect(from(echo)).to.deep.equal([proxy.from]);
        expect(proxy.connects).to.have.length(1);
        expect(echo.handshakes[0]?.rawHeaders.join('\n')).to.not.match(/proxy-auth|s3cret/i);
        expect((await figures(1)).attempts).to.equal(2);
      });
    }

    it('fails closed, and the circuit does not count it', async () => {
      const echo = await startEcho();
      const { port, proxy } = await start({
        target: echo.url,
        proxyRotate: proxies(await unusedPort(), await unusedPort()),
        breaker: { failureThreshold: 1 },
      });
      expect((await refused(port)).code).to.equal('ERR_NO_PROXY');
      expect(echo.connections.total).to.equal(0);
      expect(proxy.circuits.list()[0]?.state).to.equal('CLOSED');
    });

    it('cools an egress proxy down after a 429 of the target, and counts what goes through each', async () => {
      const upstream = await startUpstream([status(429), status(403)]);
      const first = await startForwardProxy();
      const second = await startForwardProxy();
      const { port, proxy } = await start({
        target: upstream.url,
        proxyRotate: proxies(first.port, second.port),
        retry: { initialDelayMs: 1 },
      });
      expect((await refused(port)).status).to.equal(403);
      const states = proxy.egress().proxies.map(({ state, attempts, active }) => [state, attempts, active]);
      expect(states).to.deep.equal([
        ['cooling-down', 1, 0],
        ['ok', 1, 0],
      ]);
    });
  });

  it('skips the cache, and rules about bodies', async () => {
    const echo = await startEcho();
    const { port, figures } = await start({ target: echo.url, cache: { ttlMs: 60_000 }, requiresBody: true });
    await dialOpen(port);
    await dialOpen(port);
    expect(echo.handshakes).to.have.length(2);
    expect((await figures(2)).cache).to.deep.equal({});
  });

  it('keeps cookies from the target and sends added headers', async () => {
    const echo = await startEcho();
    const { port } = await start({ target: echo.url, headers: { 'X-Api-Key': 'ours' } });
    await dialOpen(port, '/', {
      headers: { cookie: 'session=1', 'x-api-key': 'theirs', origin: 'https://a.example' },
    });
    const [received] = echo.handshakes;
    expect(received?.headers).to.include({ 'x-api-key': 'ours', origin: 'https://a.example' });
    expect(received?.headers).to.not.have.property('cookie');
    expect(received?.headers.host).to.equal(`127.0.0.1:${echo.port}`);
  });

  it('picks one API by the first segment, as the first request of a server', async () => {
    const one = await startEcho();
    const two = await startEcho();
    const proxy = resilientProxy({ apis: { one: { target: one.url }, two: { target: two.url } } });
    onCleanup(() => proxy.close());
    const { port } = await serve(proxy, { upgrade: proxy.upgrade });
    await dialOpen(port, '/two/chat?a=1');
    expect(two.handshakes.map(({ url }) => url)).to.deep.equal(['/chat?a=1']);
    expect(one.connections.total).to.equal(0);
    expect((await refused(port, '/three')).code).to.equal('ERR_UNKNOWN_API');
    expect((await proxy.stats?.view({ api: 'two', period: 'all' }))?.figures.total).to.equal(1);
  });

  it('responds with 404 if pathFilter excludes it', async () => {
    const echo = await startEcho();
    const { port } = await start({ target: echo.url, pathFilter: '/chat' });
    expect((await refused(port, '/other')).status).to.equal(400);
    await dialOpen(port, '/chat');
  });

  it('closes open ones with 1001 when it is closed, and refuses new ones', async () => {
    const echo = await startEcho();
    const { port, proxy } = await start({ target: echo.url });
    const sockets = [await dialOpen(port), await dialOpen(port)];
    const closes = sockets.map((socket) => once(socket, 'close'));
    await proxy.close();
    expect((await Promise.all(closes)).map(([code]) => code)).to.deep.equal([1001, 1001]);
    await until(() => echo.connections.open === 0);
    expect(echo.closes.map(([code]) => code)).to.deep.equal([1001, 1001]);
    expect((await refused(port)).code).to.equal('ERR_SHUTTING_DOWN');
  });

  it('closes those that open after closeSockets() with 1001', async () => {
    const echo = await startEcho();
    const { port, proxy } = await start({ target: echo.url });
    await proxy.closeSockets(1000);
    const socket = dial(port);
    expect((await once(socket, 'close'))[0]).to.equal(1001);
  });

  it('destroys and counts those that do not close themselves', async () => {
    const echo = await startEcho();
    const { port, proxy, page, connections } = await start({ target: echo.url });
    const client = await rawClient(port);
    client.send(handshake());
    await client.until(/\r\n\r\n/);
    await dialOpen(port);
    await proxy.closeSockets(20);
    expect((await page()).value('resilient_proxy_websockets_cut_total', { api: 'x' })).to.equal(1);
    expect((await client.untilClosed()).endsWith('\x88\x02\x03\xe9')).to.equal(true);
    await until(() => connections.open === 0 && echo.connections.open === 0);
  });
});
