import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { useBrowser } from '../support/browser.js';
import { toyTime } from '../support/toy-time.js';
import { kpi, live, statisticsBoard, total } from './statistics-board.js';

/** Takes the shared worker from a page, as in browsers that have none: its stream is one of its own, which tests can block. */
const withOwnStream = (page: Page) => page.addInitScript('delete window.SharedWorker');

describe('the page of statistics without a shared stream', () => {
  const browser = useBrowser();

  it('polls every five seconds when the stream does not work', async () => {
    const time = toyTime();
    const { url, source } = await statisticsBoard(undefined, time);
    const { page } = await browser.visit('about:blank');
    await withOwnStream(page);
    await page.route('**/events*', (route) => route.fulfill({ status: 503 }));
    await page.clock.install();
    await page.goto(`${url}?api=weather`);
    await page.locator('.feed-state[data-state=polling]').waitFor();
    await kpi(page, 'Calls').waitFor();
    const before = await total(page);
    source.grow(99);
    time.advance(5100);
    await page.clock.runFor(5100);
    await kpi(page, 'Calls').filter({ hasNotText: before }).waitFor();
  });

  it('returns to the stream when it works again', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit('about:blank');
    await withOwnStream(page);
    await page.route('**/events*', (route) => route.fulfill({ status: 503 }));
    await page.clock.install();
    await page.goto(`${url}?api=weather`);
    await page.locator('.feed-state[data-state=polling]').waitFor();
    await page.unroute('**/events*');
    for (let i = 0; i < 8; i++) {
      await page.clock.runFor(5100);
      await page.waitForLoadState('networkidle');
    }
    await live(page);
  });

  it('follows live by a stream of its own in a browser without shared workers', async () => {
    const { url, source } = await statisticsBoard();
    const { page, complaints } = await browser.visit('about:blank');
    await withOwnStream(page);
    const streams: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/events')) streams.push(request.url());
    });
    await page.goto(`${url}?api=weather`);
    await live(page);
    const before = await total(page);
    source.grow(123);
    await kpi(page, 'Calls').filter({ hasNotText: before }).waitFor();
    expect(streams).to.deep.equal([`${url}events?api=weather`]);
    expect(complaints).to.deep.equal([]);
  });

  for (const [how, block] of [
    ['refuses connections', (page: Page) => page.route('**/data*', (route) => route.abort())],
    ['does not respond', (page: Page) => page.route('**/data*', () => {})],
  ] as const) {
    it(`is dimmed while its server ${how}, and says from when it is`, async () => {
      const { url } = await statisticsBoard();
      const { page } = await browser.visit('about:blank');
      await page.clock.install();
      await page.goto(`${url}?api=weather&refresh=5`);
      await kpi(page, 'Calls').waitFor();
      const dimmed = page.locator('[data-gone]');
      expect(await dimmed.count()).to.equal(0);
      await block(page);
      const requested = page.waitForRequest('**/data*');
      await page.clock.runFor(5100);
      await requested;
      await page.clock.runFor(10_100);
      await page
        .getByRole('alert')
        .filter({ hasText: /The page shows what was at \d\d:/ })
        .waitFor();
      await dimmed.waitFor();
      await page.unroute('**/data*');
      await page.getByRole('button', { name: 'Refresh now' }).click();
      await dimmed.waitFor({ state: 'detached' });
    });
  }
});
