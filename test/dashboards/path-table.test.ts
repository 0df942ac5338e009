import { expect } from 'chai';
import { realTime } from '../../lib/core/time.js';
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
