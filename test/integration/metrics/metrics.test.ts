import { expect } from 'chai';
import express from 'express';
import { AggregatorRegistry, Counter, Registry } from 'prom-client';
import { detach } from '../../../lib/core/detach.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { exchangeOf } from '../../../lib/core/exchange.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { breaker, cache, type Handler, retry } from '../../../lib/index.js';
import { type MetricsHandler, metrics } from '../../../lib/metrics/metrics.js';
import type { MetricsOptions } from '../../../lib/metrics/metrics-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, keepAliveAgent, open } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { rawCall } from '../../support/raw-client.js';
import { serve, serveApp } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { silence, startUpstream, status, text } from '../../support/upstream.js';
import { type MetricsPage, readPage } from '../../unit/metrics/metrics-page.js';

const CALLS = 'resilient_proxy_calls_total';
const ATTEMPTS = 'resilient_proxy_attempts_total';
const api = 'default';
/** Of the times of calls that no cache has seen. */
const OK = { api, verdict: 'none', status_class: '2xx' };

function openMetrics(options: MetricsOptions = {}): MetricsHandler {
  const handler = metrics(options);
  onCleanup(() => handler.close());
  return handler;
}

/** The page once every call has settled: a client may have read everything before the server knows. */
async function pageOf(handler: MetricsHandler): Promise<MetricsPage> {
  for (;;) {
    const text = await handler.render();
    if (/^resilient_proxy_calls_in_flight 0$/m.test(text)) return readPage(text);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Attempts without a complete response, by who caused that. */
function failedBy(page: MetricsPage): Record<string, number | undefined> {
  const counted = (by: string) => [by, page.value('resilient_proxy_attempts_failed_total', { api, by })];
  return Object.fromEntries(['target', 'egress', 'client', 'self'].map(counted));
}

/** Names a call's API, as `resilientProxy` does. */
const named =
  (name: (url: string) => string): Handler =>
  (req, res, next) => {
    exchangeOf(req, res).api = name(req.url ?? '/');
    next();
  };

for (const transport of TRANSPORTS) {
  describe(`metrics() over the ${transport} transport`, () => {
    it('counts a mix of calls by method and code, and their attempts by outcome', async () => {
      const upstream = await startUpstream((req, res) => {
        if (req.url === '/gone') return req.socket.destroy();
        return status(Number(req.url?.slice(1)))(req, res);
      });
      const counted = openMetrics();
      const { url } = await startForward({ target: upstream.url, transport }, counted);
      for (const path of ['/gone', '/200', '/200', '/201', '/404', '/503']) await call(url + path);
      await call(`${url}/200`, { method: 'POST', body: 'x' });
      const page = await pageOf(counted);
      const calls = (method: string, code: string) => page.value(CALLS, { api, method, code });
      expect(calls('GET', '200')).to.equal(2);
      expect(calls('POST', '200')).to.equal(1);
      expect(calls('GET', '201')).to.equal(1);
      expect(calls('GET', '404')).to.equal(1);
      expect(calls('GET', '502')).to.equal(1);
      expect(page.sum(CALLS)).to.equal(7);
      const attempts = (outcome: string) => page.value(ATTEMPTS, { api, proxy: 'direct', outcome });
      expect(attempts('200')).to.equal(3);
      expect(attempts('503')).to.equal(1);
      expect(attempts('ERR_UPSTREAM_RESET')).to.equal(1);
      expect(page.sum(ATTEMPTS)).to.equal(7);
      expect(page.value('resilient_proxy_errors_total', { api, code: 'ERR_UPSTREAM_RESET' })).to.equal(1);
      expect(page.sum('resilient_proxy_call_duration_seconds_count', { api })).to.equal(7);
      expect(page.value('resilient_proxy_attempt_duration_seconds_count', { api })).to.equal(7);
      expect(page.value('resilient_proxy_time_to_first_byte_seconds_count', { api })).to.equal(6);
    });

    it('counts each attempt of a call that is sent again, and the call once', async () => {
      const upstream = await startUpstream([status(503), status(429), status(200)]);
      const counted = openMetrics();
      const { url } = await startForward(
        { target: upstream.url, transport },
        counted,
        retry({ initialDelayMs: 1 }),
      );
      await call(url);
      const page = await pageOf(counted);
      expect(page.sum(CALLS)).to.equal(1);
      const outcomes = page.lines.filter(({ name }) => name === ATTEMPTS).map(({ labels }) => labels.outcome);
      expect(outcomes.sort()).to.deep.equal(['200', '429', '503']);
    });

    it('counts a client that leaves before the head as aborted, and its attempt as abandoned', async () => {
      const upstream = await startUpstream(silence);
      const counted = openMetrics();
      const { url } = await startForward({ target: upstream.url, transport }, counted);
      const leaving = begin(url);
      await until(() => upstream.requests.length === 1);
      expect(readPage(await counted.render()).value('resilient_proxy_calls_in_flight')).to.equal(1);
      leaving.destroy();
      const page = await pageOf(counted);
      expect(page.value(CALLS, { api, method: 'GET', code: 'aborted' })).to.equal(1);
      expect(page.value(ATTEMPTS, { api, proxy: 'direct', outcome: 'abandoned' })).to.equal(1);
      expect(page.sum('resilient_proxy_attempt_duration_seconds_count')).to.equal(0);
      expect(failedBy(page)).to.deep.equal({ target: 0, egress: 0, client: 1, self: 0 });
    });

    it('counts attempts that this process ends at its shutdown as failed by itself', async () => {
      const upstream = await startUpstream(silence);
      const counted = openMetrics();
      const last = openForward({ target: upstream.url, transport });
      const { url } = await serve(pipeline([counted, last]));
      const refused = call(url);
      await until(() => upstream.requests.length === 1);
      await last.close();
      expect((await refused).status).to.equal(503);
      expect(failedBy(await pageOf(counted))).to.deep.equal({ target: 0, egress: 0, client: 0, self: 1 });
    });

    it('counts a stream that it ends for being quiet as nobody’s failure', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      });
      const counted = openMetrics();
      const { url } = await startForward(
        { target: upstream.url, transport, streamIdleTimeoutMs: 50 },
        counted,
      );
      const { res } = await open(url);
      res.on('error', () => {}).resume();
      expect(failedBy(await pageOf(counted))).to.deep.equal({ target: 0, egress: 0, client: 0, self: 0 });
    });

    it('counts a response that breaks off after its headers', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-length': 100 });
        res.write('some', () => res.destroy());
      });
      const counted = openMetrics();
      const { url } = await startForward({ target: upstream.url, transport }, counted);
      const { res } = await open(url);
      res.on('error', () => {}).resume();
      const page = await pageOf(counted);
      expect(page.value(CALLS, { api, method: 'GET', code: '200' })).to.equal(1);
      expect(page.value('resilient_proxy_responses_cut_total', { api })).to.equal(1);
      expect(failedBy(page)).to.deep.equal({ target: 1, egress: 0, client: 0, self: 0 });
    });

    it('counts the bytes of bodies both ways', async () => {
      const upstream = await startUpstream(text('x'.repeat(50_000)));
      const counted = openMetrics();
      const { url } = await startForward({ target: upstream.url, transport }, counted);
      const agent = keepAliveAgent();
      await call(url, {
        method: 'POST',
        agent,
        body: Buffer.alloc(30_000),
        headers: { 'content-length': 30_000 },
      });
      await call(url, { agent });
      const page = await pageOf(counted);
      expect(page.value('resilient_proxy_request_bytes_total', { api })).to.equal(30_000);
      expect(page.value('resilient_proxy_response_bytes_total', { api })).to.be.within(100_000, 102_000);
    });
  });
}

