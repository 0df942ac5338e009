import { expect } from 'chai';
import { call } from '../../support/client.js';
import { type ReceivedMetric, startCollector } from '../../support/otlp-collector.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';
import { gatewayWith, withVariables } from './gateway-with-otlp.js';

const CUMULATIVE = 2;

const sumOf = (metric: ReceivedMetric | undefined) =>
  metric?.points.reduce((sum, { asDouble }) => sum + Number(asDouble), 0);

describe('metrics.otlp', () => {
  it('sends what /metrics shows, under the same names, and a last time at the shutdown', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    const { get, close } = await gatewayWith(upstream.url, `metrics: { otlp: "${collector.url}" }`);
    await get();
    await get();
    await close();
    expect(collector.requests.map(({ url }) => url)).to.deep.equal(['/v1/metrics']);
    const metrics = collector.metrics[0];
    const calls = metrics?.get('resilient_proxy_calls_total');
    expect(calls).to.include({ type: 'sum', monotonic: true, temporality: CUMULATIVE });
    expect(calls?.points.find(({ asDouble }) => asDouble === 2)?.attributes).to.deep.equal({
      api: 'x',
      code: '200',
      method: 'GET',
    });
    const time = metrics?.get('resilient_proxy_upstream_duration_seconds');
    expect(time).to.include({ type: 'histogram', unit: 's', temporality: CUMULATIVE });
    const [point] = time?.points ?? [];
    const [counts = [], bounds = []] = [point?.bucketCounts, point?.explicitBounds] as number[][];
    expect(point).to.include({ count: 2 });
    expect(counts.reduce((sum, count) => sum + count, 0)).to.equal(2);
    expect(counts).to.have.length(bounds.length + 1);
    expect(Number(point?.sum)).to.be.above(0).and.below(20);
    expect(metrics?.get('process_resident_memory_bytes')).to.include({ type: 'gauge', unit: 'By' });
    expect(calls?.resource).to.include({ 'service.name': 'resilient-proxy-out' });
  });

  it('sends them again and again, as sums since the start', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    withVariables({ OTEL_METRIC_EXPORT_INTERVAL: '20' });
    const { get } = await gatewayWith(upstream.url, `metrics: { otlp: "${collector.url}" }`);
    const last = () => sumOf(collector.metrics.at(-1)?.get('resilient_proxy_calls_total'));
    await get();
    await until(() => last() === 1, 'one call');
    await get();
    await until(() => last() === 2, 'two calls');
  });

  it('says once that the collector takes none, while /metrics goes on', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    collector.status = 400;
    const gateway = await gatewayWith(
      upstream.url,
      `metrics: { otlp: "${collector.url}", otlpIntervalMs: 10 }`,
    );
    await gateway.get();
    await until(() => collector.requests.length >= 3, 'three requests');
    expect(gateway.lines(/^metrics cannot be sent to \S+ \(status 400\)/)).to.have.length(1);
    expect((await call(`${gateway.url}/metrics`)).text).to.contain(
      'resilient_proxy_otlp_failing{signal="metrics"} 1',
    );
  });
});
