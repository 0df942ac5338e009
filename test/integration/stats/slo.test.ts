import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { apiStats } from '../../../lib/stats/api-stats.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call } from '../../support/client.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';
import { readPage } from '../../unit/metrics/metrics-page.js';
import { viewOf } from './testing.js';

for (const transport of TRANSPORTS) {
  describe(`slo over the ${transport} transport`, () => {
    it('counts as bad what fails, what is slow, and whom a client left after that time', async () => {
      const held: ServerResponse[] = [];
      const upstream = await startUpstream((req, res) => {
        if (req.url === '/bad') return res.writeHead(503).end();
        if (req.url === '/hang') return void held.push(res);
        if (req.url === '/slow') return void setTimeout(() => res.end('late'), 250);
        if (req.url === '/stream') {
          res.write('first');
          return void setTimeout(() => res.end('last'), 250);
        }
        res.end('fine');
      });
      const proxy = resilientProxy({
        ...{ stats: { flushMs: 5 }, metrics: {} },
        defaults: { target: upstream.url, transport, retry: false, slo: { availability: 0.9 } },
        apis: { a: { slo: { latencyMs: 150 } }, off: { slo: false } },
      });
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      // The first call of all takes longer.
      await call(`${url}/off/fine`);
      for (const path of ['/fine', '/fine', '/fine', '/slow', '/bad', '/stream'])
        await call(`${url}/a${path}`);
      for (const patience of [5, 200]) {
        const leaving = begin(`${url}/a/hang`);
        leaving.on('error', () => {});
        const before = held.length;
        await until(() => held.length > before, 'the request');
        const since = performance.now();
        await until(() => performance.now() - since > patience, 'the client to lose its patience');
        leaving.destroy();
      }
      const { slo } = await viewOf(proxy.stats, 8, 'a');
      // The stream began in time.
      expect(slo).to.include({ total: 8, bad: 3, availability: 0.9, latencyMs: 150, goodRatio: 0.625 });
      expect(slo?.burnRates['5m']).to.be.closeTo(3.75, 1e-9);
      const { body } = await apiStats(proxy.stats, { api: 'a' });
      expect(body)
        .to.have.property('slo')
        .that.deep.includes({
          ...{ availability: 0.9, latency: 0.15, total: 8, bad: 3, good_ratio: 0.625 },
        });
      await viewOf(proxy.stats, 1, 'off');
      expect((await apiStats(proxy.stats, { api: 'off' })).body).not.to.have.property('slo');
    });
  });
}

describe('slo in metrics', () => {
  it('shows objective, share and burn rates of the APIs that have one', async () => {
    const upstream = await startUpstream(
      (req, res) => void res.writeHead(req.url === '/bad' ? 500 : 200).end(),
    );
    const config = (availability: number) => ({
      ...{ stats: { flushMs: 5 }, metrics: {} },
      apis: {
        a: { target: upstream.url, retry: false as const, slo: { availability } },
        b: { target: upstream.url },
      },
    });
    const proxy = resilientProxy(config(0.99));
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const page = async () => readPage((await proxy.metrics?.render()) ?? '');
    for (const path of ['/bad', '/fine', '/fine', '/fine']) await call(`${url}/a${path}`);
    await viewOf(proxy.stats, 4, 'a');
    // A new configuration has them read again at once.
    proxy.update(config(0.95));
    let seen = await page();
    const look = async (): Promise<void> => {
      seen = await page();
    };
    const waiting = setInterval(() => void look(), 5);
    onCleanup(() => clearInterval(waiting));
    await until(() => seen.value('resilient_proxy_slo_good_ratio', { api: 'a' }) === 0.75, 'the figures');
    expect(seen.value('resilient_proxy_slo_objective_ratio', { api: 'a' })).to.equal(0.95);
    expect(seen.value('resilient_proxy_slo_burn_rate', { api: 'a', window: '1h' })).to.be.closeTo(5, 1e-9);
    expect(seen.value('resilient_proxy_slo_budget_remaining_ratio', { api: 'a' })).to.be.closeTo(-4, 1e-9);
    expect(seen.lines.some(({ name, labels }) => name.includes('_slo_') && labels.api === 'b')).to.equal(
      false,
    );
  });
});
