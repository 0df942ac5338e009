import { expect } from 'chai';
import { OverviewReader } from '../../dashboards/overview.js';
import { useBrowser } from '../support/browser.js';
import { type FakeApi, type FakeStats, fakeStats } from '../support/fake-stats.js';
import { axeViolations } from './accessibility.js';
import { live, statisticsBoard } from './statistics-board.js';

const name = (i: number) => `api-${String(i).padStart(3, '0')}`;
const api = (failing: number): FakeApi => ({ paths: ['/x'], calls: 600, failing });

/** So many APIs, of which some fail. */
function manyApis(count: number, isFailing: (i: number) => boolean): FakeStats {
  const apis = Array.from({ length: count }, (_, i) => [name(i), api(isFailing(i) ? 0.3 : 0)] as const);
  return fakeStats(Object.fromEntries(apis));
}

describe('OverviewReader', () => {
  const failing = async (reader: OverviewReader) =>
    (await reader.read()).apis.filter(({ failure }) => failure > 0).map(({ api }) => api);

  it('knows every API after the first reading, and reads a hundred each time from then on', async () => {
    const source = manyApis(250, (i) => i === 3 || i === 249);
    const reader = new OverviewReader(source);
    expect(await failing(reader)).to.deep.equal([name(3), name(249)]);
    expect(source.reads.view).to.equal(250);
    await reader.read();
    expect(source.reads.view).to.equal(350);
  });

  it('hears of an API that begins to fail, and of one that recovers', async () => {
    const source = manyApis(250, (i) => i === 120);
    const reader = new OverviewReader(source);
    await reader.read();
    source.add(name(120), api(0));
    source.add(name(200), api(0.5));
    const seen: string[][] = [];
    for (let i = 0; i < 3; i++) seen.push(await failing(reader));
    expect(seen[0]).to.not.include(name(120));
    expect(seen[2]).to.deep.equal([name(200)]);
  });

  it('lets other work go on while it reads', async () => {
    const reader = new OverviewReader(manyApis(250, () => false));
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    await reader.read();
    done = true;
    expect(turns).to.be.above(5);
  });
});

describe('the first line of the page of statistics, for many failing APIs', () => {
  const browser = useBrowser();

  it('leads to each of them', async () => {
    const { url } = await statisticsBoard(manyApis(160, (i) => i >= 140 && i < 155));
    const { page, complaints } = await browser.visit(`${url}?api=${name(1)}`);
    await live(page);
    const links = page.locator('#attention a');
    await links.first().waitFor();
    expect(await page.locator('#attention p').textContent()).to.include('15 of 160 APIs');
    expect(await links.count()).to.equal(6);
    await page.getByRole('button', { name: 'Show 9 more' }).click();
    expect(await links.count()).to.equal(15);
    expect(await axeViolations(page)).to.deep.equal([]);
    await links.filter({ hasText: name(154) }).click();
    await page.waitForURL(new RegExp(`api=${name(154)}`));
    await page.getByRole('button', { name: 'Show fewer' }).click();
    expect(await links.count()).to.equal(6);
    expect(complaints).to.deep.equal([]);
  });

  it('has no button where all are shown', async () => {
    const { url } = await statisticsBoard(manyApis(6, () => true));
    const { page } = await browser.visit(url);
    await page.locator('#attention a').first().waitFor();
    expect(await page.locator('#attention a').count()).to.equal(6);
    expect(await page.locator('#attention button').isVisible()).to.equal(false);
  });
});
