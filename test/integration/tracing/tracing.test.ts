import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { AlwaysOffSampler, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { detach } from '../../../lib/core/detach.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { exchangeOf } from '../../../lib/core/exchange.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { breaker, cache, type Handler, resilientProxy, retry } from '../../../lib/index.js';
import { tracing } from '../../../lib/tracing/tracing.js';
import type { TracingOptions } from '../../../lib/tracing/tracing-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, open, valuesOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { http2Call, http2Client, serveHttp2 } from '../../support/http2.js';
import { unusedPort } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { silence, startUpstream, status, text, type Upstream } from '../../support/upstream.js';
import { spanRecorder } from '../../unit/tracing/span-recorder.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const CLIENT = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`, tracestate: 'rojo=1' };

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

const callSpan = (spans: readonly ReadableSpan[]): ReadableSpan => {
  const found = spans.find(({ kind }) => kind !== SpanKind.CLIENT);
  if (!found) throw new Error('No span of the call');
  return found;
};
const attemptSpans = (spans: readonly ReadableSpan[]) => spans.filter(({ kind }) => kind === SpanKind.CLIENT);
const traceparents = ({ requests }: Upstream) =>
  requests.flatMap(({ rawHeaders }) => valuesOf(rawHeaders, 'traceparent'));
const parentOf = (span: ReadableSpan) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`;

/** A `tracing()` with an SDK of its own. */
function traced(options: TracingOptions = {}) {
  const { spans, tracerProvider, propagator } = spanRecorder();
  return { spans, stage: tracing({ tracerProvider, propagator, ...options }) };
}

for (const transport of TRANSPORTS) {
  describe(`tracing() over the ${transport} transport`, () => {
    it('has the id of the request on the span of its call', async () => {
      const upstream = await startUpstream(text('fine'));
      const { spans, tracerProvider } = spanRecorder();
      const options = { name: 'x', target: upstream.url, transport, requestId: true };
      const proxy = resilientProxy({ ...options, tracing: { tracerProvider } });
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      await call(`${url}/a`, { headers: { 'x-request-id': 'req-1' } });
      expect(callSpan(await spans(2)).attributes['resilient_proxy.request_id']).to.equal('req-1');
    });

    it('has the whole path of the request on the span of its call, and the version of HTTP/2', async () => {
      const upstream = await startUpstream(text('fine'));
      const { spans, tracerProvider } = spanRecorder();
      const proxy = resilientProxy({
        apis: { x: { target: upstream.url, transport } },
        tracing: { tracerProvider },
      });
      onCleanup(() => proxy.close());
      const { url } = await serveHttp2(proxy);
      await http2Call(http2Client(url), { ':path': '/x/users?page=2' });
      expect(callSpan(await spans(2)).attributes).to.include({
        'network.protocol.version': '2',
        'url.path': '/x/users',
        'url.query': 'page=2',
      });
    });

    it('has the whole path of a WebSocket on the span of its handshake', async () => {
      const upstream = await startUpstream(status(403));
      const { spans, tracerProvider } = spanRecorder();
      const proxy = resilientProxy({
        apis: { x: { target: upstream.url, transport } },
        tracing: { tracerProvider },
      });
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy, { upgrade: proxy.upgrade });
      await call(`${url}/x/feed`, { headers: { ...UPGRADE } });
      expect(callSpan(await spans(2)).attributes).to.include({
        'url.path': '/x/feed',
        'http.response.status_code': 403,
      });
    });

    it('creates a span for the call, one for the attempt below it, and continues the client’s trace', async () => {
      const upstream = await startUpstream(text('fine'));
      const { spans, stage } = traced({ name: 'github' });
      const { url } = await startForward({ target: `${upstream.url}/v1`, transport }, stage);
      await call(`${url}/users?page=2&api_key=hidden`, { headers: { ...CLIENT, 'user-agent': 'tester' } });
      const ended = await spans(2);
      const [attempt] = attemptSpans(ended);
      const whole = callSpan(ended);
      expect(whole.name).to.equal('GET github');
      expect(whole.kind).to.equal(SpanKind.SERVER);
      expect(whole.spanContext().traceId).to.equal(TRACE_ID);
      expect(whole.parentSpanContext?.spanId).to.equal('b7ad6b7169203331');
      expect(whole.status.code).to.equal(SpanStatusCode.UNSET);
      const { 'network.peer.port': peerPort, ...attributes } = whole.attributes;
      expect(peerPort).to.be.a('number');
      expect(attributes).to.deep.equal({
        'client.address': '127.0.0.1',
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'network.peer.address': '127.0.0.1',
        'network.protocol.version': '1.1',
        'resilient_proxy.api': 'github',
        'resilient_proxy.attempts': 1,
        'server.address': '127.0.0.1',
        'server.port': Number(new URL(url).port),
        'url.path': '/users',
        'url.query': 'page=2&api_key=REDACTED',
        'url.scheme': 'http',
        'user_agent.original': 'tester',
      });
      expect(attempt?.name).to.equal('GET');
      expect(attempt?.parentSpanContext?.spanId).to.equal(whole.spanContext().spanId);
      expect(attempt?.attributes).to.deep.equal({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'resilient_proxy.outcome': 'response',
        'server.address': '127.0.0.1',
        'server.port': upstream.port,
        'url.full': `${upstream.url}/v1/users?page=2&api_key=REDACTED`,
      });
    });

    it('sends the target the span of each attempt, once, instead of the client’s', async () => {
      const upstream = await startUpstream([status(503), status(200)]);
      const { spans, stage } = traced();
      const { url } = await startForward(
        { target: upstream.url, transport },
        stage,
        retry({ initialDelayMs: 1 }),
      );
      await call(url, { headers: { ...CLIENT, TraceParent: CLIENT.traceparent } });
      const attempts = attemptSpans(await spans(3));
      expect(traceparents(upstream)).to.deep.equal(attempts.map(parentOf));
      expect(new Set(traceparents(upstream)).size).to.equal(2);
      expect(upstream.requests.map(({ headers }) => headers.tracestate)).to.deep.equal(['rojo=1', 'rojo=1']);
      const [first, second] = attempts;
      expect(first?.status.code).to.equal(SpanStatusCode.ERROR);
      expect(first?.attributes).to.include({ 'http.response.status_code': 503, 'error.type': '503' });
      expect(first?.attributes).not.to.have.property('http.request.resend_count');
      expect(second?.attributes).to.include({
        'http.response.status_code': 200,
        'http.request.resend_count': 1,
      });
      expect(callSpan(await spans(3)).attributes).to.include({ 'resilient_proxy.attempts': 2 });
    });

    it('ends the span of a client that leaves, and its attempt’s as abandoned', async () => {
      const upstream = await startUpstream(silence);
      const { spans, stage } = traced();
      const { url } = await startForward({ target: upstream.url, transport }, stage);
      const leaving = begin(url);
      await until(() => upstream.requests.length === 1);
      leaving.destroy();
      const ended = await spans(2);
      expect(attemptSpans(ended)[0]?.attributes).to.include({ 'resilient_proxy.outcome': 'abandoned' });
      expect(attemptSpans(ended)[0]?.status.code).to.equal(SpanStatusCode.UNSET);
      expect(callSpan(ended).attributes).to.include({ 'resilient_proxy.aborted': true });
      expect(callSpan(ended).attributes).not.to.have.any.keys('http.response.status_code', 'error.type');
    });

    it('shows the error of an attempt', async () => {
      const { spans, stage } = traced();
      const target = `http://user:hidden@127.0.0.1:${await unusedPort()}`;
      const { url } = await startForward({ target, transport }, stage);
      await call(url);
      const ended = await spans(2);
      const [attempt] = attemptSpans(ended);
      expect(attempt?.attributes).to.include({
        'error.type': 'ERR_UPSTREAM_CONNECT',
        'resilient_proxy.outcome': 'failure',
      });
      expect(attempt?.status.code).to.equal(SpanStatusCode.ERROR);
      expect(callSpan(ended).attributes).to.include({
        'error.type': 'ERR_UPSTREAM_CONNECT',
        'http.response.status_code': 502,
      });
      expect(callSpan(ended).status.code).to.equal(SpanStatusCode.ERROR);
      expect(JSON.stringify(ended.map(({ attributes, status }) => [attributes, status]))).not.to.include(
        'hidden',
      );
    });

    it('keeps an attempt’s span open until the end of its response, a rejected one’s until its headers', async () => {
      let finish: (() => void) | undefined;
      const upstream = await startUpstream([
        status(503),
        (_req, res) => {
          res.writeHead(200).write('begin');
          finish = () => res.end();
        },
      ]);
      const { spans, stage } = traced();
      const { url } = await startForward(
        { target: upstream.url, transport },
        stage,
        retry({ initialDelayMs: 300 }),
      );
      const { res } = await open(url);
      expect(await spans(1)).to.have.length(1);
      await new Promise((done) => res.once('data', done));
      finish?.();
      res.resume();
      const ended = await spans(3);
      const [refused, accepted] = attemptSpans(ended).map(({ duration: [s, ns] }) => s * 1000 + ns / 1e6);
      const [s, ns] = callSpan(ended).duration;
      // The wait between the two belongs to neither.
      expect((refused ?? 0) + (accepted ?? 0)).to.be.below(s * 1000 + ns / 1e6 - 200);
      expect(refused).to.be.above(0);
    });

    it('forwards a client’s traceparent unchanged if no SDK is registered', async () => {
      const upstream = await startUpstream(status(200));
      const { url } = await startForward({ target: upstream.url, transport }, tracing());
      await call(url, { headers: CLIENT });
      await call(url);
      expect(upstream.requests.map(({ headers }) => [headers.traceparent, headers.tracestate])).to.deep.equal(
        [
          [CLIENT.traceparent, CLIENT.tracestate],
          [undefined, undefined],
        ],
      );
    });
  });
}

