import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { optionsOf } from '../../../lib/apis/blocks.js';
import type { ManyApisConfig } from '../../../lib/apis/options.js';
import { parseConfig } from '../../../lib/config/load-config.js';
import { readProxyLine } from '../../../lib/proxy-rotate/proxy-line.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { blocksOf } from '../../support/pages.js';
import { setProxyVariables } from '../../support/proxy-variables.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

const PAGE = 'recipes/proxy-lists.md';

/** The API of one of the page's configurations. */
async function apiOf(containing: string) {
  const block = (await blocksOf(PAGE)).find(
    (one) => one.language === 'yaml' && one.text.includes(containing),
  );
  const api = parseConfig(block?.text ?? '', { env: {} }).config.apis.catalogue;
  if (!api?.proxyRotate) throw new Error(`${PAGE} has no such API`);
  return { ...api, proxyRotate: optionsOf(api.proxyRotate) };
}

async function startProxy(api: ManyApisConfig['apis'][string]) {
  const proxy = resilientProxy({ apis: { catalogue: api }, stats: false });
  onCleanup(() => proxy.close());
  const { url } = await serve(proxy);
  return { proxy, get: () => call(`${url}/catalogue/`) };
}

describe('recipes/proxy-lists.md', () => {
  it('shows lines that can be read', async () => {
    const list = (await blocksOf(PAGE)).find(({ language }) => language === 'text')?.text ?? '';
    const lines = list.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).to.have.length(4);
    const secret = `Basic ${btoa('user:pass@word')}`;
    const read = lines.map((line) => {
      const proxy = readProxyLine(line);
      if (typeof proxy === 'string') throw new Error(`${line} ${proxy}`);
      return [
        proxy.name,
        proxy.weight,
        proxy.tags.join(),
        proxy.costPerGb,
        proxy.address.authorization === secret,
      ];
    });
    expect(read).to.deep.equal([
      ['de-1.proxy.example:3128', 1, 'de', undefined, true],
      ['de-2.proxy.example:3128', 3, 'de,mobile', undefined, true],
      ['berlin', 1, 'de', 2, false],
      ['us-1.proxy.example:3128', 1, 'us', undefined, true],
    ]);
  });

  it('sends calls through the proxies of the list that have the tag, and follows the list', async () => {
    const upstream = await startUpstream(text('in stock'));
    const [de, us, next] = await Promise.all([
      startForwardProxy({ credentials: 'user:pass@word' }),
      startForwardProxy(),
      startForwardProxy(),
    ]);
    const folder = await mkdtemp(join(tmpdir(), 'proxies-'));
    onCleanup(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'proxies.txt');
    await writeFile(file, `127.0.0.1:${de.port}:user:pass@word tags=de\n${us.url} tags=us\n`);
    const api = await apiOf('file: proxies.txt');
    const { healthCheck } = api.proxyRotate;
    const { proxy, get } = await startProxy({
      ...api,
      target: upstream.url,
      proxyRotate: {
        ...api.proxyRotate,
        proxies: { file },
        ...(healthCheck ? { healthCheck: { ...healthCheck, url: `${upstream.url}/robots.txt` } } : {}),
      },
    });
    for (let i = 0; i < 3; i++) expect((await get()).text).to.equal('in stock');
    const { proxies, lists } = proxy.egress();
    expect(proxies.map(({ name }) => name)).to.deep.equal([de.name]);
    expect(proxies[0]).to.include({ attempts: 3, successes: 3 });
    expect(proxies[0]?.cost).to.be.above(0);
    expect(lists?.[0]).to.include({ source: file, proxies: 1, wrongLines: 0, failure: undefined });
    await writeFile(file, `${next.url} tags=de\n`);
    await until(() => proxy.egress().proxies[0]?.name === next.name);
    expect((await get()).text).to.equal('in stock');
    expect(us.connects).to.deep.equal([]);
  });

  it('sends calls through the proxy of the environment', async () => {
    const upstream = await startUpstream(text('in stock'));
    const forward = await startForwardProxy();
    setProxyVariables({ HTTP_PROXY: forward.url, NO_PROXY: 'internal.example,10.0.0.0/8' });
    const { get } = await startProxy({ ...(await apiOf('env: true')), target: upstream.url });
    expect((await get()).text).to.equal('in stock');
    expect(forward.connects).to.have.length(1);
  });
});
