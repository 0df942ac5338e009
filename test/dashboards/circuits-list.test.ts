import { expect } from 'chai';
import express from 'express';
import type { Page } from 'playwright-core';
import { breakerDashboardWithTime } from '../../dashboards/breaker-dashboard.js';
import { type BreakerHandler, breaker } from '../../lib/breaker/breaker.js';
import type { BreakerOptions } from '../../lib/breaker/breaker-options.js';
import { CircuitRegistry } from '../../lib/breaker/circuit-registry.js';
import { useBrowser } from '../support/browser.js';
import { onCleanup } from '../support/cleanup.js';
import { call } from '../support/client.js';
import { startForward } from '../support/forwarding.js';
import { serveApp } from '../support/serve.js';
import { fastTime } from '../support/toy-time.js';
import { until } from '../support/until.js';
import { startUpstream, status } from '../support/upstream.js';
import { axeViolations, overflow } from './accessibility.js';

const registryOf = (count: number): CircuitRegistry => {
  const registry = new CircuitRegistry();
  for (let i = 0; i < count; i++) breaker({ name: `api-${i}`, registry });
  return registry;
};

/** The page of these circuits. While it is gone, the server ends every connection without a response. */
async function board(circuits: CircuitRegistry): Promise<{ url: string; gone(gone: boolean): void }> {
  const dashboard = breakerDashboardWithTime(fastTime(10), { circuits }, { actions: true });
  onCleanup(() => dashboard.close());
  let isGone = false;
  const app = express().use((req, _res, next) => {
    if (isGone) req.socket.destroy();
    else next();
  });
  const { url, server } = await serveApp(app.use('/board', dashboard));
  return {
    url: `${url}/board/`,
    gone(gone) {
      isGone = gone;
      if (gone) server.closeAllConnections();
    },
  };
}

/** An API whose target responds like this, called so often. */
async function called(
  registry: CircuitRegistry,
  name: string,
  statuses: readonly number[],
  options: Partial<BreakerOptions> = {},
): Promise<BreakerHandler> {
  const guard = breaker({ name, registry, ...options });
  const upstream = await startUpstream(statuses.map((one) => status(one)));
  const proxy = await startForward({ target: upstream.url }, guard);
  for (const _ of statuses) await call(proxy.url);
  return guard;
}

const shown = (page: Page) => page.locator('#cards > li').count();
const choose = (page: Page, what: string) => page.locator('.segments label', { hasText: what }).click();

describe('the page of many circuits', () => {
  const browser = useBrowser();

  it('is a list whose lines unfold to cards, with their buttons', async () => {
    const registry = registryOf(199);
    const guard = await called(registry, 'payments', [503, 503, 503, 503, 503]);
    const { page, complaints } = await browser.visit((await board(registry)).url);
    const line = page.locator('#cards > li').first();
    await line.waitFor();
    expect(await shown(page)).to.equal(200);
    expect(await page.locator('.card').count()).to.equal(0);
    expect(await line.innerText()).to.match(
      /^Open\s+payments\s+5 failures in a row, the last: status 503\s+Next probe in \d+\u202fs$/,
    );
    await line.locator('summary').click();
    await page.getByRole('button', { name: 'Reset: payments' }).click();
    await line.locator('summary .state', { hasText: 'Closed' }).waitFor();
    expect(guard.state).to.equal('CLOSED');
    expect(await page.locator('.card').count()).to.equal(1);
    expect(complaints).to.deep.equal([]);
  });

  it('can be cards, and few circuits a list, as the address says', async () => {
    const { page } = await browser.visit((await board(registryOf(30))).url);
    await page.locator('#cards.rows > li').first().waitFor();
    await choose(page, 'Cards');
    await page.waitForURL(/\?view=cards$/);
    expect(await page.locator('#cards.cards > .card').count()).to.equal(30);
    const few = await browser.visit(`${(await board(registryOf(3))).url}?view=list`);
    await few.page.locator('#cards.rows > li').first().waitFor();
    expect(await few.page.getByRole('radio', { name: 'List' }).isChecked()).to.equal(true);
  });

  it('shows the circuits in one state, and how many are in each', async () => {
    const registry = registryOf(60);
    for (const i of [4, 40]) registry.get(`api-${i}`)?.forceOpen();
    const { page } = await browser.visit((await board(registry)).url);
    await page.locator('#cards > li').first().waitFor();
    expect(
      await page.locator('#tools label', { has: page.getByRole('radio') }).allInnerTexts(),
    ).to.deep.equal(['All 60', 'Open 2', 'Half open 0', 'Closed 58', 'Cards', 'List']);
    await choose(page, 'Open 2');
    await page.waitForURL(/\?state=OPEN$/);
    expect(await page.locator('#cards strong').allTextContents()).to.deep.equal(['api-4', 'api-40']);
    registry.get('api-7')?.forceOpen();
    await page.locator('#cards strong', { hasText: 'api-7' }).waitFor();
    await choose(page, 'Half open');
    await page.getByText('No circuit matches.').waitFor();
    await choose(page, 'All');
    await page.waitForURL((address) => address.search === '');
    expect(await shown(page)).to.equal(60);
  });

  it('leads from the first line to each circuit that is not closed, also through a filter', async () => {
    const registry = registryOf(60);
    for (let i = 20; i < 28; i++) registry.get(`api-${i}`)?.forceOpen();
    const { page } = await browser.visit(`${(await board(registry)).url}?state=CLOSED`);
    const links = page.locator('#summary a');
    await links.first().waitFor();
    expect(await links.count()).to.equal(6);
    await page.getByRole('button', { name: 'Show 2 more' }).click();
    await links.filter({ hasText: 'api-27' }).click();
    await page.waitForURL((address) => address.search === '');
    const line = page.locator('#cards > li', { hasText: 'api-27' }).first();
    await line.locator('.card').waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).to.include('api-27');
    await choose(page, 'Cards');
    await links.filter({ hasText: 'api-26' }).click();
    expect(await page.evaluate('document.activeElement.textContent')).to.equal('api-26');
  });

  it('has no tools for a few circuits', async () => {
    const { page } = await browser.visit((await board(registryOf(7))).url);
    await page.locator('.card').first().waitFor();
    expect(await page.locator('#tools').isVisible()).to.equal(false);
  });

  for (const look of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { width: 360 }] as const) {
    it(`passes axe, and fits, with ${JSON.stringify(look)}`, async () => {
      const registry = registryOf(30);
      registry.get('api-4')?.forceOpen();
      const { width = 1280, ...more } = { ...look } as { width?: number; colorScheme?: 'light' | 'dark' };
      const viewport = { width, height: 800 };
      const { page } = await browser.visit((await board(registry)).url, { viewport, ...more });
      await page.locator('#cards > li').first().locator('summary').click();
      await page.locator('.card').waitFor();
      expect(await overflow(page)).to.be.at.most(0);
      expect(await axeViolations(page)).to.deep.equal([]);
    });
  }
});

