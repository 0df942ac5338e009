import { expect } from 'chai';
import { ERROR_CODES } from '../../../lib/core/errors.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { unusedPort } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { startUpstream, status } from '../../support/upstream.js';
import { type MetricsPage, readPage } from '../../unit/metrics/metrics-page.js';

const P = 'resilient_proxy_';

async function openProxy(targets: Readonly<Record<string, string>>) {
  const configOf = (all: Readonly<Record<string, string>>) => ({
    metrics: { eventLoop: true },
    apis: Object.fromEntries(
      Object.entries(all).map(([api, target]) => [api, { target, retry: false as const }]),
    ),
  });
  const proxy = resilientProxy(configOf(targets));
  onCleanup(() => proxy.close());
  const page = async (): Promise<MetricsPage> => readPage((await proxy.metrics?.render()) ?? '');
  const { url } = await serve(proxy);
  return { proxy, url, page, update: (all: Readonly<Record<string, string>>) => proxy.update(configOf(all)) };
}

describe('metrics of a configured API before its first call', () => {
  it('has a series at 0 for every error, and for the usual statuses and outcomes', async () => {
    const { page } = await openProxy({ a: 'http://127.0.0.1:9', b: 'http://127.0.0.1:9' });
    const before = await page();
    for (const api of ['a', 'b']) {
      for (const code of ERROR_CODES.filter((code) => code !== 'ERR_UNKNOWN_API'))
        expect(before.value(`${P}errors_total`, { api, code }), code).to.equal(0);
      for (const method of ['GET', 'POST'])
        for (const code of ['200', '404', '429', '500', '502', '503', '504', 'aborted'])
          expect(before.value(`${P}calls_total`, { api, method, code }), code).to.equal(0);
      for (const outcome of ['200', '503', 'ERR_UPSTREAM_CONNECT', 'ERR_UPSTREAM_TIMEOUT', 'abandoned'])
        expect(before.value(`${P}attempts_total`, { api, proxy: 'direct', outcome }), outcome).to.equal(0);
      for (const by of ['target', 'egress', 'client', 'self'])
        expect(before.value(`${P}attempts_failed_total`, { api, by })).to.equal(0);
      for (const verdict of ['hit', 'miss', 'stale'])
        expect(before.value(`${P}cache_total`, { api, verdict })).to.equal(0);
      expect(before.value(`${P}responses_cut_total`, { api })).to.equal(0);
      for (const direction of ['in', 'out'])
        expect(before.value(`${P}websocket_bytes_total`, { api, direction })).to.equal(0);
      expect(before.value(`${P}websockets_cut_total`, { api })).to.equal(0);
      expect(before.value(`${P}websockets_open`, { api })).to.equal(0);
      for (const status_class of ['2xx', '5xx'])
        expect(
          before.value(`${P}call_duration_seconds_count`, { api, verdict: 'none', status_class }),
        ).to.equal(0);
    }
    expect(before.sum(`${P}calls_total`)).to.equal(0);
  });

  it('counts the first failure as an increase of what was there', async () => {
    const upstream = await startUpstream(status(503));
    const { url, page } = await openProxy({
      up: upstream.url,
      down: `http://127.0.0.1:${await unusedPort()}`,
    });
    const before = await page();
    await call(`${url}/up/x`);
    await call(`${url}/down/x`);
    const after = await page();
    const grown = after.lines
      .filter(
        ({ name, labels, value }) => /_total$/.test(name) && before.value(name, { ...labels }) !== value,
      )
      .map(({ name, labels }) => [name, before.value(name, { ...labels }), labels.api]);
    expect(grown.filter(([, was]) => was === undefined)).to.deep.equal([]);
    expect(grown.map(([name]) => name)).to.include.members([
      `${P}calls_total`,
      `${P}attempts_total`,
      `${P}errors_total`,
    ]);
  });

  it('begins with the update that adds the API, and stays with one that removes it', async () => {
    const { page, update } = await openProxy({ a: 'http://127.0.0.1:9' });
    update({ a: 'http://127.0.0.1:9', late: 'http://127.0.0.1:9' });
    const errorsOf = async (api: string) =>
      (await page()).value(`${P}errors_total`, { api, code: 'ERR_UPSTREAM_CONNECT' });
    expect(await errorsOf('late')).to.equal(0);
    update({ late: 'http://127.0.0.1:9' });
    expect(await errorsOf('a')).to.equal(0);
  });

  it('has about two hundred series for each API, and a page that no scrape changes', async () => {
    const { page, proxy } = await openProxy({ a: 'http://127.0.0.1:9' });
    const ofApi = (await page()).lines.filter(({ labels }) => labels.api === 'a');
    expect(ofApi.length).to.be.within(120, 220);
    const [first, second] = [await proxy.metrics?.render(), await proxy.metrics?.render()];
    const stable = (text = '') => text.replace(/^\S*event_loop_lag_seconds.*$/gm, '');
    expect(stable(second)).to.equal(stable(first));
  });
});
