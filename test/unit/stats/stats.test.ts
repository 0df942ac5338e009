import { expect } from 'chai';
import { apiStats } from '../../../lib/stats/api-stats.js';
import type { StatsView, TimeBucket } from '../../../lib/stats/stats-source.js';
import { recordedStats } from './recorded-stats.js';

const NOW = Date.UTC(2026, 0, 15, 12, 30);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function seen<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('There is nothing of the kind');
  return value;
}

const called = (view: StatsView): [number, number][] =>
  view.buckets.filter((bucket: TimeBucket) => bucket.total > 0).map(({ start, total }) => [start, total]);

describe('stats() over time', () => {
  it('shows the minutes of the last hour without gaps', async () => {
    const { source, advance, call } = recordedStats(NOW, { weather: [['/a', 200]] });
    advance(10 * MINUTE);
    call('weather', '/a', 200);
    call('weather', '/a', 500);
    const view = seen(await source.view({ api: 'weather', period: 'all' }));
    expect(view.buckets).to.have.length(60);
    expect(view.buckets.map(({ start }) => start)).to.deep.equal(
      Array.from({ length: 60 }, (_, i) => NOW + (i - 49) * MINUTE),
    );
    expect(called(view)).to.deep.equal([
      [NOW, 1],
      [NOW + 10 * MINUTE, 2],
    ]);
    expect(view.figures).to.include({ total: 3, failure: 1 });
  });

  it('drops a minute, an hour and a day when their time is over, and keeps the totals', async () => {
    const { source, advance, call } = recordedStats(NOW, { weather: [['/a', 200]] });
    const totals = async (): Promise<number[]> => {
      const views = (['all', 'hourly', 'daily'] as const).map((period) =>
        source.view({ api: 'weather', period }),
      );
      return (await Promise.all(views)).flatMap((view) => [
        seen(view).figures.total,
        called(seen(view)).length,
      ]);
    };
    expect(await totals()).to.deep.equal([1, 1, 1, 1, 1, 1]);
    advance(HOUR);
    call('weather', '/a', 200);
    expect(await totals()).to.deep.equal([2, 1, 2, 2, 2, 1]);
    advance(7 * DAY);
    expect(await totals()).to.deep.equal([2, 0, 0, 0, 2, 1]);
    advance(30 * DAY);
    expect(await totals()).to.deep.equal([2, 0, 0, 0, 0, 0]);
  });

  it('shows 24 hours and 7 days of a path, and no minutes', async () => {
    const { source, advance, call } = recordedStats(NOW, { weather: [['/a', 200]] });
    advance(DAY);
    call('weather', '/a', 200);
    const of = async (period: 'all' | 'daily' | 'hourly') =>
      seen(await source.view({ api: 'weather', path: '/a', period }));
    expect((await of('all')).buckets).to.deep.equal([]);
    expect((await of('all')).figures.total).to.equal(2);
    expect((await of('hourly')).buckets).to.have.length(24);
    expect(called(await of('hourly'))).to.deep.equal([[NOW + DAY - 30 * MINUTE, 1]]);
    expect((await of('daily')).buckets).to.have.length(7);
    expect((await of('daily')).figures.total).to.equal(2);
  });

  it('shows each path over all time, 24 hours and 7 days', async () => {
    const { source, advance, call } = recordedStats(NOW, {
      weather: [
        ['/a', 200],
        ['/b', 200],
      ],
    });
    const table = async () =>
      seen(await source.paths('weather')).map(({ path, all, last24Hours, last7Days }) => [
        ...[path, all.total, last24Hours.total, last7Days.total],
      ]);
    advance(HOUR);
    call('weather', '/a', 200);
    expect(await table()).to.deep.equal([
      ['/a', 2, 2, 2],
      ['/b', 1, 1, 1],
    ]);
    advance(DAY - HOUR);
    call('weather', '/a', 200);
    expect(await table()).to.deep.equal([
      ['/a', 3, 2, 3],
      ['/b', 1, 0, 1],
    ]);
    advance(8 * DAY);
    expect(await table()).to.deep.equal([
      ['/a', 3, 0, 0],
      ['/b', 1, 0, 0],
    ]);
  });

  it('tolerates a clock that is set back', async () => {
    const { source, advance, call } = recordedStats(NOW, { weather: [['/a', 200]] });
    advance(-2 * HOUR);
    call('weather', '/a', 200);
    advance(2 * HOUR + 5);
    call('weather', '/a', 200);
    const view = seen(await source.view({ api: 'weather', period: 'hourly' }));
    expect(called(view).map(([, total]) => total)).to.deep.equal([1, 2]);
    expect(view.figures.total).to.equal(3);
  });
});

