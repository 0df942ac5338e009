import { expect } from 'chai';
import request from 'supertest';
import { type DashboardOptions, statsDashboard } from '../../dashboards/index.js';
import { statsDashboardWithTime } from '../../dashboards/stats-dashboard.js';
import { InvalidOptionError } from '../../lib/core/errors.js';
import { type FakeStats, fakeStats } from '../support/fake-stats.js';
import { toyTime } from '../support/toy-time.js';
import { until } from '../support/until.js';
import { follow } from './event-stream.js';
import { mounted } from './mounted.js';

const NOW = Date.UTC(2025, 2, 4, 12, 30);
const HOSTILE = '=cmd|calc,"x"\n<b>';

function sample(): FakeStats {
  const errors = [
    {
      time: NOW - 1000,
      status: 503,
      code: 'ERR_CIRCUIT_OPEN',
      message: 'Service temporarily unavailable',
      method: 'GET',
      path: '/v1/charges?token=***',
      requestId: 'r-1',
      durationMs: 0.4,
      attempts: 0,
    },
  ];
  const payments = { paths: ['/v1/charges', '/v1/:id', HOSTILE], calls: 600, failing: 0.05, errors };
  return fakeStats({ payments, weather: { paths: ['/now'], calls: 60, failing: 0 } }, () => NOW);
}

async function board(options?: DashboardOptions, source = sample()) {
  const time = toyTime();
  const { board: url } = await mounted(statsDashboardWithTime(time, source, options));
  return { source, url, time, get: (path: string) => request(url).get(path) };
}

