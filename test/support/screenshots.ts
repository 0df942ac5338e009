// Takes the pictures of the dashboards that the documentation shows: npm run screenshots [-- folder]
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { breakerDashboard, statsDashboard } from '../../dashboards/index.js';
import { launchChromium } from './chromium.js';
import { apisAt, egressAt, realCircuits } from './dashboard-scene.js';
import { fakeStats } from './fake-stats.js';
import { smallPng } from './small-png.js';

const SHOTS = [
  { name: '', viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  { name: '-dark', viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  { name: '-phone', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
] as const;

const folder = process.argv[2] ?? 'docs/screenshots';
mkdirSync(folder, { recursive: true });
const now = Date.now();
const circuits = await realCircuits();
const stats = statsDashboard(fakeStats(apisAt(now)), {
  links: [{ label: 'Circuits', href: '../cb-dashboard/' }],
});
const breakers = breakerDashboard(
  { circuits, egress: () => egressAt(now), purge: async () => undefined },
  { actions: true, links: [{ label: 'Statistics', href: '../stats-dashboard/' }] },
);
const server = createServer(express().use('/stats-dashboard', stats).use('/cb-dashboard', breakers));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const browser = await launchChromium();
for (const { name, ...look } of SHOTS) {
  const context = await browser.newContext({ locale: 'en-GB', deviceScaleFactor: 1, ...look });
  const page = await context.newPage();
  for (const [path, ready] of [
    ['stats-dashboard', '.errors li'],
    ['cb-dashboard', '.card'],
  ] as const) {
    await page.goto(`${origin}/${path}/`);
    await page.locator(ready).first().waitFor();
    // Charts are drawn in the frame after their data has arrived.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    writeFileSync(`${folder}/${path}${name}.png`, smallPng(await page.screenshot({ fullPage: true })));
  }
  await context.close();
}
await browser.close();
stats.close();
breakers.close();
server.close();
server.closeAllConnections();
