import { expect } from 'chai';
import { Gauge, Registry } from 'prom-client';
import { BucketCounts } from '../../../lib/metrics/bucket-counts.js';
import { type Family, registerFamily } from '../../../lib/metrics/family.js';
import { registerFolded } from '../../../lib/metrics/folded-histogram.js';
import { metrics } from '../../../lib/metrics/metrics.js';
import type { MetricsRegistry } from '../../../lib/metrics/metrics-options.js';
import { type HistogramFamily, renderPage, type Source } from '../../../lib/metrics/page.js';

describe('renderPage()', () => {
  for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE] as const)
    it(`is the text of prom-client, ${type}`, async () => {
      const isOpenMetrics = type === Registry.OPENMETRICS_CONTENT_TYPE;
      const registry = new Registry() as MetricsRegistry;
      Reflect.apply(registry.setContentType, registry, [type]);
      const sources = new Map<string, Source>();
      for (const family of FAMILIES) {
        sources.set(family.name, family);
        registerFamily(family, '', registry);
      }
      for (const histogram of HISTOGRAMS) {
        sources.set(histogram.name, histogram);
        registerFolded({ ...histogram, labels: ['api'], registry });
      }
      new Gauge({ name: 'foreign', help: 'Of the application', registers: [registry] }).set(3);
      const page = await renderPage(registry, (name) => sources.get(name), isOpenMetrics);
      expect(page).to.equal(await registry.metrics());
    });

  it('lets other work go on while a page of many lines is made', async () => {
    let turns = 0;
    const registry = new Registry();
    const family: Family = {
      ...{ type: 'gauge', name: 'many', help: 'Many', labels: ['n'] },
      *rows() {
        for (let n = 0; n < 50_000; n++) yield [{ n: `${n}` }, turns];
      },
    };
    registerFamily(family, '', registry);
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await renderPage(registry, () => family, false);
    clearImmediate(timer);
    expect(turns).to.be.above(2);
  });
});

describe('metrics().render()', () => {
  it('is the text of prom-client, with what an application adds', async () => {
    const handler = metrics({ name: 'x' });
    new Gauge({ name: 'own', help: 'Own', registers: [handler.registry as Registry] }).set(1);
    expect(await handler.render()).to.equal(await handler.registry.metrics());
    handler.close();
  });

  it('makes one page for scrapes side by side, and then another', async () => {
    const handler = metrics({ name: 'x' });
    let read = 0;
    const rows = () => [[{}, ++read] as const];
    handler.add([{ type: 'gauge', name: 'reads', help: 'Reads', labels: [], rows }]);
    const pages = await Promise.all([handler.render(), handler.render(), handler.render()]);
    expect(new Set(pages).size).to.equal(1);
    expect(read).to.equal(1);
    expect(await handler.render()).to.match(/reads 2$/m);
    handler.close();
  });
});

const TIMES = new BucketCounts([0.5, 10, 2500]);
for (const ms of [0.1, 3, 3, 70, 9000]) TIMES.observe(ms);

const FAMILIES: readonly Family[] = [
  { type: 'counter', name: 'calls_total', help: 'Calls', labels: ['api', 'code'], rows: rowsOf },
  { type: 'gauge', name: 'state', help: 'With \\ and\na line', labels: ['api', 'code'], rows: rowsOf },
  { type: 'counter', name: 'plain_total', help: 'Plain', labels: [], rows: () => [[{}, 4]] },
  { type: 'gauge', name: 'nothing', help: 'Nothing', labels: [], rows: () => [] },
  { type: 'counter', name: 'no_rows_total', help: 'None', labels: ['api'], rows: () => [] },
  {
    ...{ type: 'gauge', name: 'odd', help: 'Odd', labels: ['api'] },
    rows: () =>
      [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, 0.1 + 0.2, -0].map(
        (value, i) => [{ api: `${i}` }, value] as const,
      ),
  },
];

const HISTOGRAMS: readonly HistogramFamily[] = [
  {
    name: 'time_seconds',
    help: 'Times',
    read: () => [
      [{ api: 'a"b\\' }, TIMES],
      [{ api: 'none' }, new BucketCounts([1])],
    ],
  },
];

/** Two of them have the same labels. */
function rowsOf() {
  return [
    [{ api: 'a', code: '200' }, 2],
    [{ api: 'b "quoted"\n\\', code: '500' }, 1],
    [{ api: 'a', code: '200' }, 5],
  ] as const;
}