describe('metrics()', () => {
  it('has its name, for stacks', () => {
    expect(openMetrics().name).to.equal('metrics');
  });

  it('counts the responses of any handler in an Express application', async () => {
    const counted = openMetrics({ name: 'shop' });
    const app = express()
      .set('env', 'test')
      .use(counted)
      .get('/ok', (_req, res) => void res.send('fine'))
      .get('/bad', (_req, res) => void res.status(500).send('bad'));
    const { url } = await serveApp(app);
    for (const path of ['/ok', '/bad', '/nowhere']) await call(url + path);
    const page = await pageOf(counted);
    const codes = ['200', '404', '500'].map((code) =>
      page.value(CALLS, { api: 'shop', method: 'GET', code }),
    );
    expect(codes).to.deep.equal([1, 1, 1]);
    expect(page.sum(ATTEMPTS)).to.equal(0);
  });

  it('counts the calls of each API', async () => {
    const counted = openMetrics();
    const { url } = await serve(
      pipeline([named((url) => url.slice(1)), counted, (_req, res) => void res.end()]),
    );
    for (const path of ['/github', '/github', '/weather', '/']) await call(url + path);
    const page = await pageOf(counted);
    const totals = ['github', 'weather', 'default'].map((name) => page.sum(CALLS, { api: name }));
    expect(totals).to.deep.equal([2, 1, 1]);
  });

  it('counts cache verdicts, and no attempt for a hit', async () => {
    const upstream = await startUpstream(text('body', { 'cache-control': 'max-age=60' }));
    const counted = openMetrics();
    const { url } = await startForward(
      { target: upstream.url },
      counted,
      cache({ mode: 'standard' }),
      counted,
    );
    for (let i = 0; i < 3; i++) await call(url);
    const page = await pageOf(counted);
    expect(page.value('resilient_proxy_cache_total', { api, verdict: 'miss' })).to.equal(1);
    expect(page.value('resilient_proxy_cache_total', { api, verdict: 'hit' })).to.equal(2);
    expect([page.sum(CALLS), page.sum(ATTEMPTS)]).to.deep.equal([3, 1]);
  });

  it('counts the attempts of a call without a client where it stands behind the cache too', async () => {
    const upstream = await startUpstream(text('body'));
    const counted = openMetrics();
    let background: Promise<unknown> | undefined;
    const renewing: Handler = (req, res, next) => {
      const detached = detach(exchangeOf(req, res));
      background = new Promise((resolve) => detached.onSettled(resolve));
      detached.rest?.(detached.req, detached.res, () => {});
      next();
    };
    const { url } = await startForward({ target: upstream.url }, counted, renewing, counted);
    await call(url);
    await background;
    const page = await pageOf(counted);
    expect([page.sum(CALLS), page.sum(ATTEMPTS)]).to.deep.equal([1, 2]);
  });

  it('counts refusals, and no attempt where one was vetoed', async () => {
    const upstream = await startUpstream(status(500));
    const counted = openMetrics();
    const guard = breaker({ failureThreshold: 1 });
    const { url } = await startForward(
      { target: upstream.url },
      counted,
      guard,
      retry({ initialDelayMs: 1 }),
    );
    await call(url);
    await call(url);
    const page = await pageOf(counted);
    expect(page.value(CALLS, { api, method: 'GET', code: '503' })).to.equal(1);
    expect(page.value('resilient_proxy_errors_total', { api, code: 'ERR_CIRCUIT_OPEN' })).to.equal(1);
    expect(page.sum(ATTEMPTS)).to.equal(1);
  });

  it('counts no attempt that a guard behind it refuses', async () => {
    const upstream = await startUpstream(status(200));
    const counted = openMetrics();
    const no: Handler = (req, res, next) => {
      exchangeOf(req, res).limits.push({ admit: () => new ProxyError('ERR_RATE_LIMITED', 'no') });
      next();
    };
    const { url } = await startForward({ target: upstream.url }, counted, no);
    expect((await call(url)).status).to.equal(429);
    const page = await pageOf(counted);
    expect([page.sum(CALLS), page.sum(ATTEMPTS)]).to.deep.equal([1, 0]);
  });

  it('shows connection errors by their code', async () => {
    const counted = openMetrics();
    const { url } = await startForward({ target: `http://127.0.0.1:${await unusedPort()}` }, counted);
    await call(url);
    const page = await pageOf(counted);
    expect(page.value(ATTEMPTS, { api, proxy: 'direct', outcome: 'ERR_UPSTREAM_CONNECT' })).to.equal(1);
  });

  it('counts Content-Length only if the body has come', async () => {
    const counted = openMetrics();
    const { url, port } = await serve(pipeline([counted, (_req, res) => void res.end()]));
    await rawCall(
      port,
      'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9007199254740991\r\n\r\nfew',
    );
    expect(url).to.be.a('string');
    const page = await pageOf(counted);
    expect(page.sum('resilient_proxy_request_bytes_total')).to.be.below(1000);
  });
});

