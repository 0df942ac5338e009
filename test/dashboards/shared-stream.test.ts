import { expect } from 'chai';
import express from 'express';
import type { Page } from 'playwright-core';
import { breakerDashboardWithTime } from '../../dashboards/breaker-dashboard.js';
import { statsDashboardWithTime } from '../../dashboards/stats-dashboard.js';
import { breaker } from '../../lib/breaker/breaker.js';
import { CircuitRegistry } from '../../lib/breaker/circuit-registry.js';
import { useBrowser } from '../support/browser.js';
import { onCleanup } from '../support/cleanup.js';
import { apisAt } from '../support/dashboard-scene.js';
import { type FakeStats, fakeStats } from '../support/fake-stats.js';
import { type Served, serveApp } from '../support/serve.js';
import { fastTime } from '../support/toy-time.js';
import { until } from '../support/until.js';
import { follow } from './event-stream.js';
import { mounted } from './mounted.js';
import { kpi, live, total } from './statistics-board.js';

/** Counts the streams that are open at a server, and those that there were. */
function streamsOf({ server }: Served): { open: number; all: number } {
  const streams = { open: 0, all: 0 };
  server.prependListener('request', (req, res) => {
    if (!req.url?.includes('/events')) return;
    streams.open++;
    streams.all++;
    res.on('close', () => streams.open--);
  });
  return streams;
}

async function statistics(source: FakeStats = fakeStats(apisAt(Date.now()))) {
  const dashboard = statsDashboardWithTime(fastTime(10), source);
  const served = await mounted(dashboard);
  return { source, dashboard, url: served.board, streams: streamsOf(served) };
}

const polling = (page: Page) => page.locator('.feed-state[data-state=polling]').waitFor();

