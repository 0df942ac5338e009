import { once } from 'node:events';
import { SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import type { TracingOptions } from '../../../lib/tracing/tracing-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { dialOpen, echoed, handshake, startEcho } from '../../support/echo.js';
import { unusedPort } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { until } from '../../support/until.js';
import { spanRecorder } from '../../unit/tracing/span-recorder.js';

/** A gateway on a free port with one API, `x`. */
async function startGateway(
  target: string,
  { server = '', api = '', tracing }: { server?: string; api?: string; tracing?: TracingOptions } = {},
) {
  const text = `server: { port: 0, ${server} }\napis: { x: { target: "${target}", retry: false, ${api} } }`;
  const logs: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const parsed = parseConfig(text, { env: {} });
  const config = { ...parsed.config, ...(tracing && { tracing }) };
  const gateway = createGateway({ ...parsed, config, logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  return { ...gateway, url, port: Number(new URL(url).port), logs };
}

describe('the gateway: WebSockets', () => {
  const PATH = '/api/x/chat';

  it('are counted in /metrics and /api-stats, and refused by an open circuit', async () => {
    const echo = await startEcho();
    const { url, port, proxy } = await startGateway(echo.url);
    await dialOpen(port, PATH);
    const page = (await call(`${url}/metrics`)).text;
    expect(page).to.match(/^resilient_proxy_websockets_open\{api="x"\} 1$/m);
    expect(page).to.match(/^resilient_proxy_calls_total\{api="x",method="GET",code="101"\} 1$/m);
    const stats = (await call(`${url}/api-stats?api=x`)).json() as Record<string, Record<string, unknown>>;
    expect(JSON.stringify(stats)).to.include('"101":1');
    proxy.apis.get('x')?.breaker?.forceOpen();
    const response = await rawCall(port, handshake(PATH, { Host: 'localhost' }));
    expect(response).to.match(/^HTTP\/1\.1 503 .*Retry-After: \d+.*ERR_CIRCUIT_OPEN/s);
  });

  describe('who may open one', () => {
    const may = async (port: number, headers: Record<string, string | undefined>): Promise<boolean> => {
      const client = await rawClient(port);
      client.send(handshake(PATH, { Host: 'localhost', ...headers }));
      return (await client.until(/^HTTP\/1\.1 (101 |403 .*ERR_FORBIDDEN)/s)).startsWith('HTTP/1.1 101');
    };

    it('is no page of another site, by Sec-Fetch-Site, Host or Origin', async () => {
      const echo = await startEcho();
      const { port } = await startGateway(echo.url, { server: 'allowedHosts: [app.local]' });
      for (const headers of [
        { 'Sec-Fetch-Site': 'cross-site' },
        { Host: 'evil.example' },
        { Origin: 'https://evil.example' },
        { Origin: 'null' },
        { Origin: 'http://localhost.evil.example' },
        { Origin: 'http://[::1' },
      ]) {
        expect(await may(port, headers), JSON.stringify(headers)).to.equal(false);
      }
      expect(echo.handshakes).to.have.length(0);
      for (const headers of [
        {},
        { Origin: 'http://localhost:3000' },
        { Origin: 'http://127.0.0.1' },
        { Origin: 'https://app.local' },
        { Host: 'app.local:8087', 'Sec-Fetch-Site': 'same-origin' },
      ]) {
        expect(await may(port, headers), JSON.stringify(headers)).to.equal(true);
      }
    });

    it('is nobody who bypasses the gateway to an API with ws', async () => {
      const echo = await startEcho();
      const { url, port } = await startGateway(echo.url, { api: 'ws: true' });
      await call(`${url}${PATH}`);
      expect(await may(port, { Origin: 'https://evil.example' })).to.equal(false);
      expect(await rawCall(port, handshake('/x/chat', { Host: 'localhost' }))).to.match(/^HTTP\/1\.1 404 /);
      expect(echo.handshakes).to.have.length(0);
      expect(await may(port, {})).to.equal(true);
      expect(echo.handshakes).to.have.length(1);
    });

    it('is any page with allowCrossSite', async () => {
      const echo = await startEcho();
      const { port } = await startGateway(echo.url, { server: 'allowCrossSite: true' });
      expect(await may(port, { Origin: 'https://other.example', 'Sec-Fetch-Site': 'cross-site' })).to.equal(
        true,
      );
    });

    it('is the Origin of other calls only where the browser does not say the site', async () => {
      const echo = await startEcho();
      const { url } = await startGateway(echo.url);
      const headers = { origin: 'https://other.example' };
      expect((await call(`${url}${PATH}`, { headers })).status).to.equal(403);
      const said = { ...headers, 'sec-fetch-site': 'same-site' };
      expect((await call(`${url}${PATH}`, { headers: said })).status).to.equal(200);
    });
  });

  it('are logged as calls when they fail, and always with accessLog', async () => {
    const dead = await startGateway(`http://127.0.0.1:${await unusedPort()}`);
    await rawCall(dead.port, handshake(PATH, { Host: 'localhost' }));
    await until(() => dead.logs.length === 1);
    expect(dead.logs[0]).to.include({ api: 'x', status: 502, code: 'ERR_UPSTREAM_CONNECT', path: PATH });
    const echo = await startEcho();
    const { port, logs } = await startGateway(echo.url, { server: 'accessLog: true' });
    await dialOpen(port, PATH);
    await until(() => logs.length === 1);
    expect(logs[0]).to.include({ api: 'x', status: 101, path: PATH, method: 'GET' });
  });

  it('are closed with 1001 at a shutdown, and do not delay it', async () => {
    const echo = await startEcho();
    const gateway = await startGateway(echo.url, { server: 'shutdownTimeoutMs: 60000' });
    const socket = await dialOpen(gateway.port, PATH);
    expect(await echoed(socket, 'hello')).to.equal('hello');
    const closed = once(socket, 'close');
    await gateway.close();
    expect((await closed)[0]).to.equal(1001);
    await until(() => echo.connections.open === 0);
    expect(gateway.logs.filter(({ msg }) => /cut off/.test(String(msg)))).to.deep.equal([]);
  });

  it('are cut off at shutdown if their client does not close them', async () => {
    const echo = await startEcho();
    const gateway = await startGateway(echo.url, { server: 'shutdownTimeoutMs: 100' });
    const client = await rawClient(gateway.port);
    client.send(handshake(PATH, { Host: 'localhost' }));
    await client.until(/\r\n\r\n/);
    await gateway.close();
    expect((await client.untilClosed()).endsWith('\x88\x02\x03\xe9')).to.equal(true);
    await until(() => echo.connections.open === 0);
  });

  it('are logged and traced if they are cut off at shutdown', async () => {
    const { spans, tracerProvider, propagator } = spanRecorder();
    const echo = await startEcho();
    const gateway = await startGateway(echo.url, {
      server: 'shutdownTimeoutMs: 100',
      tracing: { tracerProvider, propagator },
    });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const client = await rawClient(gateway.port);
    client.send(
      handshake(`${PATH}?api_key=hidden`, {
        Host: 'localhost',
        'X-Request-Id': 'r-1',
        Traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      }),
    );
    await client.until(/\r\n\r\n/);
    const polite = await dialOpen(gateway.port, PATH);
    expect(await echoed(polite, 'hello')).to.equal('hello');
    await gateway.close();
    const [logged, ...more] = gateway.logs.filter(({ code }) => code === 'ERR_SHUTTING_DOWN');
    expect(more).to.deep.equal([]);
    expect(logged).to.include({
      level: 'warn',
      msg: 'A WebSocket was cut off: its client did not close it in time',
      requestId: 'r-1',
      api: 'x',
      method: 'GET',
      path: `${PATH}?api_key=***`,
      status: 101,
      by: 'self',
      bytesIn: 0,
    });
    expect(logged?.durationMs).to.be.a('number').within(90, 5000);
    // A call and an attempt for each of the two, and the end of the one.
    const ended = await spans(5);
    const cut = ended.filter(({ name }) => name === 'WebSocket x');
    expect(cut).to.have.length(1);
    const [span] = cut;
    expect(span?.spanContext().traceId).to.equal(traceId);
    expect(span?.parentSpanContext?.spanId).to.equal(
      ended
        .find(
          ({ name, parentSpanContext }) =>
            name === 'GET x' && parentSpanContext?.spanId === 'b7ad6b7169203331',
        )
        ?.spanContext().spanId,
    );
    expect(span?.attributes).to.include({ 'error.type': 'ERR_SHUTTING_DOWN', 'resilient_proxy.api': 'x' });
    expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
  });
});
