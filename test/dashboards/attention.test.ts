import { expect } from 'chai';
import { statsDashboardWithTime } from '../../dashboards/stats-dashboard.js';
import type { ApiOptions } from '../../lib/apis/options.js';
import { resilientProxy } from '../../lib/resilient-proxy.js';
import { useBrowser } from '../support/browser.js';
import { onCleanup } from '../support/cleanup.js';
import { begin, call } from '../support/client.js';
import { serveApp } from '../support/serve.js';
import { fastTime } from '../support/toy-time.js';
import { until } from '../support/until.js';
import { silence, startUpstream, status } from '../support/upstream.js';
import { mounted } from './mounted.js';
import { live } from './statistics-board.js';

const CALLS = 10;

describe('the first line of the page of statistics', () => {
  const browser = useBrowser();

  /** Calls an API so often, and returns the line that the page shows then. */
  async function lineAfter(
    options: ApiOptions,
    use: (url: string) => Promise<unknown>,
    times = CALLS,
  ): Promise<string> {
    const proxy = resilientProxy({ apis: { x: { retry: false, breaker: false, ...options } } });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(proxy);
    for (let i = 0; i < times; i++) await use(`${url}/x/a`);
    let counted = 0;
    await until(() => {
      void proxy.stats.view({ api: 'x', period: 'all' }).then((view) => {
        counted = view?.figures.total ?? 0;
      });
      return counted === times;
    }, 'the calls to be counted');
    const { board } = await mounted(statsDashboardWithTime(fastTime(10), proxy.stats));
    const { page, complaints } = await browser.visit(board);
    await live(page);
    expect(complaints).to.deep.equal([]);
    const text = (await page.locator('#attention').innerText()).replace(/\s+/g, ' ');
    return `${await page.locator('#attention').getAttribute('data-state')}: ${text}`;
  }

  it('is good where all calls were served', async () => {
    const { url: target } = await startUpstream(status(200));
    expect(await lineAfter({ target }, call)).to.match(/^good: No failed calls in the last 10 minutes/);
  });

  it('names an API that gives everybody a 401', async () => {
    const { url: target } = await startUpstream(status(401));
    expect(await lineAfter({ target }, call)).to.match(
      /^bad: 1 of 1 API needs attention.* x 100.% of 10 got a 4xx/,
    );
  });

  it('names an API whose calls this proxy refuses', async () => {
    const { url: target } = await startUpstream(status(200));
    const rateLimit = { limit: 1, windowMs: 600_000 };
    expect(await lineAfter({ target, rateLimit }, call)).to.match(
      /^bad: 1 of 1 API needs attention.* x 90.% of 10 refused here/,
    );
  });

  it('names an API whose clients give up', async () => {
    const { url: target, requests } = await startUpstream(silence);
    const leave = async (url: string) => {
      const before = requests.length;
      const req = begin(url);
      await until(() => requests.length > before, 'the call to arrive');
      req.destroy();
    };
    expect(await lineAfter({ target }, leave)).to.match(
      /^bad: 1 of 1 API needs attention.* x 100.% of 10 clients left/,
    );
  });

  it('names an API that fails behind stale copies', async () => {
    let requests = 0;
    const { url: target } = await startUpstream((_req, res) => {
      if (++requests > 1) res.writeHead(503).end();
      else res.writeHead(200, { 'cache-control': 'max-age=0, stale-if-error=600' }).end('copy');
    });
    const use = async (url: string) => expect((await call(url)).text).to.equal('copy');
    expect(await lineAfter({ target, cache: { mode: 'standard' } }, use)).to.match(
      /^bad: 1 of 1 API needs attention.* x 90.% of 10 attempts failed/,
    );
  });

  it('is good where a few of many calls were refused, wrong, or left', async () => {
    let requests = 0;
    const { url: target } = await startUpstream((req, res) =>
      status(++requests % 3 === 0 ? 404 : 200)(req, res),
    );
    expect(await lineAfter({ target }, call)).to.match(/^good: No failed calls/);
  });
});
