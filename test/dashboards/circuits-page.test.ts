import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { breakerDashboardWithTime } from '../../dashboards/breaker-dashboard.js';
import type { BreakerDashboardOptions, BreakerDashboardSource } from '../../dashboards/index.js';
import { breaker } from '../../lib/breaker/breaker.js';
import { CircuitRegistry } from '../../lib/breaker/circuit-registry.js';
import { redisCircuits } from '../../lib/breaker/store/redis/store.js';
import { useBrowser } from '../support/browser.js';
import { onCleanup } from '../support/cleanup.js';
import { begin, call } from '../support/client.js';
import { egressAt, realCircuits } from '../support/dashboard-scene.js';
import { startForward } from '../support/forwarding.js';
import { startRedis } from '../support/redis.js';
import { fastTime } from '../support/toy-time.js';
import { until } from '../support/until.js';
import { hangUp, silence, startUpstream, status } from '../support/upstream.js';
import { axeViolations, overflow } from './accessibility.js';
import { mounted } from './mounted.js';

async function board(
  circuits: CircuitRegistry,
  options: BreakerDashboardOptions = { actions: true },
  more: Partial<BreakerDashboardSource> = {},
) {
  const { board: url } = await mounted(
    breakerDashboardWithTime(fastTime(10), { circuits, ...more }, options),
  );
  return url;
}

const card = (page: Page, circuit: string) =>
  page.locator('.card', { has: page.getByRole('heading', { name: circuit, exact: true }) });

const names = (page: Page) => page.locator('.card h3').allTextContents();

const state = (page: Page, circuit: string, word: string) =>
  card(page, circuit)
    .locator('.state', { hasText: new RegExp(`^${word}$`) })
    .waitFor();