describe('metrics() labels', () => {
  it('stay bounded under thousands of odd APIs, methods, statuses and egress proxies', async () => {
    const counted = openMetrics();
    let i = 0;
    const odd: Handler = (req, res, next) => {
      i++;
      const exchange = exchangeOf(req, res);
      exchange.api = i <= 1500 ? `api-${i}` : 'one';
      req.method = `ODD-${i}`;
      counted(req, res, () => {
        const attempt = { number: 1, startedAt: 0, durationMs: 1, waitedMs: 0, egress: `proxy-${i}` };
        const head = { status: 200, statusText: '', rawHeaders: [] };
        const told = { ...attempt, outcome: { kind: 'response' as const, head }, end: undefined };
        exchange.attempts.push(told);
        for (const limit of exchange.limits) {
          const permit = limit.admit?.(told, exchange);
          if (permit && 'head' in permit) permit.head?.(told, exchange);
        }
        res.statusCode = 200 + (i % 800);
        next();
      });
    };
    const { url } = await serve(pipeline([odd, (_req, res) => void res.end()]));
    const agent = keepAliveAgent(8);
    const worker = async () => {
      for (let n = 0; n < 375; n++) {
        const { status: seen } = await call(`${url}/p${n}?q=${n}`, { agent });
        expect(seen).to.be.at.least(100);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    const page = await pageOf(counted);
    const values = (label: string) => new Set(page.lines.map(({ labels }) => labels[label]).filter(Boolean));
    expect(page.sum(CALLS)).to.equal(3000);
    expect(values('api').size).to.equal(1001);
    expect([...values('method')]).to.deep.equal(['OTHER']);
    expect(values('code').size).to.be.below(75);
    expect(page.sum(ATTEMPTS, { api: 'other' })).to.equal(2000);
    const proxies = page.lines.filter(({ name, labels }) => name === ATTEMPTS && labels.api === 'other');
    expect(proxies).to.have.length(101);
  });
});

describe('metrics() page', () => {
  it('is the same when nothing happened between two scrapes', async () => {
    const counted = openMetrics();
    const { url } = await serve(pipeline([counted, (_req, res) => void res.end('x')]));
    await call(url);
    await pageOf(counted);
    expect(await counted.render()).to.equal(await counted.render());
  });

  it('continues counting from one scrape to the next', async () => {
    const counted = openMetrics();
    const { url } = await serve(pipeline([counted, (_req, res) => void res.end('x')]));
    for (const total of [1, 2, 3]) {
      await call(url);
      const page = await pageOf(counted);
      expect(page.sum(CALLS)).to.equal(total);
      expect(page.sum('resilient_proxy_call_duration_seconds_count', { api })).to.equal(total);
    }
  });

  it('has cumulative buckets in seconds that end in +Inf', async () => {
    const counted = openMetrics({ bucketsMs: [1, 250, 60_000] });
    const { url } = await serve(pipeline([counted, (_req, res) => void setTimeout(() => res.end(), 5)]));
    await call(url);
    const page = await pageOf(counted);
    const bucket = (le: string) => page.value('resilient_proxy_call_duration_seconds_bucket', { ...OK, le });
    expect([bucket('0.001'), bucket('60'), bucket('+Inf')]).to.deep.equal([0, 1, 1]);
    expect(page.value('resilient_proxy_call_duration_seconds_sum', OK)).to.be.within(0.004, 60);
    expect(page.types.get('resilient_proxy_call_duration_seconds')).to.equal('histogram');
    expect(page.types.get(CALLS)).to.equal('counter');
  });

  it('is OpenMetrics if a scraper accepts it, and plain text again for the next one', async () => {
    const counted = openMetrics();
    const { url } = await serve(pipeline([counted, (_req, res) => void res.end('x')]));
    await call(url);
    await pageOf(counted);
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
    const plain = await counted.render();
    const open = await counted.render(accept);
    expect(counted.contentType(accept)).to.equal(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    );
    expect(open)
      .to.match(/# EOF\n$/)
      .and.to.include('# TYPE resilient_proxy_calls counter');
    expect(readPage(open).sum(CALLS)).to.equal(1);
    expect(await counted.render('text/plain')).to.equal(plain);
    expect(counted.contentType()).to.equal('text/plain; version=0.0.4; charset=utf-8');
  });

  for (const accept of ['*/*', 'application/openmetrics-text;q=0', 'application/openmetrics-textual', '']) {
    it(`is plain text for ${JSON.stringify(accept)}`, () => {
      expect(openMetrics().contentType(accept)).to.match(/^text\/plain/);
    });
  }

  it('can be added up over the workers of a cluster', async () => {
    const workers = [openMetrics(), openMetrics({ eventLoop: true })];
    for (const counted of workers) {
      const { url } = await serve(pipeline([counted, (_req, res) => void res.end('x')]));
      await call(url);
      await pageOf(counted);
    }
    const pages = await Promise.all(workers.map(({ registry }) => registry.getMetricsAsJSON()));
    const sum = readPage(await AggregatorRegistry.aggregate(pages).metrics());
    expect(sum.value(CALLS, { api, method: 'GET', code: '200' })).to.equal(2);
    expect(sum.value('resilient_proxy_call_duration_seconds_count', OK)).to.equal(2);
    expect(sum.value('resilient_proxy_call_duration_seconds_bucket', { ...OK, le: '+Inf' })).to.equal(2);
  });

  it('shows the state of circuits, egress proxies and limits at the scrape', async () => {
    const guard = breaker({ name: 'github' });
    const proxy = {
      api: 'github',
      address: undefined,
      coolsDownUntil: 0,
      reason: '',
      failures: 1,
      attempts: 9,
      active: 0,
      ...{ successes: 8, latencyMs: 250, bans: 2 },
      ...{ bytesSent: 1000, bytesReceived: 5000, cost: 0.5 },
    };
    const limit = { api: 'github', name: 'default', limit: 100, resetsAt: undefined };
    const counted = openMetrics({
      circuits: () => guard.registry.list(),
      egress: () => ({
        proxies: [
          { ...proxy, name: 'a', state: 'ok' },
          { ...proxy, name: 'b', state: 'cooling-down' },
        ],
        limits: [
          { ...limit, credential: '1', proxy: 'a', state: 'available', remaining: 7, queued: 0 },
          { ...limit, credential: '2', proxy: 'a', state: 'exhausted', remaining: 3, queued: 4 },
          { ...limit, credential: '', proxy: undefined, state: 'available', remaining: undefined, queued: 0 },
        ],
      }),
    });
    const circuit = async (state: string) =>
      readPage(await counted.render()).value('resilient_proxy_circuit_state', { circuit: 'github', state });
    expect([await circuit('CLOSED'), await circuit('OPEN')]).to.deep.equal([1, 0]);
    guard.forceOpen();
    expect([await circuit('CLOSED'), await circuit('OPEN')]).to.deep.equal([0, 1]);
    const page = readPage(await counted.render());
    const of = (name: string, labels: Record<string, string>) =>
      page.value(`resilient_proxy_${name}`, { api: 'github', ...labels });
    expect(of('proxy_state', { proxy: 'a', state: 'ok' })).to.equal(1);
    expect(of('proxy_state', { proxy: 'b', state: 'cooling-down' })).to.equal(1);
    expect(of('proxy_state', { proxy: 'b', state: 'ok' })).to.equal(0);
    expect(of('proxy_attempts_total', { proxy: 'a' })).to.equal(9);
    expect(of('proxy_successes_total', { proxy: 'a' })).to.equal(8);
    expect(of('proxy_bans_total', { proxy: 'a' })).to.equal(2);
    expect(of('proxy_sent_bytes_total', { proxy: 'a' })).to.equal(1000);
    expect(of('proxy_received_bytes_total', { proxy: 'a' })).to.equal(5000);
    expect(of('proxy_cost_total', { proxy: 'a' })).to.equal(0.5);
    expect(of('proxy_latency_seconds', { proxy: 'a' })).to.equal(0.25);
    expect(of('limits_exhausted', { proxy: 'a' })).to.equal(1);
    expect(of('limit_remaining', { proxy: 'a' })).to.equal(3);
    expect(of('limit_remaining', { proxy: 'direct' })).to.equal(undefined);
    expect(of('calls_queued', { proxy: 'a' })).to.equal(4);
    expect(of('limits_exhausted', { proxy: 'direct' })).to.equal(0);
  });

  it('shows how late the event loop is only with eventLoop: true', async () => {
    const lag = async (handler: MetricsHandler) =>
      readPage(await handler.render()).lines.filter(
        ({ name }) => name === 'resilient_proxy_event_loop_lag_seconds',
      );
    expect(await lag(openMetrics())).to.deep.equal([]);
    const stats = (await lag(openMetrics({ eventLoop: true }))).map(({ labels }) => labels.stat);
    expect(stats).to.deep.equal(['mean', 'p50', 'p99', 'max']);
  });
});

describe('metrics() on the registry of an application', () => {
  it('stands beside the application’s own metrics until it is closed', async () => {
    const register = new Registry();
    new Counter({ name: 'mine_total', help: 'Mine.', registers: [register] }).inc(3);
    const counted = openMetrics({ register, prefix: 'out_' });
    expect(counted.registry).to.equal(register);
    const { url } = await serve(pipeline([counted, (_req, res) => void res.end()]));
    await call(url);
    const page = readPage(await register.metrics());
    expect([page.value('mine_total'), page.types.has('out_calls_total')]).to.deep.equal([3, true]);
    counted.close();
    expect(await register.metrics())
      .to.include('mine_total')
      .and.not.to.include('out_');
  });

  it('is refused where its names are taken', () => {
    const register = new Registry();
    openMetrics({ register });
    expect(() => metrics({ register, eventLoop: true })).to.throw(
      'metrics.prefix must make names that the registry does not have yet; received "resilient_proxy_calls_total"',
    );
    openMetrics({ register, prefix: 'second_' });
  });
});
