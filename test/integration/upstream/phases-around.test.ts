import { createServer } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { cache } from '../../../lib/cache/cache.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { readAheadLimit } from '../../../lib/core/read-ahead.js';
import { type ResilientProxyConfig, resilientProxy } from '../../../lib/index.js';
import { retry } from '../../../lib/retry/retry.js';
import { onCleanup } from '../../support/cleanup.js';
import { type CallOptions, call, endingOf, open } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { json, silence, startUpstream, text } from '../../support/upstream.js';

type OneApi = Omit<Extract<ResilientProxyConfig, { name: string }>, 'name'>;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function startApi(options: OneApi) {
  const proxy = resilientProxy({ name: 'api', ...options });
  onCleanup(() => proxy.close());
  const circuit = () => proxy.circuits.list()[0];
  return { proxy, circuit, ...(await serve(proxy)) };
}

/** A POST of JSON that stops after a few bytes, or goes on once it is told to. */
function paused(): CallOptions & { body: PassThrough } {
  const body = new PassThrough();
  body.write('[1,');
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body };
}

for (const transport of TRANSPORTS) {
  describe(`the phases of an attempt in resilientProxy(), transport ${transport}`, () => {
    const readAhead: [what: string, options: Partial<OneApi>][] = [
      ['checked', { validateJson: true }],
      ['part of a cache key', { cache: { methods: ['GET', 'POST'] } }],
    ];
    for (const [what, options] of readAhead) {
      it(`does not wait for ever for a body that is ${what}: 408, by the client`, async () => {
        const upstream = await startUpstream(json({ ok: true }));
        const api = await startApi({ target: upstream.url, transport, bodyTimeoutMs: 150, ...options });
        const response = await call(api.url, paused());
        expect(response.status).to.equal(408);
        expect(response.json()).to.have.property('code', 'ERR_REQUEST_TIMEOUT');
        expect(response.headers.connection).to.equal('close');
        expect(upstream.requests).to.have.length(0);
        expect(api.circuit()).to.include({ state: 'CLOSED', failures: 0 });
        const whole = await call(api.url, { ...paused(), body: '[1]' });
        expect(whole.json()).to.deep.equal({ ok: true });
      });

      it(`does not count the time of a body that is ${what} and flows`, async () => {
        const upstream = await startUpstream(json({ ok: true }));
        const api = await startApi({
          target: upstream.url,
          transport,
          retry: { totalTimeoutMs: 300 },
          ...options,
        });
        const request = paused();
        const response = call(api.url, request);
        await wait(500);
        request.body.end('2]');
        expect((await response).json()).to.deep.equal({ ok: true });
        expect(upstream.requests[0]?.body.toString()).to.equal('[1,2]');
      });
    }

    it('opens no circuit for clients, for full pools of our own, or for quiet streams', async () => {
      const upstream = await startUpstream((req, res) => {
        if (req.url === '/events') {
          res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
        } else req.on('end', () => res.end('ok')).resume();
      });
      const api = await startApi({
        target: upstream.url,
        transport,
        connections: 1,
        bodyTimeoutMs: 200,
        queueTimeoutMs: 100,
        retry: false,
        breaker: { failureThreshold: 1, requestTimeoutMs: 2000 },
      });
      const upload = call(api.url, paused());
      const queued = await call(api.url);
      expect((await upload).status).to.equal(408);
      expect(queued.status).to.equal(503);
      expect(queued.json()).to.have.property('code', 'ERR_NO_CONNECTION');
      expect((await endingOf((await open(`${api.url}/events`)).res)).clean).to.equal(false);
      expect((await call(api.url)).text).to.equal('ok');
      expect(api.circuit()).to.include({ state: 'CLOSED', failures: 0 });
    });

    it('takes the smaller one of the limits of API and breaker, and no default beside either', async () => {
      const upstream = await startUpstream(silence);
      const common = { target: upstream.url, transport, retry: false } as const;
      for (const limits of [
        { requestTimeoutMs: 200 },
        { breaker: { requestTimeoutMs: 200 } },
        { requestTimeoutMs: 200, breaker: { requestTimeoutMs: 15_000 } },
        { requestTimeoutMs: 15_000, breaker: { requestTimeoutMs: 200 } },
      ]) {
        const api = await startApi({ ...common, ...limits });
        const response = await call(api.url);
        expect(response.json()).to.include({ error: 'The upstream did not respond within 200 ms' });
      }
    });

    it('passes the response at hand on where a retry would have no useful time', async () => {
      const upstream = await startUpstream([
        (_req, res) => void res.writeHead(503).end('at hand'),
        text('too late'),
      ]);
      const api = await startApi({
        target: upstream.url,
        transport,
        retry: { initialDelayMs: 300, totalTimeoutMs: 280 },
      });
      const response = await call(api.url);
      expect([response.status, response.text]).to.deep.equal([503, 'at hand']);
      expect(upstream.requests).to.have.length(1);
    });
  });

  describe(`forward() and a request that never left, transport ${transport}`, () => {
    it('sends it again with its body, whatever its method', async () => {
      const port = await unusedPort();
      const policy = retry({ initialDelayMs: 300 });
      const received: string[] = [];
      policy.on('retry', () => {
        const late = createServer((req, res) => {
          let body = '';
          req.on('data', (chunk: Buffer) => {
            body += chunk;
          });
          req.on('end', () => {
            received.push(`${req.method} ${body.length}`);
            res.end('ok');
          });
        });
        late.listen(port, '127.0.0.1');
        onCleanup(() => {
          late.close();
          late.closeAllConnections();
        });
      });
      const proxy = await startForward({ target: `http://127.0.0.1:${port}`, transport }, policy);
      const body = 'x'.repeat(300_000);
      const response = await call(proxy.url, { method: 'POST', body });
      expect(response.text).to.equal('ok');
      expect(received).to.deep.equal(['POST 300000']);
    });
  });
}

describe('forward() with proxyTimeout and an upload', () => {
  it('holds the silence of a client against the client', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const proxy = await startForward({ target: upstream.url, proxyTimeout: 150 });
    const response = await call(proxy.url, paused());
    expect(response.status).to.equal(408);
    await until(() => upstream.connections.open === 0);
  });
});

describe('cache() in front of any handler', () => {
  it('passes the failure of a client that stops sending to next()', async () => {
    const handler: Handler = (_req, res) => void res.end('handled');
    const guard = cache({ methods: ['POST'] });
    onCleanup(() => guard.close());
    const limit = readAheadLimit(100);
    const { url, errors } = await serve((req, res, next) => {
      exchangeOf(req, res);
      limit(req, res, () => guard(req, res, (error) => (error ? next(error) : handler(req, res, next))));
    });
    expect((await call(url, paused())).status).to.equal(408);
    expect(errors).to.have.length(1);
  });
});