describe('the page of circuits', () => {
  const browser = useBrowser();

  it('shows a circuit open and count down, and resets it', async () => {
    const registry = new CircuitRegistry();
    const guard = breaker({ name: 'payments', registry });
    const upstream = await startUpstream(status(503));
    const proxy = await startForward({ target: upstream.url }, guard);
    const { page, complaints } = await browser.visit(await board(registry));
    await state(page, 'payments', 'Closed');
    for (let i = 0; i < 5; i++) await fetch(proxy.url);
    await state(page, 'payments', 'Open');
    const next = card(page, 'payments').locator('.next');
    const first = (await next.textContent()) ?? '';
    expect(first).to.match(/^Next probe in (30|29)\u202fs$/);
    await next.filter({ hasNotText: first }).waitFor();
    expect(await next.textContent()).to.match(/^Next probe in 2\d\u202fs$/);
    expect(await card(page, 'payments').textContent()).to.match(
      /Last failure.*status 503.*Failures in a row5 of 5/,
    );
    expect(await page.locator('#summary').textContent()).to.include('1 open of 1 circuit:payments');
    await page.getByRole('button', { name: 'Reset: payments' }).click();
    await state(page, 'payments', 'Closed');
    expect(guard.state).to.equal('CLOSED');
    expect(await page.locator('#announcer').textContent()).to.equal('payments: Closed');
    expect(complaints).to.deep.equal([]);
  });

  it('says whose a circuit is that several processes share', async () => {
    const redis = await startRedis();
    const registry = new CircuitRegistry();
    const store = redisCircuits({ redis: redis.url });
    onCleanup(() => store.close());
    const guard = breaker({ name: 'payments', registry, store, failureThreshold: 1 });
    breaker({ name: 'alone', registry });
    await until(() => guard.circuit().snapshot().scope === 'fleet');
    const { page } = await browser.visit(await board(registry));
    const whose = card(page, 'payments').locator('.scope');
    guard.forceOpen();
    await whose.filter({ hasText: new RegExp(`^Open for all processes, by .+:${process.pid}$`) }).waitFor();
    guard.reset();
    await state(page, 'payments', 'Closed');
    expect(await whose.isVisible()).to.equal(false);
    const upstream = await startUpstream(status(503));
    const proxy = await startForward({ target: upstream.url }, guard);
    await fetch(proxy.url);
    await whose.filter({ hasText: /^Open in this process alone/ }).waitFor();
    await redis.kill();
    guard.reset();
    await whose.filter({ hasText: /^Not shared at the moment: Redis is not in use$/ }).waitFor();
    expect(await card(page, 'payments').textContent()).to.include(
      'opens for all when 2 processes see failures',
    );
    expect(await card(page, 'alone').textContent()).to.include('no: it is that of this process');
    expect(await card(page, 'alone').locator('.scope').isVisible()).to.equal(false);
  });

  it('says what the failures were, and apart from them what is not counted', async () => {
    const registry = new CircuitRegistry();
    const guard = breaker({ name: 'payments', registry, failureThreshold: 3 });
    const upstream = await startUpstream([silence, status(503), hangUp, status(503)]);
    const proxy = await startForward({ target: upstream.url }, guard);
    const leaving = begin(proxy.url);
    await until(() => upstream.requests.length === 1);
    leaving.destroy();
    for (let i = 0; i < 3; i++) await call(proxy.url, { method: 'POST', body: 'x' });
    const { page } = await browser.visit(await board(registry));
    await state(page, 'payments', 'Open');
    const text = (part: string) => card(page, 'payments').locator(part).textContent();
    expect(await text('.causes')).to.equal('3 failures: 2 responses with status 503, 1 reset');
    expect(await text('.not-counted')).to.equal('Not counted: 1 client left or did not read');
  });

  it('says at the end of the countdown that the next call is a probe', async () => {
    const registry = new CircuitRegistry();
    const guard = breaker({ name: 'payments', registry, failureThreshold: 1, resetTimeoutMs: 20_000 });
    const proxy = await startForward({ target: (await startUpstream(status(500))).url }, guard);
    await fetch(proxy.url);
    const { page } = await browser.visit('about:blank');
    await page.clock.install();
    await page.goto(await board(registry));
    await state(page, 'payments', 'Open');
    await page.clock.fastForward(20_500);
    await card(page, 'payments').locator('.next', { hasText: 'The next call is a probe' }).waitFor();
  });

  it('puts the worst first, and shows each state in a word', async () => {
    const registry = await realCircuits();
    const { page, complaints } = await browser.visit(await board(registry));
    await state(page, 'payments', 'Open');
    expect(await names(page)).to.deep.equal([
      'payments',
      'ledger:tenant-12',
      'search',
      'weather',
      'geocoder',
    ]);
    expect(await page.locator('.card .state').allTextContents()).to.deep.equal([
      'Open',
      'Open',
      'Half open',
      'Closed',
      'Closed',
    ]);
    expect(await page.locator('.card .state svg').count()).to.equal(5);
    registry.get('geocoder')?.forceOpen();
    await page.locator('.card:nth-child(2) h3', { hasText: 'geocoder' }).waitFor();
    expect(complaints).to.deep.equal([]);
  });

  it('forces open only after a confirmation', async () => {
    const registry = new CircuitRegistry();
    const guard = breaker({ name: 'payments', registry });
    const { page } = await browser.visit(await board(registry));
    await page.getByRole('button', { name: 'Force open: payments' }).click();
    await page.getByRole('dialog', { name: 'Force payments open?' }).waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).to.equal('Cancel');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(guard.state).to.equal('CLOSED');
    await page.getByRole('button', { name: 'Force open: payments' }).click();
    await page.getByRole('button', { name: 'Force open', exact: true }).click();
    await state(page, 'payments', 'Open');
    expect(guard.state).to.equal('OPEN');
    expect(await card(page, 'payments').textContent()).to.include('Forced open');
    expect(await page.evaluate('document.activeElement.textContent')).to.equal('payments');
    await page.getByRole('button', { name: 'Force closed: payments' }).click();
    await state(page, 'payments', 'Closed');
  });

  it('purges a cache after a confirmation', async () => {
    const purged: string[] = [];
    const registry = new CircuitRegistry();
    breaker({ name: 'ledger', registry, key: () => 'a' }).circuit('a');
    const purge = async (api: string) => purged.push(api);
    const { page } = await browser.visit(await board(registry, { actions: true }, { purge }));
    await page.getByRole('button', { name: 'Purge cache: ledger:a' }).click();
    await page.getByRole('button', { name: 'Purge cache', exact: true }).click();
    await page
      .locator('#announcer', { hasText: 'The cache of ledger is purged' })
      .waitFor({ state: 'attached' });
    expect(purged).to.deep.equal(['ledger']);
  });

  it('has no action buttons when actions are off', async () => {
    const registry = new CircuitRegistry();
    breaker({ name: 'payments', registry });
    const { page } = await browser.visit(await board(registry, {}));
    await state(page, 'payments', 'Closed');
    expect(await page.locator('.card button:visible').count()).to.equal(0);
  });

  it('shows why an action failed', async () => {
    const registry = new CircuitRegistry();
    breaker({ name: 'payments', registry });
    const { page } = await browser.visit(await board(registry));
    const refusal = { error: 'A page of another origin made this request', code: 'ERR_FORBIDDEN' };
    await page.route('**/actions/*', (route) => route.fulfill({ status: 403, json: refusal }));
    await page.getByRole('button', { name: 'Reset: payments' }).click();
    await page.getByRole('alert').filter({ hasText: refusal.error }).waitFor();
  });

  it('shows why caches store nothing, with what to change', async () => {
    const notStored = { 'set-cookie': 12, purged: 3 };
    const apis = new Map([['shop', { cache: { counts: () => ({ notStored }) } }]]);
    const { page } = await browser.visit(await board(await realCircuits(), {}, { apis }));
    const panel = page.getByRole('region', { name: 'Not stored by the cache' });
    await panel.waitFor();
    expect(await panel.locator('li').allTextContents()).to.have.length(1);
    expect(await panel.locator('li').first().textContent()).to.match(
      /shop12.responses.*they set a cookie.*setCookie: 'strip' stores them without it/,
    );
  });

  it('shows egress proxies and rate limits, with the time until they are available again', async () => {
    const now = Date.now();
    const { page } = await browser.visit(
      await board(await realCircuits(), {}, { egress: () => egressAt(now) }),
    );
    const proxies = page.getByRole('region', { name: 'Egress proxies' });
    await proxies.waitFor();
    expect(await proxies.locator('li').first().textContent()).to.match(
      /us-1\.proxy\.example:3128Cooling down.*ECONNREFUSED.*3\sfailures\sin\sa\srow.*Probed in 4\d\u202fs/,
    );
    expect(await proxies.locator('li').last().textContent()).to.match(
      /eu-1.*In use.*8,123\sattempts.*98.6\s%\ssuccessful · 184\sms\slatency · 622\sMB · cost\s4\.97/,
    );
    expect(await proxies.locator('li').first().textContent()).to.match(/14\sbans/);
    const limits = page.getByRole('region', { name: 'Advertised rate limits' });
    expect(await limits.locator('li').first().textContent()).to.match(
      /github: searchExhausted.*0\sof\s30\sleft.*1\scall\swaiting\suntil\sit\sresets.*Resets in \d+/,
    );
    expect(await limits.locator('li strong').allTextContents()).to.deep.equal([
      ...['github: search', 'search', 'llm: tokens', 'github: core', 'weather'],
    ]);
    expect(await limits.locator('li').nth(2).textContent()).to.match(
      /149,984\sof\s150,000\sleft.*2\scalls\swaiting\sfor\sthe\sresponses\sof\sothers/,
    );
    const quotas = page.getByRole('region', { name: 'Configured rate limits' });
    expect(await quotas.locator('li').allTextContents()).to.have.length(2);
    expect(await quotas.locator('li').first().textContent()).to.match(
      /catalogueExhausted50 in 10.*0\sleft.*7\scalls\sfor\s2\skeys\swaiting\sfor\sroom\sin\sthe\swindow/,
    );
  });

  it('shows some of a very long list of egress proxies, those with problems first', async () => {
    const { limits, proxies } = egressAt(Date.now());
    const [fine, bad] = proxies;
    if (!fine || !bad) throw new Error('the scene has two');
    const many = Array.from({ length: 10_000 }, (_, i) => ({
      ...(i === 9000 ? bad : fine),
      name: `proxy-${i}`,
    }));
    const { page } = await browser.visit(
      await board(await realCircuits(), {}, { egress: () => ({ limits, proxies: many }) }),
    );
    const panel = page.getByRole('region', { name: 'Egress proxies' });
    await panel.waitFor();
    expect(await panel.locator('li').count()).to.equal(200);
    expect(await panel.locator('li').first().textContent()).to.match(/proxy-9000Cooling down/);
    expect(await panel.locator('.more').textContent()).to.equal('and 9,800 more');
  });

  it('unfolds history and settings, which stay unfolded', async () => {
    const registry = await realCircuits();
    const { page } = await browser.visit(await board(registry));
    await card(page, 'search').getByText('History (2)').click();
    await card(page, 'search').getByText('Settings').click();
    expect(await card(page, 'search').locator('.history li').first().textContent()).to.match(
      /Half open: reset timeout passed$/,
    );
    expect(await card(page, 'search').textContent()).to.include(
      '50\u202f% failed of at least 20 in 10\u202fs',
    );
    registry.get('search')?.forceClose();
    await state(page, 'search', 'Closed');
    expect(await card(page, 'search').locator('details[open]').count()).to.equal(2);
  });

  it('shows a name that looks like HTML as text', async () => {
    const registry = new CircuitRegistry();
    const name = '<img src=x onerror=alert(1)>';
    breaker({ name, registry }).forceOpen();
    const { page, complaints } = await browser.visit(await board(registry));
    await page.locator('.card h3', { hasText: name }).waitFor();
    expect(await page.locator('img').count()).to.equal(0);
    expect(complaints).to.deep.equal([]);
  });

  it('finds a circuit by a part of its name', async () => {
    const registry = new CircuitRegistry();
    for (let i = 0; i < 40; i++) breaker({ name: `api-${i}`, registry });
    const { page } = await browser.visit(`${await board(registry)}?search=api-3`);
    await page.locator('#cards > li').first().waitFor();
    expect(await page.locator('#cards > li').count()).to.equal(11);
    await page.getByRole('searchbox').fill('nothing');
    await page.getByText('No circuit matches.').waitFor();
  });

  it('says what to do when there is no circuit', async () => {
    const { page } = await browser.visit(await board(new CircuitRegistry()));
    await page.getByRole('heading', { name: 'No circuits yet' }).waitFor();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`passes axe in ${colorScheme}`, async () => {
      const now = Date.now();
      const more = { egress: () => egressAt(now), purge: async () => undefined };
      const { page } = await browser.visit(await board(await realCircuits(), undefined, more), {
        colorScheme,
      });
      await card(page, 'search').getByText('Settings').click();
      expect(await axeViolations(page)).to.deep.equal([]);
      await page.getByRole('button', { name: 'Force open: payments' }).click();
      expect(await axeViolations(page)).to.deep.equal([]);
    });
  }

  it('fits a phone 360 pixels wide', async () => {
    const now = Date.now();
    const url = await board(await realCircuits(), undefined, { egress: () => egressAt(now) });
    const { page } = await browser.visit(url, {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
    });
    await state(page, 'payments', 'Open');
    expect(await overflow(page)).to.equal(0);
    expect(await axeViolations(page)).to.deep.equal([]);
  });
});
