import { expect } from 'chai';
import { resilientProxy } from '../../../lib/index.js';
import { call, valuesOf } from '../../support/client.js';
import { unusedPort } from '../../support/listening.js';
import { startCollector } from '../../support/otlp-collector.js';
import { until } from '../../support/until.js';
import { startUpstream, status, text, type Upstream } from '../../support/upstream.js';
import { gatewayWith, withVariables } from './gateway-with-otlp.js';

const SERVER = 2;
const CLIENT = 3;
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
/** Without further attempts of the exporter, which begin after a second. */
const IMPATIENT = { OTEL_EXPORTER_OTLP_TIMEOUT: '500', OTEL_BSP_SCHEDULE_DELAY: '10' };

const traceparentOf = ({ requests }: Upstream, at = 0) =>
  valuesOf(requests[at]?.rawHeaders ?? [], 'traceparent')[0];

describe('tracing.otlp', () => {
  it('sends the spans of a call and of its attempts to the collector that a file names', async () => {
    const [upstream, collector] = [await startUpstream([status(503), text('fine')]), await startCollector()];
    const { get, url, close } = await gatewayWith(upstream.url, `tracing: { otlp: "${collector.url}" }`);
    expect((await get('/users?api_key=hidden')).status).to.equal(200);
    // What the collector has not got yet is sent by the shutdown.
    await close();
    const spans = collector.spans;
    const server = spans.find(({ kind }) => kind === SERVER);
    const attempts = spans.filter(({ kind }) => kind === CLIENT);
    expect(spans).to.have.length(3);
    expect(collector.requests.map(({ url }) => url)).to.deep.equal(['/v1/traces']);
    expect(server?.name).to.equal('GET x');
    expect(server?.attributes).to.include({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'url.path': '/api/x/users',
      'url.query': 'api_key=REDACTED',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(url).port),
      'client.address': '127.0.0.1',
    });
    expect(attempts.map(({ parentSpanId }) => parentSpanId)).to.deep.equal([server?.spanId, server?.spanId]);
    expect(attempts.map(({ attributes }) => attributes['http.response.status_code'])).to.deep.equal([
      503, 200,
    ]);
    expect(traceparentOf(upstream, 1)).to.equal(`00-${server?.traceId}-${attempts[1]?.spanId}-01`);
    expect(server?.resource).to.include({
      'service.name': 'resilient-proxy-out',
      'process.pid': process.pid,
      'telemetry.sdk.language': 'nodejs',
    });
  });

  it('takes what it is not told from the variables of OpenTelemetry', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    withVariables({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/base`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-vendor-key=abc',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'payments',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,service.name=other',
    });
    const { get, close } = await gatewayWith(upstream.url, 'tracing: { otlp: true }');
    await get();
    await close();
    expect(collector.spans[0]?.resource).to.include({
      'service.name': 'payments',
      'deployment.environment.name': 'staging',
    });
    expect(collector.requests[0]).to.nested.include({
      url: '/base/v1/traces',
      'headers.x-vendor-key': 'abc',
      'headers.content-type': 'application/x-protobuf',
    });
  });

  it('speaks JSON where OTEL_EXPORTER_OTLP_PROTOCOL says so', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    withVariables({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' });
    const { get, close } = await gatewayWith(upstream.url, `tracing: { otlp: "${collector.url}" }`);
    await get();
    await close();
    expect(collector.spans.map(({ name }) => name)).to.have.members(['GET x', 'GET']);
    expect(collector.requests[0]?.headers['content-type']).to.equal('application/json');
  });

  it('does nothing where OTEL_SDK_DISABLED is true, and leaves the client’s trace as it is', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    withVariables({ OTEL_SDK_DISABLED: 'true' });
    const { get, close, proxy } = await gatewayWith(upstream.url, `tracing: { otlp: "${collector.url}" }`);
    await get('/', { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` });
    await close();
    expect(collector.requests).to.deep.equal([]);
    expect(proxy.otlp).to.deep.equal([]);
    expect(traceparentOf(upstream)).to.equal(`00-${TRACE_ID}-b7ad6b7169203331-01`);
  });

  it('leaves calls out by sampleRatio and says so to the target, but follows a client that records', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    const { get, close } = await gatewayWith(
      upstream.url,
      `tracing: { otlp: "${collector.url}", sampleRatio: 0 }`,
    );
    await get('/left-out');
    await get('/not-recorded', { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-00` });
    await get('/recorded', { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` });
    await close();
    expect(collector.spans.map(({ traceId }) => traceId)).to.deep.equal([TRACE_ID, TRACE_ID]);
    expect(collector.spans.map(({ attributes }) => attributes['url.path'])).to.include('/api/x/recorded');
    expect(traceparentOf(upstream, 0)).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(traceparentOf(upstream, 1)).to.equal(`00-${TRACE_ID}-b7ad6b7169203331-00`);
    expect(traceparentOf(upstream, 2)).to.match(new RegExp(`^00-${TRACE_ID}-\\w{16}-01$`));
  });

  it('follows a client that records with a later version of traceparent', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    const { get, close } = await gatewayWith(
      upstream.url,
      `tracing: { otlp: "${collector.url}", sampleRatio: 0 }`,
    );
    await get('/', { traceparent: `01-${TRACE_ID}-b7ad6b7169203331-01-more` });
    await get('/', { traceparent: `cc-${TRACE_ID}-b7ad6b7169203331-01` });
    for (const invalid of [
      `ff-${TRACE_ID}-b7ad6b7169203331-01`,
      `00-${TRACE_ID}-b7ad6b7169203331-01-more`,
      `00-${TRACE_ID}-b7ad6b7169203331-01-`,
      `01-${TRACE_ID}-b7ad6b7169203331-01more`,
    ])
      await get('/', { traceparent: invalid });
    await close();
    expect(collector.spans.map(({ traceId }) => traceId)).to.deep.equal(Array(4).fill(TRACE_ID));
    const sent = upstream.requests.map((_, i) => traceparentOf(upstream, i));
    for (const own of sent.slice(0, 2)) expect(own).to.match(new RegExp(`^00-${TRACE_ID}-\\w{16}-01$`));
    for (const other of sent.slice(2))
      expect(other)
        .to.match(/^00-\w{32}-\w{16}-00$/)
        .and.not.include(TRACE_ID);
  });

  it('records about the share of the calls that sampleRatio says', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    const { get, close } = await gatewayWith(
      upstream.url,
      `tracing: { otlp: "${collector.url}", sampleRatio: 0.5 }`,
    );
    for (let i = 0; i < 60; i++) await get('/', i % 2 ? {} : { traceparent: 'none', tracestate: 'a=1' });
    await close();
    const traceparents = upstream.requests.map((_, i) => traceparentOf(upstream, i) ?? '');
    const recorded = traceparents.filter((one) => /^00-\w{32}-\w{16}-01$/.test(one)).length;
    // Outside of it once in 100 million runs.
    expect(recorded).to.be.within(8, 52);
    expect(collector.spans).to.have.length(recorded * 2);
    expect(traceparents.filter((one) => /^00-\w{32}-\w{16}-00$/.test(one))).to.have.length(60 - recorded);
    expect(new Set(traceparents).size).to.equal(60);
    const states = upstream.requests.flatMap(({ rawHeaders }) => valuesOf(rawHeaders, 'tracestate'));
    expect(states).to.deep.equal([]);
  });

  it('leaves out the calls that OTEL_TRACES_SAMPLER leaves out', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    withVariables({ OTEL_TRACES_SAMPLER: 'always_off' });
    const { get, close } = await gatewayWith(upstream.url, `tracing: { otlp: "${collector.url}" }`);
    expect((await get()).status).to.equal(200);
    await close();
    expect(collector.spans).to.deep.equal([]);
  });

  it('lets no call suffer from a collector that is away, and says once that it is, and that it is back', async () => {
    withVariables(IMPATIENT);
    const [upstream, port] = [await startUpstream(text('fine')), await unusedPort()];
    const gateway = await gatewayWith(upstream.url, `tracing: { otlp: "http://127.0.0.1:${port}" }`);
    const failing = /^traces cannot be sent to http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/;
    expect((await gateway.get()).status).to.equal(200);
    await gateway.logged(failing);
    expect((await gateway.get()).status).to.equal(200);
    const [status] = gateway.proxy.otlp;
    await until(() => (status?.status().failed ?? 0) >= 2);
    const health = JSON.parse((await call(`${gateway.url}/health?verbose=1`)).text);
    expect(health.otlp[0]).to.include({ signal: 'traces', state: 'failing', reason: 'ECONNREFUSED' });
    const page = (await call(`${gateway.url}/metrics`)).text;
    expect(page).to.contain('resilient_proxy_otlp_failing{signal="traces"} 1');
    expect(page).to.match(/resilient_proxy_otlp_lost_total\{signal="traces"\} [4-9]/);

    const collector = await startCollector(port);
    await gateway.get();
    await gateway.logged(/^traces are sent to http:\/\/127\.0\.0\.1:\d+ again; \d+ lost so far$/);
    expect(gateway.lines(failing)).to.have.length(1);
    expect(collector.spans).to.not.be.empty;
  });

  it('says what the collector said where it refuses what it gets', async () => {
    withVariables(IMPATIENT);
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    collector.status = 401;
    const gateway = await gatewayWith(upstream.url, `tracing: { otlp: "${collector.url}" }`);
    await gateway.get();
    await gateway.logged(/^traces cannot be sent to \S+ \(status 401\)/);
  });

  it('is refused beside a tracerProvider, for another protocol, and as a file with a wrong URL', async () => {
    expect(() =>
      resilientProxy({ name: 'x', target: 'http://localhost', tracing: { sampleRatio: 0.1 } }),
    ).to.throw('tracing.sampleRatio needs tracing.otlp');
    withVariables({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    expect(() => resilientProxy({ name: 'x', target: 'http://localhost', tracing: { otlp: true } })).to.throw(
      'tracing.otlp cannot use the protocol of OTEL_EXPORTER_OTLP_PROTOCOL, "grpc"',
    );
    const wrong = await gatewayWith('http://localhost', 'tracing: { otlp: "collector:4318" }').catch(String);
    expect(wrong).to.contain('tracing.otlp must be an http or https URL');
  });
});
