import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { useBrowser } from '../support/browser.js';
import { errorsAt } from '../support/dashboard-scene.js';
import { fakeStats } from '../support/fake-stats.js';
import { until } from '../support/until.js';
import { axeViolations, overflow } from './accessibility.js';
import { kpi, live, statisticsBoard, total } from './statistics-board.js';

const HOSTILE = '<img src=x onerror=alert(1)>';

/** Makes the document hidden or visible: a headless browser has no other tab. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));`);
}

describe('the page of statistics', () => {
  const browser = useBrowser();

  it('opens with the API that fails most, and lists failing APIs at the top', async () => {
    const { url } = await statisticsBoard();
    const { page, complaints } = await browser.visit(url);
    await live(page);
    expect(await page.locator('#api').inputValue()).to.equal('payments');
    expect(await page.locator('#attention').textContent()).to.match(/2 of 3 APIs had failed calls.*payments/);
    expect(await page.locator('.errors li').count()).to.equal(8);
    expect(await page.locator('#traffic canvas').count()).to.equal(1);
    expect(complaints).to.deep.equal([]);
  });

  it('says who caused the failures, and each of the latest errors', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(url);
    await live(page);
    const causes = page
      .getByRole('heading', { name: 'Who caused the failures' })
      .locator('xpath=following::*[1]');
    expect(await causes.textContent()).to.match(/This proxy: a refusal or its own error.*The target/s);
    const error = page.locator('.errors li').first();
    await error.locator('summary').click();
    expect(await error.textContent()).to.match(
      /Caused by(The target|This proxy: a refusal or its own error)/,
    );
  });

  it('says since when it counts, and how the API does by its objective', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(url);
    await live(page);
    const reach = page.locator('#reach', { hasText: 'Counted since' });
    expect(await reach.textContent()).to.match(
      /^Counted since \d+ \w+ \d\d:\d\dObjective 99\s% within 500\sms: 99\.27\s% good in 30 days, error budget left 27\s% · burn rate 5m 1\.8, 30m 1\.2, 1h 0\.9, 6h 0\.7, 3d 0\.7$/,
    );
    await page.getByText('By day', { exact: true }).click();
    await page.waitForURL(/period=daily/);
    await page.locator('#traffic .caption', { hasText: 'per day' }).waitFor();
    expect(await reach.textContent()).to.match(/^Counted since \d+ \w+ \d\d:\d\d$/);
  });

  it('shows a path that is chosen in the table, and goes back and forth', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(url);
    await page.getByRole('link', { name: '/v1/payouts', exact: true }).click();
    await page.waitForURL(/path=%2Fv1%2Fpayouts/);
    await page.locator('#traffic .caption', { hasText: 'per hour, the last 24 hours' }).waitFor();
    expect(await page.locator('#traffic canvas').isVisible()).to.equal(true);
    expect(await kpi(page, 'Calls').locator('xpath=following-sibling::*[1]').textContent()).to.match(
      /^this hour [\d,]+$/,
    );
    await page.getByText('By day', { exact: true }).click();
    await page.waitForURL(/period=daily/);
    await page.locator('#traffic .caption', { hasText: 'per day, the last 7 days' }).waitFor();
    expect(await page.title()).to.equal('/v1/payouts · payments · Statistics');
    await page.goBack();
    await page.locator('#traffic .caption', { hasText: 'per hour, the last 24 hours' }).waitFor();
    await page.goBack();
    await page.locator('#traffic .caption', { hasText: 'the last hour' }).waitFor();
    expect(await page.locator('#path').inputValue()).to.equal('');
    await page.goForward();
    await page.waitForURL(/path=/);
    expect(await page.locator('#path').inputValue()).to.equal('/v1/payouts');
  });

  it('shows a path that is typed, and refuses one that does not exist', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(url);
    await live(page);
    await page.locator('#path').fill('/nowhere');
    await page.locator('#path').press('Enter');
    expect(await page.locator('#path').getAttribute('aria-invalid')).to.equal('true');
    await page.locator('#path').fill('/v1/balance');
    await page.locator('#path').press('Enter');
    await page.waitForURL(/path=%2Fv1%2Fbalance/);
    await page.getByRole('button', { name: 'All paths' }).click();
    await page.waitForURL((address) => !address.search.includes('path='));
  });

  it('switches period and API', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(url);
    await live(page);
    const before = await total(page);
    await page.getByText('By hour', { exact: true }).click();
    await page.locator('#traffic .caption', { hasText: 'per hour, the last 7 days' }).waitFor();
    expect(await total(page)).to.not.equal(before);
    await page.locator('#api').selectOption('geocoder');
    await page.waitForURL(/api=geocoder.*period=hourly|period=hourly.*api=geocoder/);
    await page.locator('.nothing', { hasText: 'No errors recorded' }).waitFor();
  });

  it('shows the same page from a copied link', async () => {
    const { url } = await statisticsBoard();
    const query = '?api=weather&path=%2Fcurrent&period=daily&refresh=30&sort=path-up&search=cur';
    const { page } = await browser.visit(`${url}${query}`);
    await page.locator('#traffic .caption', { hasText: 'the last 7 days' }).waitFor();
    expect(await page.locator('#api').inputValue()).to.equal('weather');
    expect(await page.locator('#path').inputValue()).to.equal('/current');
    expect(await page.locator('#refresh').inputValue()).to.equal('30');
    expect(await page.locator('#path-search').inputValue()).to.equal('cur');
    expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).to.equal('ascending');
    expect(await page.locator('.paths tbody a').allTextContents()).to.deep.equal(['/current']);
    expect(await page.locator('.feed-state').textContent()).to.equal('On');
  });

  it('follows live', async () => {
    const { url, source } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=weather`);
    await live(page);
    const before = await total(page);
    source.grow(123);
    await kpi(page, 'Calls').filter({ hasNotText: before }).waitFor();
  });

  it('pauses while the tab is hidden, and returns with current figures', async () => {
    const { url, source } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=weather`);
    await live(page);
    const before = await total(page);
    await setHidden(page, true);
    await until(() => source.listeners === 0, 'the stream to end');
    expect(await page.locator('.feed-state').getAttribute('data-state')).to.equal('hidden');
    source.grow(5);
    await setHidden(page, false);
    await live(page);
    await kpi(page, 'Calls').filter({ hasNotText: before }).waitFor();
  });

  it('stops when refresh is off, and refreshes once by the button', async () => {
    const { url, source } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=weather`);
    await live(page);
    await page.locator('#refresh').selectOption('off');
    await page.waitForURL(/refresh=off/);
    await until(() => source.listeners === 0, 'the stream to end');
    const before = await total(page);
    source.grow(5);
    // A response may be half a second old, so the first ones may still have the old figures.
    for (let tries = 0; tries < 100 && (await total(page)) === before; tries++) {
      const answered = page.waitForResponse(/\/data\?/);
      await page.getByRole('button', { name: 'Refresh now' }).click();
      await answered;
    }
    expect(await total(page)).to.not.equal(before);
    expect(source.listeners).to.equal(0);
  });

  it('does not change when the tab returns while refresh is off', async () => {
    const { url, source } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=weather&refresh=off`);
    await kpi(page, 'Calls').waitFor();
    const { view } = source.reads;
    await setHidden(page, true);
    await setHidden(page, false);
    expect(await page.locator('.feed-state').getAttribute('data-state')).to.equal('off');
    await page.waitForLoadState('networkidle');
    expect(source.reads.view).to.equal(view);
  });

  it('shows values that look like HTML as text, everywhere', async () => {
    const now = Date.now();
    const errors = errorsAt(now).map((error) => ({
      ...error,
      path: HOSTILE,
      message: HOSTILE,
      code: HOSTILE,
      requestId: HOSTILE,
      method: HOSTILE,
    }));
    const source = fakeStats({ [HOSTILE]: { paths: [HOSTILE, '/a'], calls: 900, failing: 0.1, errors } });
    const { url } = await statisticsBoard(source);
    const { page, complaints } = await browser.visit(url);
    await page.locator('.paths a', { hasText: HOSTILE }).click();
    await page.waitForURL(/path=%3Cimg/);
    await page.locator('.errors summary').first().click();
    await page.locator('.errors dd').first().waitFor();
    expect(await page.locator('img').count()).to.equal(0);
    expect(await page.locator('#path').inputValue()).to.equal(HOSTILE);
    expect(complaints).to.deep.equal([]);
  });

  it('keeps an error unfolded while the figures update', async () => {
    const { url, source } = await statisticsBoard();
    const { page } = await browser.visit(url);
    await page.locator('.errors summary').nth(2).click();
    const before = (await page.locator('#refresh-control time').textContent()) ?? '';
    source.grow(1);
    await page.locator('#refresh-control time').filter({ hasNotText: before }).waitFor();
    expect(await page.locator('.errors details[open] dd').first().textContent()).to.include(
      'did not respond',
    );
    await page.getByRole('button', { name: 'Show all 14' }).click();
    expect(await page.locator('.errors li').count()).to.equal(14);
    expect(await page.locator('.errors details[open]').count()).to.equal(1);
  });

  it('downloads the paths of the selection', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=weather&period=daily`);
    await live(page);
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Paths as CSV' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).to.equal('weather-paths-daily.csv');
    expect(readFileSync(await download.path(), 'utf8')).to.match(/^path,calls,.*\r\n\/forecast\/:id,/);
  });

  it('offers each chart as a table', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=weather`);
    await page.locator('#latency summary').click();
    await page.locator('#latency tbody tr').first().waitFor();
    expect(await page.locator('#latency tbody tr').count()).to.equal(60);
    expect(await page.locator('#latency tbody td').first().textContent()).to.match(/ms$/);
    expect(await page.locator('#latency [role=img]').getAttribute('aria-label')).to.match(
      /^Chart: 99 per cent/,
    );
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`passes axe in ${colorScheme}`, async () => {
      const { url } = await statisticsBoard();
      const { page, complaints } = await browser.visit(url, { colorScheme });
      await page.locator('.errors summary').first().click();
      await page.locator('#latency summary').click();
      expect(await axeViolations(page)).to.deep.equal([]);
      expect(complaints).to.deep.equal([]);
    });
  }

  it('fits a phone 360 pixels wide', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(url, {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
    });
    await page.locator('.errors li').first().waitFor();
    expect(await overflow(page)).to.equal(0);
    expect(await axeViolations(page)).to.deep.equal([]);
  });
});