describe('stats() since when', () => {
  it('tells the minute of the first call of all time, and of each path', async () => {
    const { source, advance, call } = recordedStats(NOW, { weather: [['/a', 200]] });
    advance(3 * DAY + 20_000);
    call('weather', '/b', 200);
    const since = async (path?: string) =>
      seen(await source.view({ api: 'weather', path, period: 'all' })).since;
    expect(await since()).to.equal(NOW);
    expect(await since('/a')).to.equal(NOW);
    expect(await since('/b')).to.equal(NOW + 3 * DAY);
  });

  it('tells the begin of the first bucket of the other periods', async () => {
    const { source } = recordedStats(NOW, { weather: [['/a', 200]] });
    for (const period of ['daily', 'hourly'] as const) {
      const { since, buckets } = seen(await source.view({ api: 'weather', period }));
      expect(since, period).to.equal(buckets[0]?.start);
    }
  });

  it('tells nothing before the first call, which is null in JSON', async () => {
    const { source } = recordedStats(NOW, {}, { apis: ['idle'] });
    expect(seen(await source.view({ api: 'idle', period: 'all' })).since).to.equal(undefined);
    expect((await apiStats(source, { api: 'idle' })).body).to.include({ since: null });
    const { source: called } = recordedStats(NOW, { weather: [['/a', 200]] });
    expect((await apiStats(called, { api: 'weather' })).body).to.include({ since: NOW / 1000 });
  });
});

describe('stats() under a clock that jumps', () => {
  for (const byMs of [400 * DAY, -400 * DAY]) {
    it(`shows all history again after a jump by ${byMs / DAY} days and back`, async () => {
      const { source, advance, setWall, call } = recordedStats(NOW, { weather: [['/a', 200]] });
      for (let hour = 0; hour < 5; hour++) {
        advance(HOUR);
        call('weather', '/a', 200);
      }
      const shown = async () => {
        const daily = seen(await source.view({ api: 'weather', period: 'daily' }));
        const hourly = seen(await source.view({ api: 'weather', path: '/a', period: 'hourly' }));
        return [
          called(daily),
          called(hourly),
          (await source.paths('weather'))?.map(({ last24Hours }) => last24Hours.total),
        ];
      };
      const before = await shown();
      setWall(byMs);
      call('weather', '/a', 200);
      await source.flush();
      advance(2 * MINUTE);
      await source.flush();
      await shown();
      setWall(-byMs);
      await source.flush();
      expect(await shown()).to.deep.equal(before);
      expect(seen(await source.view({ api: 'weather', period: 'all' })).figures.total).to.equal(7);
    });
  }
});

describe('stats() within bounds', () => {
  it('counts paths beyond maxPaths together', async () => {
    const calls = Array.from({ length: 100 }, (_, i): [string, number] => [`/name${'x'.repeat(i)}`, 200]);
    const { source } = recordedStats(NOW, { weather: calls }, { maxPaths: 5 });
    const paths = seen(await source.paths('weather'));
    expect(paths).to.have.length(6);
    expect(paths.at(-1)).to.include({ path: '(other)' });
    expect(paths.at(-1)?.all.total).to.equal(95);
  });

  it('counts APIs beyond maxApis together', async () => {
    const { source } = recordedStats(
      NOW,
      { a: [['/', 200]], b: [['/', 200]], c: [['/', 200]] },
      { maxApis: 2 },
    );
    expect(await source.apis()).to.deep.equal(['(other)', 'a', 'b']);
  });

  it('keeps the newest recentErrors', async () => {
    const calls = Array.from({ length: 50 }, (_, i): [string, number] => [`/?i=${i}`, 500]);
    const { source } = recordedStats(NOW, { weather: calls }, { recentErrors: 5 });
    const { recentErrors } = seen(await source.view({ api: 'weather', period: 'all', errors: 1000 }));
    expect(recentErrors.map(({ path }) => path).sort()).to.deep.equal(
      [45, 46, 47, 48, 49].map((i) => `/?i=${i}`),
    );
  });

  it('keeps no errors where recentErrors is 0, and counts them', async () => {
    const { source } = recordedStats(NOW, { weather: [['/', 500]] }, { recentErrors: 0 });
    const view = seen(await source.view({ api: 'weather', period: 'all' }));
    expect(view.recentErrors).to.deep.equal([]);
    expect(view.figures.failure).to.equal(1);
  });

  it('names paths by the path option, and by the template where that returns nothing or throws', async () => {
    const path = (req: { url?: string | undefined }): string | undefined => {
      if (req.url === '/throws') throw new Error('no');
      return req.url === '/named/1' ? 'the named one' : req.url === '/empty' ? '' : undefined;
    };
    const calls = ['/named/1', '/throws', '/empty', '/x/1'].map((url): [string, number] => [url, 200]);
    const { source } = recordedStats(NOW, { weather: calls }, { path });
    const names = seen(await source.paths('weather')).map((line) => line.path);
    expect(names).to.deep.equal(['the named one', '/throws', '/empty', '/x/:id']);
  });
});

describe('stats() without requests', () => {
  it('knows no API but those of the option apis', async () => {
    const { source } = recordedStats(NOW, {}, { apis: ['weather'] });
    expect(await source.apis()).to.deep.equal(['weather']);
    expect(await source.view({ api: 'bank', period: 'all' })).to.equal(undefined);
    expect(await source.paths('bank')).to.equal(undefined);
    expect(await source.paths('weather')).to.deep.equal([]);
    const view = seen(await source.view({ api: 'weather', period: 'daily' }));
    expect(view.figures).to.include({ total: 0 });
    expect(view.buckets).to.have.length(30);
  });

  it('knows no path that was not requested', async () => {
    const { source } = recordedStats(NOW, { weather: [['/a', 200]] });
    for (const path of ['/b', '', '__proto__'])
      expect(await source.view({ api: 'weather', path, period: 'all' }), path).to.equal(undefined);
  });
});
