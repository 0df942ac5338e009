import { expect } from 'chai';
import { statsDashboardWithTime } from '../../dashboards/stats-dashboard.js';
import { resilientProxy } from '../../lib/resilient-proxy.js';
import type { RecentError } from '../../lib/stats/stats-source.js';
import { useBrowser } from '../support/browser.js';
import { onCleanup } from '../support/cleanup.js';
import { call } from '../support/client.js';
import { fakeStats } from '../support/fake-stats.js';
import { serveApp } from '../support/serve.js';
import { fastTime } from '../support/toy-time.js';
import { until } from '../support/until.js';
import { mounted } from './mounted.js';
import { live, statisticsBoard } from './statistics-board.js';

const NOW = Date.now();

/** Refusals of an open circuit, the newest first. */
function refusals(count: number, last = 'The upstream refused the connection'): RecentError[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ time: NOW - i * 100, status: 503, code: 'ERR_CIRCUIT_OPEN', by: 'self', method: 'GET' },
    ...{ path: `/orders/${i}`, requestId: `r-${i}`, durationMs: 0.3, attempts: 0 },
    message: `Service temporarily unavailable: circuit "shop" is open after 5 failures (last: ${last}). Please try again in ${i % 30} seconds`,
  }));
}

const cause: RecentError = {
  ...{ time: NOW - 60_000, status: 502, code: 'ERR_UPSTREAM_CONNECT', by: 'target', method: 'GET' },
  ...{ path: '/orders/1', requestId: 'r', durationMs: 3, attempts: 1 },
  message: 'The upstream refused the connection',
};

describe('the list of recent errors', () => {
  const browser = useBrowser();

  async function linesOf(errors: readonly RecentError[]) {
    const source = fakeStats({ shop: { paths: ['/orders/:id'], calls: 9000, failing: 0.1, errors } });
    const { url } = await statisticsBoard(source);
    const { page, complaints } = await browser.visit(url);
    await live(page);
    await page.locator('.errors li').first().waitFor();
    expect(complaints).to.deep.equal([]);
    const texts = await page.locator('.errors summary').allInnerTexts();
    return { page, source, texts: texts.map((text) => text.replace(/\s+/g, ' ')) };
  }

  it('has one line for all refusals of an open circuit, with their cause, behind the errors', async () => {
    const { texts, page } = await linesOf([...refusals(271), cause]);
    expect(texts).to.have.length(2);
    expect(texts[0]).to.match(/502 GET \/orders\/1 The upstream refused the connection$/);
    expect(texts[1]).to.match(
      /503 refused by the open circuit × 271, because: The upstream refused the connection$/,
    );
    await page.locator('.errors summary').nth(1).click();
    expect(await page.locator('.errors li').nth(1).locator('.facts').innerText()).to.match(
      /Last request\s+GET \/orders\/0\s/,
    );
  });

  it('has a line for each cause', async () => {
    const forced = refusals(3).map((error) => ({
      ...error,
      message:
        'Service temporarily unavailable: circuit "shop" was forced open. Please try again in 30 seconds',
    }));
    const busy = refusals(4).map((error, i) => ({
      ...error,
      code: 'ERR_CONCURRENCY_LIMIT',
      message: `Too many requests to "shop" at once: ${10 + i} in flight (limit 10), 5 waiting; the queue is full. Please try again later`,
    }));
    const { texts } = await linesOf([...refusals(2, 'status 503'), ...forced, ...busy]);
    expect(texts.map((text) => text.replace(/^\S+ /, ''))).to.deep.equal([
      '503 refused by the open circuit × 2, because: status 503',
      '503 refused by the open circuit × 3, because: someone has forced it open',
      '503 refused by the limit of requests at once × 4, because: Too many requests to "shop" at once: 10 in flight (limit 10), 5 waiting; the queue is full',
    ]);
  });

  it('shows refusals among the first lines beside many errors', async () => {
    const errors = Array.from({ length: 40 }, (_, i) => ({ ...cause, time: cause.time - i, path: `/${i}` }));
    const { texts, page } = await linesOf([...refusals(5), ...errors]);
    expect(texts).to.have.length(8);
    expect(texts[7]).to.include('refused by the open circuit × 5');
    await page.getByRole('button', { name: 'Show all 41' }).click();
    expect(await page.locator('.errors li').count()).to.equal(41);
  });

  it('keeps the line of refusals unfolded as they become more', async () => {
    const errors = refusals(5);
    const { page, source } = await linesOf(errors);
    await page.locator('.errors summary').click();
    errors.unshift({ ...(errors[0] as RecentError), time: NOW + 1000 });
    source.grow(1);
    await page.locator('.errors summary', { hasText: '× 6' }).waitFor();
    expect(await page.locator('.errors details[open]').count()).to.equal(1);
  });

  it('names the cause of a real circuit of an API that is down', async () => {
    const down = await serveApp((_req, res) => void res.end());
    await down.close();
    const proxy = resilientProxy({
      apis: { shop: { target: down.url, retry: false, breaker: { failureThreshold: 2 } } },
    });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(proxy);
    for (let i = 0; i < 6; i++) await call(`${url}/shop/orders`);
    let failed = 0;
    await until(() => {
      void proxy.stats.view({ api: 'shop', period: 'all' }).then((view) => {
        failed = view?.figures.failure ?? 0;
      });
      return failed === 6;
    }, 'the calls to be counted');
    const { board } = await mounted(statsDashboardWithTime(fastTime(10), proxy.stats));
    const { page } = await browser.visit(board);
    await live(page);
    const lines = page.locator('.errors summary');
    await lines.first().waitFor();
    expect(await lines.count()).to.equal(3);
    const message = (await lines.first().locator('.message').textContent()) ?? '';
    expect(message).to.match(/connect/);
    expect(await lines.nth(2).locator('.what').textContent()).to.equal(
      `refused by the open circuit × 4, because: ${message}`,
    );
  });
});
