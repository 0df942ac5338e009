import { expect } from 'chai';
import express from 'express';
import { breakerDashboard } from '../../dashboards/index.js';
import { statsDashboardWithTime } from '../../dashboards/stats-dashboard.js';
import { resilientProxy } from '../../lib/resilient-proxy.js';
import { useBrowser } from '../support/browser.js';
import { onCleanup } from '../support/cleanup.js';
import { serveApp } from '../support/serve.js';
import { fastTime } from '../support/toy-time.js';
import { startUpstream, status } from '../support/upstream.js';

describe('the dashboards of resilientProxy()', () => {
  const browser = useBrowser();

  it('show what its calls came to', async () => {
    const upstream = await startUpstream(status(503));
    const proxy = resilientProxy({ apis: { payments: { target: upstream.url, retry: false } } });
    if (!proxy.stats) throw new Error('statistics are on by default');
    const statistics = statsDashboardWithTime(fastTime(10), proxy.stats);
    const circuits = breakerDashboard(proxy);
    onCleanup(() => proxy.close());
    onCleanup(() => statistics.close());
    onCleanup(() => circuits.close());
    const app = express().use('/api', proxy).use('/stats', statistics).use('/circuits', circuits);
    const { url } = await serveApp(app);
    const { page, complaints } = await browser.visit(`${url}/stats`);
    await page.getByRole('heading', { name: 'No calls to payments yet' }).waitFor();
    for (let i = 0; i < 6; i++) await fetch(`${url}/api/payments/orders/${i}00?token=secret`);
    await page.locator('.kpi', { hasText: 'Calls' }).locator('.value', { hasText: '6' }).waitFor();
    await page.locator('.paths a', { hasText: '/orders/:id' }).waitFor();
    expect(await page.locator('.errors li').count()).to.equal(6);
    expect(await page.locator('.errors li').first().textContent()).to.include('status 503');
    expect(await page.locator('.errors li').last().textContent()).to.match(
      /refused by the open circuit × 1, because: status 503.*Please try again in/,
    );
    expect(await page.content()).to.not.include('secret');
    expect(await page.locator('#statuses').textContent()).to.include('ERR_CIRCUIT_OPEN');
    await page.goto(`${url}/circuits`);
    await page.locator('.card .next', { hasText: /^Next probe in/ }).waitFor();
    expect(complaints).to.deep.equal([]);
  });
});
