// What the dashboards cost a browser: npx tsx test/dashboards/measure.ts
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { breakerDashboard, statsDashboard } from '../../dashboards/index.js';
import { launchChromium } from '../support/chromium.js';
import { egressAt, realCircuits } from '../support/dashboard-scene.js';
import { fakeStats } from '../support/fake-stats.js';

const paths = Array.from({ length: 5000 }, (_, i) => `/resource-${i}/:id`);
const source = fakeStats({ big: { paths, calls: 50_000, failing: 0.02 } });
const stats = statsDashboard(source);
const circuits = await realCircuits();
const breakers = breakerDashboard({ circuits, egress: () => egressAt(Date.now()) });
const server = createServer(express().use('/stats', stats).use('/circuits', breakers));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const browser = await launchChromium();

/** Opens a page with an empty cache: bytes as they are and as they were sent, and the time until it shows figures. */
async function load(path: string, figures: string): Promise<void> {
  const page = await browser.newPage();
  const sizes: Promise<[whole: number, sent: number]>[] = [];
  page.on('requestfinished', (request) => {
    if (request.url().endsWith('/events')) return;
    const size = async (): Promise<[number, number]> => {
      const response = await request.response();
      return [(await response?.body())?.length ?? 0, (await request.sizes()).responseBodySize];
    };
    sizes.push(size());
  });
  const begin = performance.now();
  await page.goto(`${origin}/${path}/`, { waitUntil: 'commit' });
  await page.locator(figures).first().waitFor();
  const ms = Math.round(performance.now() - begin);
  await page.waitForLoadState('load');
  const all = await Promise.all(sizes);
  const sum = (at: 0 | 1) => (all.reduce((bytes, size) => bytes + size[at], 0) / 1000).toFixed(1);
  console.log(`${path}: ${sum(0)} KB in ${all.length} files (${sum(1)} KB sent), figures after ${ms} ms`);
  await page.close();
}

/** Scrolls the table of 5 000 paths for three seconds while figures come in. */
async function scroll(): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${origin}/stats/`);
  await page.locator('.paths tbody a').first().waitFor();
  await page.locator('.long').scrollIntoViewIfNeeded();
  const growing = setInterval(() => source.grow(1000), 1000);
  const frames = await page.evaluate<number[]>(`new Promise((done) => {
    const frames = [];
    const scroller = document.querySelector('.long');
    let last = performance.now();
    const begin = last;
    (function step(now) {
      frames.push(now - last);
      last = now;
      scroller.scrollTop = (scroller.scrollTop + 170) % (scroller.scrollHeight - 500);
      if (now - begin < 3000) requestAnimationFrame(step);
      else done(frames.slice(2));
    })(last);
  })`);
  clearInterval(growing);
  frames.sort((a, b) => a - b);
  const at = (share: number) => (frames[Math.floor(frames.length * share)] ?? 0).toFixed(1);
  const mean = frames.reduce((all, ms) => all + ms, 0) / frames.length;
  const late = frames.filter((ms) => ms > 25).length;
  console.log(
    `scrolling 5 000 paths: ${(1000 / mean).toFixed(1)} frames/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${late} of ${frames.length} frames late`,
  );
  await page.close();
}

for (let round = 0; round < 2; round++) {
  await load('stats', '#figures .kpi .value');
  await load('circuits', '.card');
}
await scroll();
await browser.close();
stats.close();
breakers.close();
server.close();
server.closeAllConnections();
