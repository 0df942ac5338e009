import { expect } from 'chai';
import type { Page } from 'playwright-core';
import type { TimeBucket } from '../../lib/stats/stats-source.js';
import { useBrowser } from '../support/browser.js';
import { type FakeStats, fakeStats, figuresOf } from '../support/fake-stats.js';
import { live, statisticsBoard } from './statistics-board.js';

/** An API that was called in these of its minutes alone. */
function calledIn(isCalled: (minute: number) => boolean): FakeStats {
  const source = fakeStats({ a: { paths: ['/x'], calls: 6000, failing: 0 } });
  const { view } = source;
  const quiet = (bucket: TimeBucket): TimeBucket => ({
    ...bucket,
    ...figuresOf(0, 0),
    responseTime: { count: 0, min: null, p50: null, p90: null, p95: null, p99: null, max: null },
  });
  source.view = async (query) => {
    const whole = await view(query);
    const buckets = whole?.buckets.map((bucket, i) => (isCalled(i) ? bucket : quiet(bucket)));
    return whole && { ...whole, buckets: buckets ?? [] };
  };
  return source;
}

/** How many pixels of a chart have a colour: its bars, lines and points, but no grid or text. */
const coloured = (page: Page, id: string) =>
  page.evaluate<number>(`(() => {
    const canvas = document.querySelector('#${id} canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b, a] = data.slice(i, i + 4);
      if (a > 60 && Math.max(r, g, b) - Math.min(r, g, b) > 60) count++;
    }
    return count;
  })()`);

/** The numbers that stand at the lines of a chart: they are drawn again where the window gets another width. */
const labelsAt = (page: Page, id: string) =>
  page.evaluate<string[]>(`new Promise((resolve) => {
    const canvas = document.querySelector('#${id} canvas');
    const context = canvas.getContext('2d');
    const texts = [];
    const { clearRect } = context;
    // New figures may have it drawn once more in the same frame.
    context.clearRect = (...area) => {
      texts.length = 0;
      clearRect.apply(context, area);
    };
    context.fillText = (text) => {
      if (/^[\\d.,]+( ?\\w+)?$/.test(text.replace('\u202f', ' '))) texts.push(text);
      requestAnimationFrame(() => resolve(texts));
    };
    document.querySelector('#${id} .chart').style.width = '300px';
  })`);

/** How many pixels are drawn in the strip of a chart where the name of its axis is. */
const drawnAt = (page: Page, id: string, axis: 'left' | 'bottom') =>
  page.evaluate<number>(`(() => {
    const canvas = document.querySelector('#${id} canvas');
    const { width, height } = canvas;
    const strip = '${axis}' === 'left' ? [0, 0, 14, height] : [0, height - 14, width, 14];
    const { data } = canvas.getContext('2d').getImageData(...strip);
    return data.filter((value, i) => i % 4 === 3 && value > 60).length;
  })()`);

describe('the charts of the page of statistics', () => {
  const browser = useBrowser();

  for (const [what, isCalled] of [
    ['one minute', (i: number) => i === 30],
    ['the first minute', (i: number) => i === 0],
    ['the last minute', (i: number) => i === 59],
    ['every other minute', (i: number) => i % 2 === 0],
  ] as const) {
    it(`show ${what} with calls between minutes without`, async () => {
      const { url } = await statisticsBoard(calledIn(isCalled));
      const { page, complaints } = await browser.visit(url);
      await live(page);
      await page.locator('#latency canvas').waitFor();
      expect(await coloured(page, 'traffic')).to.be.above(20);
      expect(await coloured(page, 'latency')).to.be.above(20);
      expect(complaints).to.deep.equal([]);
    });
  }

  for (const calls of [1, 2, 3, 7, 900])
    it(`have labels of their own at each line, with ${calls} calls a minute`, async () => {
      const source = fakeStats({ a: { paths: ['/x'], calls: calls * 60, failing: 0 } });
      const { view } = source;
      const brief = { count: calls, min: 0.2, p50: 0.4, p90: 0.7, p95: 0.7, p99: 0.8, max: 0.9 };
      const figures = { ...figuresOf(calls, 0), responseTime: brief };
      source.view = async (query) => {
        const whole = await view(query);
        return whole && { ...whole, buckets: whole.buckets.map((bucket) => ({ ...bucket, ...figures })) };
      };
      const { url } = await statisticsBoard(source);
      const { page } = await browser.visit(url);
      await live(page);
      for (const id of ['traffic', 'latency']) {
        await page.locator(`#${id} canvas`).waitFor();
        const labels = await labelsAt(page, id);
        expect(labels, id).to.have.length.above(1);
        expect([...new Set(labels)], id).to.deep.equal(labels);
      }
    });

  it('say what their axes are', async () => {
    const { url } = await statisticsBoard();
    const { page } = await browser.visit(url);
    await live(page);
    for (const id of ['traffic', 'latency']) {
      await page.locator(`#${id} canvas`).waitFor();
      expect(await drawnAt(page, id, 'left'), id).to.be.above(50);
      expect(await drawnAt(page, id, 'bottom'), id).to.be.above(50);
    }
  });
});
