import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import { startUpstream, status } from '../../support/upstream.js';
import { readPage } from '../../unit/metrics/metrics-page.js';
import { viewOf } from './testing.js';

describe('calls to APIs that are not configured', () => {
  async function start() {
    const upstream = await startUpstream(status(200));
    const proxy = resilientProxy({ metrics: {}, apis: { weather: { target: upstream.url } } });
    onCleanup(() => proxy.close());
    const { url, server } = await serve(proxy);
    return { proxy, url, server };
  }

  it('are counted together, with the last paths among the recent errors', async () => {
    const { proxy, url } = await start();
    expect(await proxy.stats.apis()).to.deep.equal(['weather']);
    const names = ['wether', 'github', '', 'x'.repeat(300)];
    for (const name of names) expect((await call(`${url}/${name}`)).status).to.equal(404);
    await call(`${url}/weather/today`);
    const { figures, recentErrors } = await viewOf(proxy.stats, 4, '(unknown)');
    expect(figures.statusCodes).to.deep.equal({ '404': 4 });
    expect(figures.errors).to.deep.equal({ ERR_UNKNOWN_API: 4 });
    expect(recentErrors.map(({ path }) => path).reverse()).to.deep.equal(names.map((name) => `/${name}`));
    expect(recentErrors.at(-1)?.message).to.match(/^Unknown API: wether\. /);
    expect(await proxy.stats.apis()).to.deep.equal(['weather', '(unknown)']);
    expect((await viewOf(proxy.stats, 1, 'weather')).figures.errors).to.deep.equal({});
  });

  it('take one path and one set of series, however many names are tried', async () => {
    const { proxy, url } = await start();
    for (let i = 0; i < 300; i++) await call(`${url}/name${i}/users/${i}`);
    await viewOf(proxy.stats, 300, '(unknown)');
    expect((await proxy.stats.paths('(unknown)'))?.map(({ path }) => path)).to.deep.equal(['(other)']);
    const page = readPage((await proxy.metrics?.render()) ?? '');
    const apis = new Set(page.lines.map(({ labels }) => labels.api).filter((api) => api !== undefined));
    expect([...apis].sort()).to.deep.equal(['(unknown)', 'weather']);
    const labels = { api: '(unknown)', code: 'ERR_UNKNOWN_API' };
    expect(page.value('resilient_proxy_errors_total', labels)).to.equal(300);
    expect(page.sum('resilient_proxy_calls_total', { api: '(unknown)' })).to.equal(300);
  });

  it('are counted where they request a WebSocket, too', async () => {
    const { proxy, url, server } = await start();
    server.on('upgrade', proxy.upgrade);
    const headers = { connection: 'Upgrade', upgrade: 'websocket' };
    for (let i = 0; i < 2; i++) expect((await call(`${url}/wether`, { headers })).status).to.equal(404);
    const { figures, recentErrors } = await viewOf(proxy.stats, 2, '(unknown)');
    expect(figures.outcomes).to.include({ refused: 2 });
    expect(recentErrors[0]).to.include({ path: '/wether', status: 404, code: 'ERR_UNKNOWN_API' });
    const page = readPage((await proxy.metrics?.render()) ?? '');
    expect(page.sum('resilient_proxy_calls_total', { api: '(unknown)' })).to.equal(2);
  });
});
