import { expect } from 'chai';
import { realTime } from '../../lib/core/time.js';
import type { Figures } from '../../lib/stats/stats-source.js';
import { useBrowser } from '../support/browser.js';
import { type FakeStats, fakeStats } from '../support/fake-stats.js';
import { kpi, statisticsBoard, total } from './statistics-board.js';

/** A fake source with this many paths. */
function manyPaths(count: number): FakeStats {
  const paths = Array.from({ length: count }, (_, i) => `/resource-${String(i).padStart(5, '0')}/:id`);
  return fakeStats({ big: { paths, calls: 50_000, failing: 0.02 } });
}

describe('the table of 5 000 paths', () => {
  const browser = useBrowser();

  it('draws the visible ones, down to the last', async () => {
    const { url } = await statisticsBoard(manyPaths(5000), realTime);
    const { page } = await browser.visit(`${url}?sort=path-up`);
    await page.locator('.paths tbody a', { hasText: '/resource-00000/' }).waitFor();
    expect(await page.locator('.paths tbody tr').count()).to.be.below(60);
    await page.getByRole('region', { name: 'Table of paths' }).focus();
    await page.keyboard.press('End');
    await page.locator('.paths tbody a', { hasText: '/resource-04999/' }).waitFor();
    expect(await page.locator('.paths tbody tr').count()).to.be.below(60);
    const last = page.locator('.paths tr', { hasText: '/resource-04999/' });
    expect(await last.getAttribute('aria-rowindex')).to.equal('5001');
  });

  it('sorts by the keyboard, both ways', async () => {
    const { url } = await statisticsBoard(manyPaths(5000), realTime);
    const { page } = await browser.visit(url);
    const first = page.locator('.paths tbody a').first();
    await first.waitFor();
    await page.locator('.paths').getByRole('button', { name: 'Path' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('.paths tbody tr:nth-child(2) a', { hasText: '/resource-00000/' }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.paths tbody tr:nth-child(2) a', { hasText: '/resource-04999/' }).waitFor();
    expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).to.equal('descending');
  });

  it('finds by a part of the name, and says how many', async () => {
    const { url } = await statisticsBoard(manyPaths(5000), realTime);
    const { page } = await browser.visit(url);
    await page.locator('#path-search').fill('-0123');
    await page.locator('#paths [role=status]', { hasText: '10 of 5,000 paths' }).waitFor();
    await page.waitForURL(/search=-0123/);
    expect(await page.locator('.paths tbody a').count()).to.equal(10);
  });

  it('cuts no number, however large, at any width', async () => {
    const source = manyPaths(40);
    const { paths } = source;
    const long = 19 * 3_600_000 + 59 * 60_000;
    const huge = (figures: Figures): Figures => ({
      ...figures,
      ...{ total: 98_765_432_109, failure: 98_765_000_000, retried: 888_888_888_888 },
      outcomes: { ...figures.outcomes, clientError: 99_949, refused: 99_999 },
      responseTime: { ...figures.responseTime, p50: 59_949, p95: 99 * 60_000, p99: long },
      upstreamTime: { ...figures.upstreamTime, p95: 3_569_000 },
      cache: { hit: 99_999_999, miss: 1 },
    });
    source.paths = async (api) => (await paths(api))?.map((line) => ({ ...line, all: huge(line.all) }));
    const { url } = await statisticsBoard(source, realTime);
    const { page } = await browser.visit(url);
    await page.locator('.paths tbody td').first().waitFor();
    for (const width of [1440, 1280, 1151, 1000, 901, 701, 390, 320]) {
      await page.setViewportSize({ width, height: 900 });
      const cut = await page.evaluate<
        string[]
      >(`[...document.querySelectorAll('.paths tbody td, .paths th button')]
        .filter((cell) => cell.scrollWidth > cell.clientWidth || cell.scrollHeight > cell.parentElement.clientHeight)
        .map((cell) => cell.textContent)`);
      expect(cut, `at ${width}`).to.deep.equal([]);
      const widths = 'document.querySelector(".paths th").offsetWidth';
      expect(await page.evaluate(widths), `path at ${width}`).to.be.above(75);
    }
    const cell = page.locator('.paths tbody td').first();
    expect(await cell.textContent()).to.equal('98.8B');
    expect(await cell.getAttribute('title')).to.equal('98,765,432,109');
  });

  it('keeps the focus on a path while the figures update', async () => {
    const { url, source } = await statisticsBoard(manyPaths(5000), realTime);
    const { page } = await browser.visit(`${url}?sort=path-up`);
    await page.locator('.paths tbody a', { hasText: '/resource-00003/' }).focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    await page.locator('.paths tr', { hasText: '/resource-00024/' }).waitFor({ state: 'attached' });
    const before = await total(page);
    source.grow(1_000_000);
    await kpi(page, 'Calls').filter({ hasNotText: before }).waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).to.equal('/resource-00003/:id');
  });
});
