import { expect } from 'chai';
import { useBrowser } from '../support/browser.js';
import { fakeStats } from '../support/fake-stats.js';
import { kpi, live, statisticsBoard } from './statistics-board.js';

describe('the page of statistics without figures', () => {
  const browser = useBrowser();

  it('says how to make a first call, and shows the API once there is one', async () => {
    const { url, source } = await statisticsBoard(fakeStats({}));
    const { page, complaints } = await browser.visit(url);
    await page.getByRole('heading', { name: 'No calls yet' }).waitFor();
    source.add('fresh', { paths: ['/a'], calls: 60, failing: 0 });
    await page.waitForURL(/api=fresh/);
    await kpi(page, 'Calls').waitFor();
    expect(await page.locator('#empty').isVisible()).to.equal(false);
    expect(complaints).to.deep.equal([]);
  });

  it('says that the API of a link does not exist, and what to do', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=gone`);
    await page.getByRole('alert').filter({ hasText: 'There are no figures of API "gone"' }).waitFor();
    expect(await page.getByRole('alert').textContent()).to.include('Choose another API');
    expect(await page.locator('#figures').isVisible()).to.equal(false);
    await page.locator('#api').selectOption('weather');
    await kpi(page, 'Calls').waitFor();
    expect(await page.getByRole('alert').isVisible()).to.equal(false);
  });

  it('says that the figures cannot be read, and keeps the last ones', async () => {
    const { url, source } = await statisticsBoard();
    const { page } = await browser.visit(`${url}?api=weather`);
    await live(page);
    source.fail(new Error('redis is gone'));
    source.grow(1);
    await page.getByRole('alert').filter({ hasText: 'cannot be read at the moment' }).waitFor();
    expect(await kpi(page, 'Calls').isVisible()).to.equal(true);
    source.fail(undefined);
    await page.locator('#notice').waitFor({ state: 'hidden' });
  });

  it('says that there were no calls in this period', async () => {
    const { url } = await statisticsBoard(fakeStats({ rare: { paths: [], calls: 1, failing: 0 } }));
    const { page } = await browser.visit(url);
    await page.locator('#traffic .nothing', { hasText: 'No calls in the last hour.' }).waitFor();
    expect(await page.locator('#attention').textContent()).to.include('No calls in the last 10 minutes');
  });

  it('says how to call an API that was never called', async () => {
    const { url } = await statisticsBoard(fakeStats({ idle: { paths: [], calls: 0, failing: 0 } }));
    const { page } = await browser.visit(url);
    await page.getByRole('heading', { name: 'No calls to idle yet' }).waitFor();
    await page.getByText('Call the API once through the proxy.').waitFor();
    expect(await page.locator('#figures').isVisible()).to.equal(false);
  });
});
