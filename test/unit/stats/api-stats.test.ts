import { expect } from 'chai';
import { apiStats } from '../../../lib/stats/api-stats.js';
import type { StatsSource } from '../../../lib/stats/stats-source.js';
import { recordedStats } from './recorded-stats.js';

const NOW = Date.UTC(2026, 0, 15, 12, 30);

const responseOf = async (source: StatsSource, query: Record<string, unknown>) => {
  const { status, body } = await apiStats(source, query);
  // As it goes over the wire.
  return { status, body: JSON.parse(JSON.stringify(body)) };
};

describe('apiStats()', () => {
  it('lists the APIs', async () => {
    const { source } = recordedStats(NOW, { weather: [['/a', 200]], bank: [['/a', 200]] });
    const { status, body } = await responseOf(source, {});
    expect(status).to.equal(200);
    expect(body).to.have.keys('timestamp', 'apis');
    expect(body.apis).to.deep.equal(['bank', 'weather']);
  });

  it('lists the paths of an API', async () => {
    const { source } = recordedStats(NOW, {
      weather: [
        ['/b/1', 200],
        ['/a', 200],
      ],
    });
    const { body } = await responseOf(source, { api: 'weather', paths: '1' });
    expect(body).to.have.keys('timestamp', 'api', 'paths');
    expect(body.paths).to.deep.equal(['/a', '/b/:id']);
  });

  it('has the OpenResty members of an API, times in seconds', async () => {
    const { source } = recordedStats(NOW, {
      weather: [
        ['/a', 200],
        ['/a', 404],
        ['/b?token=x', 503],
      ],
    });
    const { body } = await responseOf(source, { api: 'weather' });
    expect(body).to.include({ timestamp: NOW / 1000, api: 'weather', period: 'all' });
    const { stats } = body;
    expect(stats).to.deep.include({
      ...{ total: 3, success: 2, failure: 1, aborted: 0 },
      status_codes: { '200': 1, '404': 1, '503': 1 },
    });
    expect(stats.response_time).to.have.keys('count', 'min', 'p50', 'p90', 'p95', 'p99', 'max');
    expect(stats.response_time.count).to.equal(3);
    expect(stats.response_time.max).to.be.above(0).and.below(5);
    expect(stats.recent_errors).to.have.length(1);
    expect(stats.recent_errors[0]).to.include({
      time: NOW / 1000,
      status: 503,
      path: '/b?token=***',
      method: 'GET',
    });
    expect(body).not.to.have.property('buckets');
  });

  it('counts attempts by the egress proxy they went through, in every part', async () => {
    const { source, call } = recordedStats(NOW);
    call('weather', '/a', 200, ['de-1', undefined]);
    call('weather', '/a', 200, ['de-1']);
    const { body } = await responseOf(source, { api: 'weather', period: 'daily' });
    const figures = { attempts: 3, retried: 1, proxies: { 'de-1': 2, direct: 1 } };
    expect(body.stats).to.deep.include(figures);
    expect(body.buckets.at(-1)).to.deep.include(figures);
    expect(body.buckets[0].proxies).to.deep.equal({});
  });

  it('has these figures and no others', async () => {
    const { source } = recordedStats(NOW, { weather: [['/a', 200]] });
    const { body } = await responseOf(source, { api: 'weather' });
    expect(body.stats).to.have.all.keys(
      ...['total', 'success', 'failure', 'failed_by', 'aborted', 'status_codes', 'response_time'],
      ...['outcomes', 'attempt_results', 'background', 'upstream_time', 'stream_time'],
      ...['websocket_time', 'websocket_bytes_in', 'websocket_bytes_out'],
      ...['time_to_first_byte', 'bytes_in', 'bytes_out', 'cache', 'attempts', 'retried', 'proxies', 'errors'],
      'recent_errors',
    );
  });

  it('has the figures of one path', async () => {
    const { source } = recordedStats(NOW, {
      weather: [
        ['/a/1', 200],
        ['/a/2', 500],
        ['/b', 500],
      ],
    });
    const { body } = await responseOf(source, { api: 'weather', path: '/a/:id' });
    expect(body.path).to.equal('/a/:id');
    expect(body.stats).to.include({ total: 2, failure: 1 });
    expect(body.stats.recent_errors).to.have.length(1);
  });

  it('has the figures of each day and each hour', async () => {
    const { source, advance } = recordedStats(NOW, { weather: [['/a', 200]] });
    advance(3_600_000);
    for (const [period, length, count] of [
      ['daily', 86_400, 30],
      ['hourly', 3600, 168],
    ] as const) {
      const { body } = await responseOf(source, { api: 'weather', period });
      expect(body.buckets).to.have.length(count);
      expect(body.buckets.every((bucket: { length: number }) => bucket.length === length)).to.equal(true);
      const called = body.buckets.filter((bucket: { total: number }) => bucket.total > 0);
      expect(called).to.have.length(1);
      expect(called[0]).to.deep.include({ total: 1, status_codes: { '200': 1 } });
      expect(called[0].start).to.equal(Math.floor(NOW / 1000 / length) * length);
      expect(body.stats.total).to.equal(1);
    }
  });

  it('accepts a query as URLSearchParams, too', async () => {
    const { source } = recordedStats(NOW, { weather: [['/a', 200]] });
    const { status, body } = await apiStats(source, new URLSearchParams('api=weather&period=daily'));
    expect(status).to.equal(200);
    expect(body).to.include({ period: 'daily' });
  });

  it('lists as many errors as requested', async () => {
    const calls = Array.from({ length: 20 }, (_, i): [string, number] => [`/a/${i}`, 500]);
    const { source } = recordedStats(NOW, { weather: calls });
    const listed = async (errors?: string) =>
      (await responseOf(source, { api: 'weather', errors })).body.stats.recent_errors.length;
    expect([await listed(), await listed('0'), await listed('15')]).to.deep.equal([10, 0, 15]);
  });

  const refused: [Record<string, unknown>, number, string][] = [
    [{ api: 'nobody' }, 404, 'ERR_UNKNOWN_API'],
    [{ api: 'nobody', paths: '1' }, 404, 'ERR_UNKNOWN_API'],
    [{ api: 'nobody', path: '/a' }, 404, 'ERR_UNKNOWN_API'],
    [{ api: '__proto__' }, 404, 'ERR_UNKNOWN_API'],
    [{ api: 'weather', path: '/nowhere' }, 404, 'ERR_UNKNOWN_PATH'],
    [{ api: 'weather', period: 'weekly' }, 400, 'ERR_BAD_REQUEST'],
    [{ period: 'constructor' }, 400, 'ERR_BAD_REQUEST'],
    [{ api: 'weather', errors: '-1' }, 400, 'ERR_BAD_REQUEST'],
    [{ api: 'weather', errors: '1001' }, 400, 'ERR_BAD_REQUEST'],
  ];
  for (const [query, status, code] of refused) {
    it(`responds to ${JSON.stringify(query)} with ${status}`, async () => {
      const { source } = recordedStats(NOW, { weather: [['/a', 200]] });
      const response = await responseOf(source, query);
      expect(response.status).to.equal(status);
      expect(response.body).to.have.keys('error', 'code');
      expect(response.body.code).to.equal(code);
    });
  }

  it('tolerates objects and lists in a query', async () => {
    const { source } = recordedStats(NOW, { weather: [['/a', 200]] });
    expect((await apiStats(source, { api: ['weather', 'x'] })).status).to.equal(200);
    expect((await apiStats(source, { api: { $ne: '' } })).status).to.equal(200);
  });
});