describe('the pages of one browser', () => {
  const browser = useBrowser();

  /** Opens these addresses as pages of one browser. */
  async function open(...urls: string[]): Promise<Page[]> {
    const { page: first } = await browser.visit('about:blank');
    const others = await Promise.all(urls.slice(1).map(() => first.context().newPage()));
    const pages = [first, ...others];
    for (const page of others) page.setDefaultTimeout(8000);
    await Promise.all(pages.map((page, i) => page.goto(urls[i] ?? '')));
    return pages;
  }

  it('follow by one stream, also more than a browser has connections, and each what it shows', async () => {
    const { url, source, streams } = await statistics();
    const queries = ['weather', 'payments', 'geocoder'].flatMap((api) =>
      ['all', 'daily', 'hourly'].map((period) => `?api=${api}&period=${period}`),
    );
    const pages = await open(...queries.map((query) => `${url}${query}`));
    await Promise.all(pages.map(live));
    await Promise.all(pages.map((page) => kpi(page, 'Calls').waitFor()));
    const before = await Promise.all(pages.map(total));
    await Promise.all(
      pages.map((page, i) => {
        const caption = ['per minute', 'per day', 'per hour'][i % 3] ?? '';
        return page.locator('#traffic .caption', { hasText: caption }).waitFor();
      }),
    );
    source.grow(123_456_789);
    await Promise.all(
      pages.map((page, i) =>
        kpi(page, 'Calls')
          .filter({ hasNotText: before[i] ?? '' })
          .waitFor(),
      ),
    );
    await until(() => streams.open === 1, 'one stream alone');
  });

  it('share what they follow: a further page of the same opens no stream', async () => {
    const { url, source, streams } = await statistics();
    const [first] = await open(`${url}?api=weather`);
    if (!first) throw new Error('no page');
    await live(first);
    const before = streams.all;
    const second = await first.context().newPage();
    await second.goto(`${url}?api=weather`);
    await live(second);
    await kpi(second, 'Calls').waitFor();
    const calls = await total(second);
    source.grow(50_000_000);
    await kpi(second, 'Calls').filter({ hasNotText: calls }).waitFor();
    expect(streams.all).to.equal(before);
  });

  it('end the stream with the last of them, and not before', async () => {
    const { url, source, streams } = await statistics();
    const [first, second] = await open(`${url}?api=weather`, `${url}?api=payments`);
    if (!first || !second) throw new Error('no pages');
    await Promise.all([first, second].map(live));
    await second.goto('about:blank');
    const before = await total(first);
    source.grow(50_000_000);
    await kpi(first, 'Calls').filter({ hasNotText: before }).waitFor();
    await first.goto('about:blank');
    await until(() => streams.open === 0, 'the stream to end');
  });

  it('poll if their selection does not exist, while the others follow', async () => {
    const { url, source } = await statistics();
    const [good, bad] = await open(`${url}?api=weather`, `${url}?api=nobody`);
    if (!good || !bad) throw new Error('no pages');
    await live(good);
    await bad.getByRole('alert').filter({ hasText: 'There are no figures of API "nobody"' }).waitFor();
    await polling(bad);
    const before = await total(good);
    source.grow(50_000_000);
    await kpi(good, 'Calls').filter({ hasNotText: before }).waitFor();
  });

  it('poll if the stream has no room for their selections', async () => {
    const long = (end: string) => `/${'x'.repeat(2500)}${end}`;
    const paths = ['a', 'b', 'c'].map(long);
    const { url, streams } = await statistics(fakeStats({ big: { paths, calls: 6000, failing: 0 } }));
    const pages = await open(...paths.map((path) => `${url}?api=big&path=${encodeURIComponent(path)}`));
    await Promise.all(pages.map((page) => kpi(page, 'Calls').waitFor()));
    const states = await Promise.all(
      pages.map((page) => page.locator('.feed-state').getAttribute('data-state')),
    );
    expect(states.sort()).to.deep.equal(['live', 'live', 'polling']);
    expect(streams.open).to.equal(1);
  });

  it('all poll when the stream ends for good', async () => {
    const { url, dashboard } = await statistics();
    const pages = await open(`${url}?api=weather`, `${url}?api=payments`);
    await Promise.all(pages.map(live));
    dashboard.close();
    await Promise.all(pages.map(polling));
    await Promise.all(pages.map((page) => kpi(page, 'Calls').waitFor()));
  });

  it('have streams of their own where the worker cannot be loaded', async () => {
    const dashboard = statsDashboardWithTime(fastTime(10), fakeStats(apisAt(Date.now())));
    onCleanup(() => dashboard.close());
    const served = await serveApp(
      express().use('/board', (req, res, next) => {
        if (req.url.endsWith('/stream-worker.js')) res.status(404).end();
        else dashboard(req, res, next);
      }),
    );
    const streams = streamsOf(served);
    const pages = await open(`${served.url}/board/?api=weather`, `${served.url}/board/?api=payments`);
    await Promise.all(pages.map(live));
    expect(streams.open).to.equal(2);
  });

  it('share it behind a password, and poll once it no longer lets them in', async () => {
    const expected = `Basic ${Buffer.from('ops:secret').toString('base64')}`;
    let isOpen = true;
    const dashboard = statsDashboardWithTime(fastTime(10), fakeStats(apisAt(Date.now())), {
      authorize: ({ headers }) => isOpen && headers.authorization === expected,
      challenge: 'Basic realm="figures"',
    });
    const served = await mounted(dashboard);
    const streams = streamsOf(served);
    const httpCredentials = { username: 'ops', password: 'secret' };
    const { page } = await browser.visit(`${served.board}?api=weather`, { httpCredentials });
    await live(page);
    expect(streams.open).to.equal(1);
    isOpen = false;
    served.server.closeAllConnections();
    await polling(page);
  });

  it('share the stream of circuits too', async () => {
    const registry = new CircuitRegistry();
    const guard = breaker({ name: 'payments', registry });
    const served = await mounted(breakerDashboardWithTime(fastTime(10), { circuits: registry }));
    const streams = streamsOf(served);
    const pages = await open(...Array.from({ length: 8 }, () => served.board));
    await Promise.all(pages.map((page) => page.locator('.state', { hasText: 'Closed' }).waitFor()));
    guard.forceOpen();
    await Promise.all(pages.map((page) => page.locator('.state', { hasText: 'Open' }).waitFor()));
    await until(() => streams.open === 1, 'one stream alone');
  });
});

describe('a stream that pages share', () => {
  it('names the events of each page, and reads once what several follow', async () => {
    const { url, source } = await statistics();
    const of = ['api=weather', 'api=nobody', 'api=weather&period=daily', 'period=never', 'api=weather'];
    const stream = await follow(
      `${url}events?${new URLSearchParams(of.map((query): [string, string] => ['of', query]))}`,
    );
    const view = (period: string) => JSON.stringify(['view', 'weather', undefined, period]);
    const paths = (period: string) => JSON.stringify(['paths', 'weather', period]);
    const all = ['overview', view('all'), paths('all')];
    expect(await stream.nth('selections', 1)).to.deep.equal([
      ...[all, null, ['overview', view('daily'), paths('daily')], null, all],
    ]);
    await stream.nth('view', 2);
    await stream.nth('paths', 2);
    expect(stream.events.filter(({ name }) => name === 'overview')).to.have.length(1);
    expect(new Set(stream.events.map(({ id }) => id))).to.deep.equal(
      new Set([undefined, ...all, view('daily'), paths('daily')]),
    );
    expect(source.reads.paths).to.be.at.most(4);
    stream.leave();
  });

  it('takes fifty pages, and refuses the others', async () => {
    const { url } = await statistics();
    const of = Array.from({ length: 52 }, (): [string, string] => ['of', 'api=weather']);
    const stream = await follow(`${url}events?${new URLSearchParams(of)}`);
    const selections = (await stream.nth('selections', 1)) as unknown[];
    expect(selections.map((ids) => ids !== null)).to.deep.equal([
      ...Array<boolean>(50).fill(true),
      ...[false, false],
    ]);
    stream.leave();
  });
});