describe('the card of a circuit that is not closed', () => {
  const browser = useBrowser();

  const why = async (registry: CircuitRegistry) => {
    const { page } = await browser.visit((await board(registry)).url);
    const place = page.locator('.why');
    await place.waitFor();
    return (await place.textContent()) ?? '';
  };

  it('says that failures in a row have opened it', async () => {
    const registry = new CircuitRegistry();
    await called(registry, 'a', [503, 502, 503], { failureThreshold: 3 });
    expect(await why(registry)).to.match(/^Opened \d\d:\d\d:\d\d: 3 failures in a row$/);
  });

  it('says that the share of failures has opened it', async () => {
    const registry = new CircuitRegistry();
    const options = { failureThreshold: 100, minimumRequests: 4, failureRatio: 0.5, windowMs: 60_000 };
    await called(registry, 'a', [200, 503, 200, 503], options);
    expect(await why(registry)).to.match(/: 50\u202f% or more failed within 1\u202fmin$/);
  });

  it('says that slow calls have opened it', async () => {
    const registry = new CircuitRegistry();
    const guard = breaker({ name: 'a', registry, slowCallMs: 1, slowCallRatio: 0.5, minimumRequests: 2 });
    const upstream = await startUpstream((_req, res) => void setTimeout(() => res.end(), 5));
    const proxy = await startForward({ target: upstream.url }, guard);
    for (let i = 0; i < 2; i++) await call(proxy.url);
    expect(await why(registry)).to.match(/: 50\u202f% or more took 1\u202fms within 10\u202fs$/);
  });

  it('says that someone has forced it open', async () => {
    const registry = new CircuitRegistry();
    breaker({ name: 'a', registry }).forceOpen();
    expect(await why(registry)).to.match(/: forced by someone$/);
  });

  it('says it while half open too, and after probes have failed', async () => {
    const registry = new CircuitRegistry();
    const guard = await called(registry, 'a', [503, 503], { failureThreshold: 2, resetTimeoutMs: 1 });
    const upstream = await startUpstream([status(503), status(200)]);
    const proxy = await startForward({ target: upstream.url }, guard);
    for (let i = 0; i < 2; i++) {
      await until(() => guard.circuit().snapshot().timeToResetMs === 0, 'a probe to be due');
      await call(proxy.url);
    }
    expect(guard.state).to.equal('HALF_OPEN');
    expect(await why(registry)).to.match(/: \d failures in a row$/);
  });
});

describe('the page of a server that is gone', () => {
  const browser = useBrowser();

  it('is dimmed and counts nothing down, until the server is back', async () => {
    const registry = new CircuitRegistry();
    const guard = await called(registry, 'payments', [503], { failureThreshold: 1 });
    const server = await board(registry);
    const { page } = await browser.visit('about:blank');
    await page.clock.install();
    await page.goto(server.url);
    const next = page.locator('.next');
    await next.waitFor();
    const dimmed = () =>
      page.evaluate<boolean>('getComputedStyle(document.querySelector("#content")).filter !== "none"');
    expect(await dimmed()).to.equal(false);
    server.gone(true);
    await page.getByRole('alert').filter({ hasText: 'The server does not respond' }).waitFor();
    expect(await page.getByRole('alert').textContent()).to.match(
      /The page shows what was at \d\d:\d\d:\d\d\./,
    );
    expect(await dimmed()).to.equal(true);
    const text = await next.textContent();
    await page.clock.runFor(3000);
    expect(await next.textContent()).to.equal(text);
    server.gone(false);
    await page.clock.runFor(6000);
    await page.getByRole('alert').waitFor({ state: 'hidden' });
    expect(await dimmed()).to.equal(false);
    const again = (await next.textContent()) ?? '';
    await page.clock.runFor(3000);
    expect(await next.textContent()).to.not.equal(again);
    expect(guard.state).to.equal('OPEN');
  });
});
