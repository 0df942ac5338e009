import { expect } from 'chai';
import type { ApiOptions } from '../../../lib/apis/options.js';
import { parseConfig } from '../../../lib/config/load-config.js';
import type { NamedProxy, ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { blocksOf } from '../../support/pages.js';
import { startHaproxy, startSquid, startTinyproxy } from '../../support/real-proxies.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** The API of a recipe's first block, with a target and a gateway of ours. */
async function serveRecipe(page: string, target: string, gateway: string) {
  const [block] = await blocksOf(page);
  const { config } = parseConfig(block?.text ?? '', { env: { GATE_PASSWORD: 'secret' } });
  const api = config.apis.catalogue as ApiOptions;
  const rotate = api.proxyRotate as ProxyRotateOptions & { proxies: NamedProxy[] };
  const proxies = rotate.proxies.map((proxy) => ({
    ...proxy,
    url: proxy.url.replace('gate.example:7777', gateway),
  }));
  const proxy = resilientProxy({
    apis: {
      catalogue: {
        ...api,
        target,
        ca: credentials().ca,
        proxyRotate: { ...rotate, proxies },
      },
    },
  });
  onCleanup(() => proxy.close());
  const { url } = await serve(proxy);
  return { proxy, get: async () => (await call(`${url}/catalogue/x`)).text };
}

const ADDRESSES = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
const caller: UpstreamResponse = (req, res) => void res.end(req.socket.remoteAddress);

describe('recipes/rotating-gateway.md', () => {
  async function startGateway(): Promise<string> {
    const ports = await Promise.all(ADDRESSES.map(startTinyproxy));
    return `127.0.0.1:${await startHaproxy(ports)}`;
  }

  it('calls from another address each time', async () => {
    const target = await startUpstream(caller, { tls: credentials() });
    const { get } = await serveRecipe('recipes/rotating-gateway.md', target.url, await startGateway());
    const seen = [await get(), await get(), await get()];
    expect(seen.sort()).to.deep.equal(ADDRESSES);
  });

  it('goes on by another address after a 429, a 403 and a captcha with 200', async () => {
    let n = 0;
    const target = await startUpstream(
      (req, res) => {
        const at = n++ % 4;
        if (at === 0) res.writeHead(429, { 'retry-after': '60' }).end();
        else if (at === 1) res.writeHead(403).end();
        else if (at === 2) res.writeHead(200, { 'content-type': 'text/html' }).end('<p id="captcha">');
        else caller(req, res);
      },
      { tls: credentials() },
    );
    const { get, proxy } = await serveRecipe('recipes/rotating-gateway.md', target.url, await startGateway());
    for (let i = 0; i < 3; i++) expect(ADDRESSES).to.include(await get());
    expect(target.requests).to.have.length(12);
    expect(proxy.egress().proxies.map(({ state }) => state)).to.deep.equal(['ok']);
  });
});

describe('recipes/proxy-sessions.md', () => {
  it('uses twenty sessions in turn, and keeps their connections', async () => {
    const target = await startUpstream((_req, res) => void res.end('ok'), { tls: credentials() });
    const squid = await startSquid();
    const { get, proxy } = await serveRecipe(
      'recipes/proxy-sessions.md',
      target.url,
      `127.0.0.1:${squid.port}`,
    );
    for (let i = 0; i < 40; i++) expect(await get()).to.equal('ok');
    await proxy.close();
    await until(() => squid.users().length === 20, 'squid to log the tunnels');
    expect(new Set(squid.users()).size).to.equal(20);
    expect(squid.users()[0]).to.match(/^user-session-[0-9a-z]{12}$/);
  });

  it('replaces a session that the target bans', async () => {
    let n = 0;
    const target = await startUpstream(
      (_req, res) => {
        if (n++ === 0) res.writeHead(200, { 'content-type': 'text/html' }).end('<p id="captcha">');
        else res.end('ok');
      },
      { tls: credentials() },
    );
    const squid = await startSquid();
    const { get, proxy } = await serveRecipe(
      'recipes/proxy-sessions.md',
      target.url,
      `127.0.0.1:${squid.port}`,
    );
    for (let i = 0; i < 20; i++) expect(await get()).to.equal('ok');
    await proxy.close();
    await until(() => squid.users().length === 21, 'squid to log the tunnels');
    expect(new Set(squid.users()).size).to.equal(21);
  });
});
