import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { breakerDashboardWithTime } from '../../dashboards/breaker-dashboard.js';
import { useBrowser } from '../support/browser.js';
import { realCircuits } from '../support/dashboard-scene.js';
import { fastTime } from '../support/toy-time.js';
import { axeViolations } from './accessibility.js';
import { mounted } from './mounted.js';
import { live, statisticsBoard } from './statistics-board.js';

const FORCED = { forcedColors: 'active', colorScheme: 'dark' } as const;

/** The computed background of an element, or of what is in front of it. */
const background = (page: Page, selector: string, part = '') =>
  page.evaluate<string>(
    `getComputedStyle(document.querySelector(${JSON.stringify(selector)}), '${part}').backgroundColor`,
  );

describe('pages in forced colours', () => {
  const browser = useBrowser();

  it('show the bars, the legend and the choice of the statistics', async () => {
    const { url } = await statisticsBoard();
    const { page, complaints } = await browser.visit(url, FORCED);
    await live(page);
    await page.locator('#traffic canvas').waitFor();
    const canvas = await background(page, 'body');
    expect(canvas).to.equal('rgb(0, 0, 0)');
    expect(await background(page, '.shares .bar')).to.equal('rgb(255, 255, 255)');
    expect(await background(page, '.shares .rail')).to.not.equal('rgb(255, 255, 255)');
    const swatches = [
      await background(page, '[data-colour=calls]', '::before'),
      await background(page, '[data-colour=errors]', '::before'),
    ];
    expect(new Set([...swatches, canvas])).to.have.property('size', 3);
    expect(await background(page, '.segments input:checked + span')).to.not.equal(
      await background(page, '.segments input:not(:checked) + span'),
    );
    const drawn = await page.evaluate<string[]>(`(() => {
      const canvas = document.querySelector('#traffic canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) colours.add('rgb(' + [...data.slice(i, i + 3)].join(', ') + ')');
      return [...colours];
    })()`);
    expect(drawn).to.include.members(swatches);
    expect(await axeViolations(page)).to.deep.equal([]);
    expect(complaints).to.deep.equal([]);
  });

  it('show the gauges and states of circuits', async () => {
    const circuits = await realCircuits();
    const { board } = await mounted(breakerDashboardWithTime(fastTime(10), { circuits }));
    const { page } = await browser.visit(board, FORCED);
    await page.locator('.card').first().waitFor();
    expect(await background(page, '.card .gauge .bar')).to.equal('rgb(255, 255, 255)');
    expect(await background(page, '.card[data-tone=bad]', '::before')).to.equal('rgb(255, 255, 255)');
    expect(await background(page, '.card[data-tone=good]', '::before')).to.not.equal('rgb(255, 255, 255)');
    expect(await axeViolations(page)).to.deep.equal([]);
  });
});