describe('tracing()', () => {
  it('has its name, for stacks', () => {
    expect(tracing().name).to.equal('tracing');
  });

  it('creates no attempt span for a hit, and marks it as one', async () => {
    const upstream = await startUpstream(text('body', { 'cache-control': 'max-age=60' }));
    const { spans, stage } = traced();
    const { url } = await startForward({ target: upstream.url }, stage, cache({ mode: 'standard' }), stage);
    await call(url);
    await spans(2);
    await call(url);
    const ended = await spans(3);
    expect(attemptSpans(ended)).to.have.length(1);
    expect(ended.map(({ attributes }) => attributes['resilient_proxy.cache']).filter(Boolean)).to.deep.equal([
      'miss',
      'hit',
    ]);
    expect(ended[2]?.attributes).to.include({ 'resilient_proxy.attempts': 0 });
  });

  it('creates no attempt span while the circuit is open, or when a guard refuses it', async () => {
    const upstream = await startUpstream(status(200));
    const guard = breaker();
    const no: Handler = (req, res, next) => {
      exchangeOf(req, res).limits.push({ admit: () => new ProxyError('ERR_RATE_LIMITED', 'no') });
      next();
    };
    const { spans, stage } = traced();
    const { url } = await startForward({ target: upstream.url }, stage, guard, no);
    await call(url);
    guard.forceOpen();
    await call(url);
    const [limited, refused] = await spans(2);
    expect(limited?.attributes).to.include({
      'error.type': 'ERR_RATE_LIMITED',
      'http.response.status_code': 429,
    });
    expect(limited?.status.code).to.equal(SpanStatusCode.UNSET);
    expect(refused?.attributes).to.include({
      'error.type': 'ERR_CIRCUIT_OPEN',
      'http.response.status_code': 503,
    });
    expect(refused?.status.code).to.equal(SpanStatusCode.ERROR);
    expect(attemptSpans(await spans(2))).to.deep.equal([]);
  });

  it('ends a rejected attempt’s span at its headers when a guard refuses the next one', async () => {
    const upstream = await startUpstream(status(503));
    const second: Handler = (req, res, next) => {
      const admit = ({ number }: { number: number }) =>
        number === 2 ? new ProxyError('ERR_RATE_LIMITED', 'no') : undefined;
      exchangeOf(req, res).limits.push({ admit });
      next();
    };
    const { spans, stage } = traced();
    const { url } = await startForward({ target: upstream.url }, stage, retry({ initialDelayMs: 1 }), second);
    expect((await call(url)).status).to.equal(429);
    const ended = await spans(2);
    expect(attemptSpans(ended).map(({ attributes }) => attributes['error.type'])).to.deep.equal(['503']);
  });

  it('traces a call that continues without its client', async () => {
    let response: (() => void) | undefined;
    const upstream = await startUpstream((_req, res) => {
      response = () => res.end('late');
    });
    const { spans, stage } = traced();
    const holding: Handler = (req, res, next) => {
      exchangeOf(req, res).hold();
      next();
    };
    const { url } = await startForward({ target: upstream.url }, stage, holding);
    const leaving = begin(url);
    await until(() => response !== undefined);
    leaving.destroy();
    await spans(1);
    response?.();
    const [attempt] = attemptSpans(await spans(2));
    expect(attempt?.attributes).to.include({ 'http.response.status_code': 200 });
  });

  it('creates a span for a call without a client when it is also mounted behind the cache', async () => {
    const upstream = await startUpstream(status(200));
    const { spans, stage } = traced();
    const renewing: Handler = (req, res, next) => {
      const detached = detach(exchangeOf(req, res));
      detached.rest?.(detached.req, detached.res, () => {});
      next();
    };
    const { url } = await startForward({ target: upstream.url }, stage, renewing, stage);
    await call(url, { headers: CLIENT });
    const ended = await spans(4);
    const background = ended.find(({ attributes }) => attributes['resilient_proxy.detached']);
    expect(background?.kind).to.equal(SpanKind.INTERNAL);
    expect(new Set(ended.map((span) => span.spanContext().traceId))).to.deep.equal(new Set([TRACE_ID]));
    expect(new Set(traceparents(upstream)).size).to.equal(2);
  });

  it('links the span of a revalidation in the background to that of the call that caused it', async () => {
    const upstream = await startUpstream((_req, res) => {
      res.setHeader('cache-control', 'max-age=0, stale-while-revalidate=60');
      res.end('a copy');
    });
    const { spans, tracerProvider, propagator } = spanRecorder();
    const proxy = resilientProxy({
      tracing: { tracerProvider, propagator },
      ...{ name: 'github', target: upstream.url, cache: { mode: 'standard' } },
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    await call(url);
    await call(url);
    const ended = await spans(5);
    const background = ended.find(({ attributes }) => attributes['resilient_proxy.detached']);
    const cause = ended.find(({ attributes }) => attributes['resilient_proxy.cache'] === 'stale');
    expect(background?.links.map(({ context }) => context.spanId)).to.deep.equal([
      cause?.spanContext().spanId,
    ]);
    expect(cause?.links).to.deep.equal([]);
  });

  it('does not send a tracestate whose traceparent is missing or wrong', async () => {
    const upstream = await startUpstream(status(200));
    const { stage } = traced();
    for (const transport of TRANSPORTS) {
      const { url } = await startForward({ target: upstream.url, transport }, stage);
      await call(url, { headers: { tracestate: 'vendor=1' } });
      await call(url, { headers: { traceparent: 'garbage', TraceState: 'vendor=1' } });
      await call(url, { headers: CLIENT });
    }
    const sent = upstream.requests.map(({ headers }) => headers.tracestate);
    expect(sent).to.deep.equal([undefined, undefined, 'rojo=1', undefined, undefined, 'rojo=1']);
    expect(traceparents(upstream)).to.have.length(6);
  });

  it('shows that a response broke off', async () => {
    const upstream = await startUpstream((_req, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('some', () => res.destroy());
    });
    const { spans, stage } = traced();
    const { url } = await startForward({ target: upstream.url }, stage);
    const { res } = await open(url);
    res.on('error', () => {}).resume();
    const ended = await spans(2);
    for (const span of ended) {
      expect(span.attributes).to.include({
        'error.type': 'ERR_UPSTREAM_RESET',
        'http.response.status_code': 200,
      });
      expect(span.status.code).to.equal(SpanStatusCode.ERROR);
    }
  });

  it('takes the name of the API that a later stage sets', async () => {
    const { spans, stage } = traced();
    const naming: Handler = (req, res) => {
      exchangeOf(req, res).api = 'weather';
      res.end();
    };
    const { url } = await serve(pipeline([stage, naming]));
    await call(url, { method: 'PURGE' });
    const [span] = await spans(1);
    expect(span?.name).to.equal('HTTP weather');
    expect(span?.attributes).to.include({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'PURGE',
      'resilient_proxy.api': 'weather',
    });
  });

  it('sends the target nothing with propagate: false', async () => {
    const upstream = await startUpstream(status(200));
    const { spans, stage } = traced({ propagate: false });
    const { url } = await startForward({ target: upstream.url }, stage);
    await call(url);
    await call(url, { headers: CLIENT });
    await spans(4);
    expect(traceparents(upstream)).to.deep.equal([CLIENT.traceparent]);
  });

  it('never sends baggage to the target', async () => {
    const upstream = await startUpstream(status(200));
    const propagator = new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    });
    const { spans, stage } = traced({ propagator });
    const { url } = await startForward({ target: upstream.url, forwardHeaders: false }, stage);
    await call(url, { headers: { ...CLIENT, baggage: 'user=alice' } });
    const [attempt] = attemptSpans(await spans(2));
    expect(traceparents(upstream)).to.deep.equal(attempt ? [parentOf(attempt)] : []);
    expect(upstream.requests[0]?.headers).not.to.have.property('baggage');
  });

  it('passes on the decision not to sample', async () => {
    const upstream = await startUpstream(status(200));
    const { tracerProvider, propagator } = spanRecorder(new AlwaysOffSampler());
    const { url } = await startForward({ target: upstream.url }, tracing({ tracerProvider, propagator }));
    await call(url, { headers: CLIENT });
    expect(traceparents(upstream)).to.have.length(1);
    expect(traceparents(upstream)[0]).to.match(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
  });

  const odd: Record<string, Record<string, string | string[]>> = {
    'a traceparent that is none': { traceparent: 'x'.repeat(5000) },
    'a traceparent of zeros': { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` },
    'two traceparents': { traceparent: [CLIENT.traceparent, CLIENT.traceparent] },
    'a tracestate of odd bytes': { traceparent: 'nonsense', tracestate: '\u00ff=,,\t=' },
  };
  for (const [what, headers] of Object.entries(odd)) {
    it(`begins a trace of its own for ${what}`, async () => {
      const upstream = await startUpstream(status(200));
      const { spans, stage } = traced();
      const { url } = await startForward({ target: upstream.url }, stage);
      await call(url, { headers });
      const whole = callSpan(await spans(2));
      expect(whole.parentSpanContext).to.equal(undefined);
      expect(traceparents(upstream)).to.have.length(1);
      expect(traceparents(upstream)[0]).to.include(whole.spanContext().traceId);
    });
  }

  it('gives later handlers the context of a call', async () => {
    const { tracerProvider, propagator, spans } = spanRecorder();
    const stage = tracing({ tracerProvider, propagator });
    const own: Handler = (req, res) => {
      tracerProvider.getTracer('mine').startSpan('mine', {}, stage.contextOf(req)).end();
      res.end();
    };
    const { url } = await serve(pipeline([stage, own]));
    await call(url);
    const [mine, whole] = await spans(2);
    expect(mine?.parentSpanContext?.spanId).to.equal(whole?.spanContext().spanId);
  });
});

describe('tracing() with a registered SDK', () => {
  const unregister = () => {
    trace.disable();
    context.disable();
    propagation.disable();
  };

  it('uses one that is registered after it was made', async () => {
    const stage = tracing();
    const { url } = await serve(pipeline([stage, (_req, res) => void res.end()]));
    await call(url);
    const { tracerProvider, spans } = spanRecorder();
    onCleanup(unregister);
    trace.setGlobalTracerProvider(tracerProvider);
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    await call(url, { headers: CLIENT });
    const [span] = await spans(1);
    expect(span?.spanContext().traceId).to.equal(TRACE_ID);
  });

  it('is an internal span below the active one of the application’s own instrumentation', async () => {
    const { tracerProvider, spans } = spanRecorder();
    onCleanup(unregister);
    trace.setGlobalTracerProvider(tracerProvider);
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    let server: Span | undefined;
    const instrumentation: Handler = (_req, res, next) => {
      server = tracerProvider.getTracer('http').startSpan('GET', { kind: SpanKind.SERVER });
      res.once('close', () => server?.end());
      context.with(trace.setSpan(context.active(), server), next);
    };
    const { url } = await serve(pipeline([instrumentation, tracing(), (_req, res) => void res.end()]));
    await call(url, { headers: CLIENT });
    const inner = (await spans(2)).find(({ kind }) => kind === SpanKind.INTERNAL);
    expect(inner?.parentSpanContext?.spanId).to.equal(server?.spanContext().spanId);
  });
});
