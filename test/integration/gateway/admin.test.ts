import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startRedis } from '../../support/redis.js';
import { eventually } from '../../support/until.js';
import { json, startUpstream, status, text } from '../../support/upstream.js';

const TOKEN = 's3cret';
const authorization = `Bearer ${TOKEN}`;

interface Started {
  /** Lines of the file beside the API, as YAML. */
  file?: string;
  /** Lines of the API `x`, as YAML in one line. */
  api?: string;
  adminToken?: string | undefined;
}

async function startGateway(target: string, { file = '', api = '', adminToken = TOKEN }: Started = {}) {
  const lines = `server: { port: 0 }\n${file}\napis: { x: { target: "${target}", retry: false, ${api} } }`;
  const logger = gatewayLogger('silent', { write: () => {} });
  const gateway = createGateway({
    ...parseConfig(lines, { env: {} }),
    logger,
    tokens: { admin: adminToken },
    version: '1.2.3',
  });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  return { ...gateway, url };
}

const order = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  call(`${url}/cache/purge`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const get = (url: string) => call(url, { headers: { authorization } });

describe('POST /cache/purge', () => {
  const cached = 'cache: { ttlMs: 60000 }';

  it('removes responses from the cache of an API, by path and by tag', async () => {
    const upstream = await startUpstream(text('sunny', { 'Cache-Tag': 'rain' }));
    const { url } = await startGateway(upstream.url, { api: cached });
    const requests = async () => {
      await call(`${url}/api/x/cities/a`);
      await call(`${url}/api/x/other`);
      return upstream.requests.length;
    };
    expect(await requests()).to.equal(2);
    expect(await requests()).to.equal(2);
    expect((await order(url, { api: 'x', prefix: '/cities' })).json()).to.deep.equal({ api: 'x', purged: 1 });
    expect(await requests()).to.equal(3);
    expect((await order(url, { api: 'x', tag: 'rain' })).json()).to.deep.equal({ api: 'x', purged: 2 });
    expect(await requests()).to.equal(5);
    expect((await order(url, { api: 'x', prefix: '/' })).json()).to.deep.equal({ api: 'x', purged: 2 });
  });

  it('requires the token, and is refused if the gateway has none', async () => {
    const upstream = await startUpstream(json({}));
    const guarded = await startGateway(upstream.url, { api: cached });
    expect(
      (await order(guarded.url, { api: 'x', prefix: '/' }, { authorization: 'Bearer no' })).status,
    ).to.equal(401);
    const open = await startGateway(upstream.url, { api: cached, adminToken: '' });
    const response = await order(open.url, { api: 'x', prefix: '/' });
    expect([response.status, response.json()]).to.deep.equal([
      403,
      {
        error: 'Purging needs an ADMIN_TOKEN; start the gateway with one',
        code: 'ERR_FORBIDDEN',
        requestId: response.headers['x-request-id'],
      },
    ]);
  });

  it('says what is wrong with an order', async () => {
    const upstream = await startUpstream(json({}));
    const { url } = await startGateway(upstream.url, { api: 'cache: false' });
    const wrong = async (body: unknown, headers = {}) => {
      const response = await order(url, body, headers);
      return [response.status, (response.json() as { error: string }).error];
    };
    expect(await wrong({ api: 'x' })).to.deep.equal([
      400,
      'the configuration must name one of key, prefix and tag; received an object',
    ]);
    expect(await wrong({ api: 'x', prefix: 'a' })).to.deep.equal([
      400,
      'prefix must be a path below the API, as /users; / is all of it; received "a"',
    ]);
    expect(await wrong({ api: 'x', tags: ['a'] })).to.deep.equal([
      400,
      'tags is not an option (did you mean tag?)',
    ]);
    expect(await wrong({ api: 'y', prefix: '/' })).to.deep.equal([404, 'Unknown API: y']);
    expect(await wrong({ api: 'x', prefix: '/' })).to.deep.equal([404, 'The API x has no cache']);
    expect(await wrong('{')).to.deep.equal([400, 'The request is not well formed']);
    expect(await wrong(`"${'x'.repeat(20_000)}"`)).to.deep.equal([413, 'The request body is too large']);
    const foreign = [400, 'Send the order as application/json, from a program or this origin'];
    expect(await wrong('{}', { 'content-type': 'text/plain' })).to.deep.equal(foreign);
    expect(await wrong({ api: 'x', prefix: '/' }, { 'sec-fetch-site': 'same-site' })).to.deep.equal(foreign);
    // Over plain http to a name of the network, a browser says no more than this.
    expect(await wrong({ api: 'x', prefix: '/' }, { origin: 'http://localhost:1' })).to.deep.equal(foreign);
    expect(await wrong({ api: 'x', prefix: '/' }, { origin: url })).to.deep.equal([
      404,
      'The API x has no cache',
    ]);
  });
});

describe('the status routes of the gateway', () => {
  it('show circuits, egress proxies, limits and caches as JSON', async () => {
    const upstream = await startUpstream(status(503));
    const { url } = await startGateway(upstream.url, {
      api: 'breaker: { failureThreshold: 1 }, cache: {}, proxyRotate: { proxies: ["http://u:pass@127.0.0.1:9"], strategy: on_rate_limit }',
    });
    await call(`${url}/api/x/`);
    const circuits = (await get(`${url}/circuit-status`)).json() as { circuits: Record<string, unknown>[] };
    expect(circuits.circuits[0]).to.include({
      target: 'x',
      state: 'OPEN',
      failures: 1,
      last_failure: 'status 503',
    });
    const egress = await get(`${url}/egress-status`);
    expect(egress.text)
      .to.match(/127\.0\.0\.1:9/)
      .and.not.match(/pass/);
    const caches = (await get(`${url}/cache-status`)).json() as { caches: Record<string, unknown>[] };
    expect(caches.caches[0]).to.include({ api: 'x', entries: 0, misses: 1 });
  });

  it('show what happened, by API and for Prometheus', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const { url } = await startGateway(upstream.url);
    for (let i = 0; i < 3; i++) await call(`${url}/api/x/users/${i}`);
    await eventually(
      async () => /"total":3/.test((await get(`${url}/api-stats?api=x`)).text),
      'the calls to be counted',
    );
    const paths = (await get(`${url}/api-stats?api=x&paths=1`)).json();
    expect(paths).to.deep.include({ api: 'x', paths: ['/users/:id'] });
    expect((await get(`${url}/api-stats?api=y`)).status).to.equal(404);
    expect((await get(`${url}/api-stats?api=x&period=weekly`)).status).to.equal(400);
    const metrics = await get(`${url}/metrics`);
    expect(metrics.headers['content-type']).to.match(/^text\/plain; version=0\.0\.4/);
    expect(metrics.text).to.match(/^resilient_proxy_calls_total\{api="x",method="GET",code="200"\} 3$/m);
    for (const path of ['/metrics', '/api-stats', '/circuit-status', '/egress-status', '/cache-status'])
      expect((await call(url + path)).status, path).to.equal(401);
  });

  it('say that statistics are turned off', async () => {
    const upstream = await startUpstream(json({}));
    const { url } = await startGateway(upstream.url, { file: 'stats: false' });
    expect((await get(`${url}/api-stats`)).json()).to.include({
      error: 'The configuration turned stats off',
      code: 'ERR_NOT_FOUND',
    });
  });
});

describe('two gateways on one Redis', () => {
  it('share responses and purges', async () => {
    const redis = await startRedis();
    const upstream = await startUpstream(json({ ok: true }));
    const file = `redis: "redis://${redis.host}:${redis.port}"`;
    const start = () => startGateway(upstream.url, { file, api: 'cache: { ttlMs: 60000 }' });
    const [one, other] = [await start(), await start()];
    const served = (url: string) =>
      call(`${url}/api/x/a`).then(({ headers }) => String(headers['cache-status']));
    await eventually(async () => {
      await served(one.url);
      return (await redis.control.dbsize()) > 0 && /; hit/.test(await served(other.url));
    }, 'the other to find it');
    const before = upstream.requests.length;
    expect(await served(other.url)).to.match(/; hit/);
    expect(upstream.requests).to.have.length(before);
    await order(one.url, { api: 'x', prefix: '/' });
    await eventually(async () => /; fwd=/.test(await served(other.url)), 'the purge to be heard');
    expect(upstream.requests.length).to.equal(before + 1);
  });
});