describe('statsDashboard()', () => {
  it('responds with the figures, the paths and the state of all APIs', async () => {
    const { get } = await board();
    const { body, headers } = await get('data?api=payments').expect(200).expect('Content-Type', /json/);
    expect(headers['cache-control']).to.equal('no-store');
    expect(body).to.have.all.keys('overview', 'view', 'paths');
    expect(body.overview.apis.map(({ api }: { api: string }) => api)).to.deep.equal(['payments', 'weather']);
    expect(body.overview.apis[0].failure).to.be.above(0);
    expect(body.overview.apis[1].failure).to.equal(0);
    expect(body.view).to.include({ api: 'payments', period: 'all', time: NOW });
    expect(body.view.buckets).to.have.length(60);
    expect(body.view.recentErrors[0]).to.include({ status: 503, requestId: 'r-1' });
    expect(body.paths.path).to.deep.equal(['/v1/charges', '/v1/:id', HOSTILE]);
    expect(body.paths.total).to.have.length(3);
  });

  it('responds for the first API if none is named, and for a path and period', async () => {
    const { get } = await board();
    expect((await get('data').expect(200)).body.view.api).to.equal('payments');
    const { body } = await get('data?api=payments&path=/v1/:id&period=daily').expect(200);
    expect(body.view).to.include({ path: '/v1/:id', period: 'daily' });
    expect(body.view.buckets).to.have.length(7);
    expect(body.paths.period).to.equal('daily');
  });

  it('responds with an empty overview before the first call', async () => {
    const { get } = await board({}, fakeStats({}));
    expect((await get('data').expect(200)).body).to.deep.equal({ overview: { minutes: 10, apis: [] } });
  });

  for (const [what, query, status, code] of [
    ['an unknown API', 'api=nobody', 404, 'ERR_NOT_FOUND'],
    ['an unknown path', 'api=payments&path=/nowhere', 404, 'ERR_NOT_FOUND'],
    ['a name of Object', 'api=__proto__', 404, 'ERR_NOT_FOUND'],
    ['an unknown period', 'api=payments&period=weekly', 400, 'ERR_BAD_REQUEST'],
  ] as const) {
    it(`refuses ${what} by data, events and downloads alike`, async () => {
      const { get } = await board();
      for (const route of ['data', 'events', 'stats.json', 'buckets.csv']) {
        const { body } = await get(`${route}?${query}`).expect(status).expect('Content-Type', /json/);
        expect(body.code, route).to.equal(code);
      }
    });
  }

  it('passes an error of the source on to the application', async () => {
    const { get, source } = await board();
    source.fail(new Error('Redis is gone'));
    expect((await get('data').expect(500)).text).to.equal('Redis is gone');
  });

  it('reads once for all requests at the same time', async () => {
    const { get, source } = await board();
    await Promise.all(Array.from({ length: 20 }, () => get('data?api=weather').expect(200)));
    expect(source.reads.paths).to.equal(1);
    // One for the figures of weather, and one each for both APIs of the overview.
    expect(source.reads.view).to.equal(3);
  });

  it('downloads paths as CSV, with values that look like formulas or columns escaped', async () => {
    const { get } = await board();
    const { text, headers } = await get('paths.csv?api=payments&period=hourly').expect(200);
    expect(headers['content-type']).to.match(/^text\/csv/);
    expect(headers['content-disposition']).to.equal('attachment; filename="payments-paths-hourly.csv"');
    expect(text.split('\r\n')[0]).to.match(/^path,calls,success,failure,aborted,min_ms,p50_ms/);
    expect(text.split('\r\n')[1]).to.match(/^\/v1\/charges,\d+,/);
    expect(text).to.include(`"'=cmd|calc,""x""\n<b>",`);
  });

  it('downloads buckets as CSV and everything as JSON', async () => {
    const { get } = await board();
    const { text } = await get('buckets.csv?api=payments&period=daily').expect(200);
    expect(text.trim().split('\r\n')).to.have.length(31);
    expect(text.split('\r\n')[30]).to.match(/^2025-03-04T00:00:00\.000Z,/);
    const { body, headers } = await get('stats.json?api=payments').expect(200);
    expect(headers['content-disposition']).to.include('payments-stats-all.json');
    expect(body).to.include({ api: 'payments' });
    expect(body.paths).to.have.length(3);
  });

  describe('live', () => {
    it('sends everything at once, and again after a change', async () => {
      const { url, source, time } = await board();
      const stream = await follow(`${url}events?api=payments`);
      expect(stream.headers).to.include({ 'content-type': 'text/event-stream; charset=utf-8' });
      expect(stream.headers['cache-control']).to.equal('no-store, no-transform');
      const before = (await stream.nth('view', 1)) as { figures: { total: number } };
      await stream.nth('overview', 1);
      await stream.nth('paths', 1);
      source.grow(7);
      time.advance(1000);
      const after = (await stream.nth('view', 2)) as { figures: { total: number } };
      expect(after.figures.total - before.figures.total).to.equal(7);
    });

    it('reads once for ten pages that show the same, however often the source reports', async () => {
      const { url, source, time } = await board();
      const streams = await Promise.all(Array.from({ length: 10 }, () => follow(`${url}events?api=weather`)));
      await Promise.all(streams.map((stream) => stream.nth('view', 1)));
      const { paths, view } = source.reads;
      for (let i = 0; i < 50; i++) source.grow(1);
      time.advance(1000);
      await Promise.all(streams.map((stream) => stream.nth('view', 2)));
      expect(source.reads.view - view).to.equal(1);
      expect(source.reads.paths - paths).to.equal(0);
      expect(source.listeners).to.equal(1);
    });

    it('listens to the source only while a page follows', async () => {
      const { url, source } = await board();
      const stream = await follow(`${url}events`);
      await stream.nth('view', 1);
      expect(source.listeners).to.equal(1);
      stream.leave();
      await until(() => source.listeners === 0, 'the last listener to go');
    });

    it('reports an API that is called for the first time', async () => {
      const { url, source, time } = await board({}, fakeStats({}));
      const stream = await follow(`${url}events`);
      await stream.nth('overview', 1);
      source.add('late', { paths: [], calls: 1, failing: 0 });
      time.advance(1000);
      const overview = (await stream.nth('overview', 2)) as { apis: unknown[] };
      expect(overview.apis).to.have.length(1);
    });

    it('reports a failing source once, and continues when it works again', async () => {
      const { url, source, time } = await board();
      const stream = await follow(`${url}events?api=weather`);
      await stream.nth('view', 1);
      source.fail(new Error('redis://:secret@host is gone'));
      source.grow(1);
      time.advance(1000);
      const problem = await stream.nth('problem', 1);
      expect(problem).to.deep.equal({
        error: 'The figures cannot be read at the moment',
        code: 'ERR_INTERNAL',
      });
      source.fail(undefined);
      time.advance(1000);
      await stream.nth('view', 2);
    });

    it('refuses a stream beyond maxClients with 503, and takes one again when a page has left', async () => {
      const { url, get, source } = await board({ maxClients: 1 });
      const stream = await follow(`${url}events`);
      const { headers, body } = await get('events').expect(503);
      expect(headers['retry-after']).to.equal('30');
      expect(body.code).to.equal('ERR_QUEUE_FULL');
      stream.leave();
      await until(() => source.listeners === 0);
      expect((await follow(`${url}events`)).status).to.equal(200);
    });

    it('ends every stream when it is closed, and takes none any more', async () => {
      const dashboard = statsDashboard(sample());
      const { board: url } = await mounted(dashboard);
      const stream = await follow(`${url}events`);
      dashboard.close();
      await until(() => stream.ended);
      await request(url).get('events').expect(503);
      await request(url).get('data').expect(200);
    });
  });

  describe('options', () => {
    const refused = (options: unknown) => () => statsDashboard(sample(), options as DashboardOptions);

    it('shows title and links in the page, as text', async () => {
      const links = [{ label: 'Circuits & <b>', href: '../cb/?a=1&b="2"' }];
      const { get } = await board({ title: '<script>alert(1)</script>', links });
      const { text } = await get('').expect(200);
      expect(text).to.include('<h1>&#60;script&#62;alert(1)&#60;/script&#62;</h1>');
      expect(text).to.include('<a href="../cb/?a=1&#38;b=&#34;2&#34;">Circuits &#38; &#60;b&#62;</a>');
      expect((await (await board()).get('')).text).to.include('<title>Statistics</title>');
    });

    it('refuses a misspelt name with the nearest one', () => {
      expect(refused({ tilte: 'x' })).to.throw(
        InvalidOptionError,
        /statsDashboard\.tilte.*did you mean title/,
      );
    });

    it('refuses a link that would run as a script', () => {
      const links = [{ label: 'x', href: 'javascript:alert(1)' }];
      expect(refused({ links })).to.throw(
        InvalidOptionError,
        /statsDashboard\.links\[0\]\.href must be relative/,
      );
    });

    for (const [name, value] of [
      ['title', ''],
      ['authorize', 'yes'],
      ['challenge', 'Basic\r\nX: y'],
      ['maxClients', 0],
    ] as const) {
      it(`refuses ${name}: ${JSON.stringify(value)}`, () => {
        expect(refused({ [name]: value })).to.throw(InvalidOptionError, `statsDashboard.${name}`);
      });
    }
  });
});
