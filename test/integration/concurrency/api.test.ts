import type { Duplex } from 'node:stream';
import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import type { ApiOptions, ManyApisConfig } from '../../../lib/index.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { dial, dialOpen, startEcho } from '../../support/echo.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';
import { heldUpstream, opened, started, sums } from './testing.js';

async function start(options: ApiOptions, more: Partial<ManyApisConfig> = {}) {
  const proxy = resilientProxy({ ...more, apis: { x: options } } as ManyApisConfig);
  onCleanup(() => proxy.close());
  const { url, port } = await serve(proxy, { upgrade: proxy.upgrade });
  const limiter = () => {
    const { concurrency } = proxy.apis.get('x') ?? {};
    if (!concurrency) throw new Error('It is off');
    return concurrency;
  };
  return { proxy, url: `${url}/x`, port, limiter };
}

describe('concurrency in resilientProxy()', () => {
  it('is off unless it is configured', async () => {
    const { proxy } = await start({ target: 'http://127.0.0.1:9' });
    expect(proxy.apis.get('x')?.concurrency).to.equal(undefined);
  });

  for (const transport of TRANSPORTS)
    it(`bounds the requests in flight of an API, transport ${transport}`, async () => {
      const upstream = await heldUpstream();
      const concurrency = { limit: 2, queue: 1 };
      const { url, limiter } = await start({ target: upstream.url, transport, concurrency });
      const calls = [started(url), started(url)];
      await until(() => upstream.held.length === 2);
      calls.push(started(url));
      await until(() => sums(limiter()).waiting === 1);
      expect((await call(url)).json()).to.have.property('code', 'ERR_CONCURRENCY_LIMIT');
      for (let left = 3; left > 0; left--) {
        await until(() => upstream.held.length > 0);
        upstream.respond();
      }
      for (const { response } of calls) expect((await response).status).to.equal(200);
      expect([upstream.most, sums(limiter())]).to.deep.equal([2, { inFlight: 0, waiting: 0 }]);
    });

  it('counts nothing for what the cache serves', async () => {
    const upstream = await startUpstream(text('hello', { 'cache-control': 'max-age=60' }));
    const { url, limiter } = await start({
      target: upstream.url,
      cache: {},
      concurrency: { limit: 1, queue: 0 },
    });
    for (let i = 0; i < 3; i++) expect((await call(url)).status).to.equal(200);
    expect([upstream.requests.length, sums(limiter()).inFlight]).to.deep.equal([1, 0]);
  });

  it('takes a word for an adaptive limit, in defaults and for one API', async () => {
    const target = 'http://127.0.0.1:9';
    const { limiter } = await start({ target, concurrency: 'adaptive' });
    expect(limiter().status()).to.deep.equal([
      { of: '', limit: 20, adaptive: true, inFlight: 0, waiting: 0 },
    ]);
    const inherited = await start({ target }, { defaults: { concurrency: 'adaptive' } });
    expect(inherited.limiter().status()[0]).to.include({ limit: 20, adaptive: true });
    const merged = await start(
      { target, concurrency: { max: 10 } },
      { defaults: { concurrency: 'adaptive' } },
    );
    expect(merged.limiter().status()[0]).to.include({ limit: 10, adaptive: true });
    const off = await start({ target, concurrency: false }, { defaults: { concurrency: 'adaptive' } });
    expect(off.proxy.apis.get('x')?.concurrency).to.equal(undefined);
  });

  it('refuses other words', () => {
    const apis = {
      x: { target: 'http://127.0.0.1:9', concurrency: 'adaptiv' },
    } as unknown as ManyApisConfig['apis'];
    expect(() => resilientProxy({ apis })).to.throw(
      'apis.x.concurrency must be an object of options, \'adaptive\', true or false; received "adaptiv"',
    );
  });

  it('counts a WebSocket until it is open', async () => {
    const echo = await startEcho();
    const { port, limiter } = await start({ target: echo.url, concurrency: { limit: 1, queue: 0 } });
    await dialOpen(port, '/x/');
    await dialOpen(port, '/x/');
    expect(sums(limiter()).inFlight).to.equal(0);
  });

  it('counts a handshake to which nobody responds until its client leaves', async () => {
    const sockets: Duplex[] = [];
    const upstream = await serve(() => {}, { upgrade: (_req, socket) => void sockets.push(socket) });
    const { port, limiter } = await start({ target: upstream.url, concurrency: { limit: 1, queue: 0 } });
    const first = dial(port, '/x/');
    await until(() => sockets.length === 1);
    expect(sums(limiter()).inFlight).to.equal(1);
    const refused = dial(port, '/x/');
    const error = await new Promise<Error>((resolve) => refused.on('error', resolve));
    expect(error.message).to.include('503');
    first.terminate();
    await until(() => sums(limiter()).inFlight === 0);
  });

  it('has a limit for each egress proxy, and passes over one without a free place', async () => {
    const upstream = await heldUpstream();
    const proxies = await Promise.all([startForwardProxy(), startForwardProxy()]);
    const { url, limiter } = await start({
      target: upstream.url,
      concurrency: { limit: 1, per: 'proxy', queue: 1 },
      proxyRotate: { proxies: proxies.map((proxy) => proxy.url), strategy: 'sticky' },
    });
    started(url);
    await until(() => upstream.held.length === 1);
    started(url);
    await until(() => upstream.held.length === 2);
    expect(
      limiter()
        .status()
        .map(({ of, inFlight }) => [of, inFlight]),
    ).to.have.deep.members(proxies.map(({ name }) => [name, 1]));
    started(url);
    started(url);
    await until(() => sums(limiter()).waiting === 2);
    expect(
      limiter()
        .status()
        .map(({ waiting }) => waiting),
    ).to.deep.equal([1, 1]);
    expect((await call(url)).json()).to.have.property('code', 'ERR_CONCURRENCY_LIMIT');
  });

  it('has one limit for all credentials where the API knows but one user', async () => {
    const upstream = await heldUpstream();
    const { url, limiter } = await start({
      target: upstream.url,
      headers: { Authorization: 'Bearer ours' },
      concurrency: { limit: 1, queue: 0, per: 'credential' },
    });
    started(url, { headers: { 'x-api-key': 'one' } });
    await until(() => sums(limiter()).inFlight === 1);
    expect((await call(url, { headers: { 'x-api-key': 'two' } })).status).to.equal(503);
  });

  it('keeps its count where an update changes other options', async () => {
    const upstream = await heldUpstream();
    const options = { target: upstream.url, concurrency: { limit: 1, queue: 0 } };
    const { proxy, url } = await start(options);
    started(url);
    await until(() => upstream.held.length === 1);
    const changed = { ...options, retry: { maxAttempts: 2 } };
    expect(proxy.update({ apis: { x: changed } }).changed).to.deep.equal({ x: ['retry'] });
    expect((await call(url)).status).to.equal(503);
    const { changed: names } = proxy.update({ apis: { x: { ...changed, concurrency: { limit: 2 } } } });
    expect(names).to.deep.equal({ x: ['concurrency'] });
  });

  for (const transport of TRANSPORTS)
    it(`lets calls that wait go where an update raises the limit, transport ${transport}`, async () => {
      const upstream = await heldUpstream();
      const options = { target: upstream.url, transport };
      const { proxy, url, limiter } = await start({ ...options, concurrency: { limit: 1 } });
      const calls = [started(url), started(url), started(url)];
      await until(() => sums(limiter()).waiting === 2);
      proxy.update({ apis: { x: { ...options, concurrency: { limit: 3 } } } });
      await until(() => upstream.held.length === 3);
      expect(sums(limiter())).to.deep.equal({ inFlight: 3, waiting: 0 });
      for (let i = 0; i < 3; i++) upstream.respond();
      for (const { response } of calls) expect((await response).status).to.equal(200);
      await until(() => sums(limiter()).inFlight === 0);
    });

  it('counts what is in flight where updates lower the limit', async () => {
    const upstream = await heldUpstream();
    const options = { target: upstream.url, concurrency: { limit: 3 } };
    const { proxy, url, limiter } = await start(options);
    const calls = [1, 2, 3, 4].map((id) => started(`${url}/${id}`));
    await until(() => sums(limiter()).waiting === 1);
    for (const queue of [5, 1])
      proxy.update({ apis: { x: { ...options, concurrency: { limit: 1, queue } } } });
    const refused = await call(`${url}/5`);
    expect([refused.status, refused.text]).to.deep.equal([
      503,
      JSON.stringify({
        error:
          'Too many requests to "x" at once: 3 in flight (limit 1), 1 waiting; the queue is full. Please try again later',
        code: 'ERR_CONCURRENCY_LIMIT',
      }),
    ]);
    for (const left of [2, 1]) {
      upstream.respond();
      await until(() => sums(limiter()).inFlight === left);
      expect(upstream.held).not.to.include('/4');
    }
    upstream.respond();
    await until(() => upstream.held.includes('/4'));
    upstream.respond();
    for (const { response } of calls) expect((await response).status).to.equal(200);
    await until(() => sums(limiter()).inFlight === 0);
    expect(limiter().refused()).to.deep.equal({ queue: 1, wait: 0 });
  });

  it('goes over to an adaptive limit and back with what is in flight and waits', async () => {
    const upstream = await heldUpstream();
    const options = { target: upstream.url, concurrency: { limit: 1 } };
    const { proxy, url, limiter } = await start(options);
    const calls = [started(url), started(url)];
    await until(() => sums(limiter()).waiting === 1);
    proxy.update({ apis: { x: { ...options, concurrency: 'adaptive' } } });
    await until(() => upstream.held.length === 2);
    proxy.update({ apis: { x: { ...options, concurrency: { limit: 'adaptive', max: 4 } } } });
    expect(limiter().status()).to.deep.equal([{ of: '', limit: 4, adaptive: true, inFlight: 2, waiting: 0 }]);
    proxy.update({ apis: { x: { ...options, concurrency: { limit: 2, queue: 0 } } } });
    expect((await call(url)).status).to.equal(503);
    upstream.respond();
    upstream.respond();
    for (const { response } of calls) expect((await response).status).to.equal(200);
  });

  it('counts anew for another target, and as before where an update is refused', async () => {
    const [upstream, other] = [await heldUpstream(), await startUpstream(text('other'))];
    const options = { target: upstream.url, concurrency: { limit: 1, queue: 0 } };
    const { proxy, url, limiter } = await start(options);
    started(url);
    await until(() => upstream.held.length === 1);
    const refuse = () => {
      throw new Error('refused');
    };
    const wrong = { ...options, concurrency: { limit: 9 }, plugins: [refuse] };
    expect(() => proxy.update({ apis: { x: wrong } })).to.throw('refused');
    expect((await call(url)).status).to.equal(503);
    expect(limiter().status()).to.have.nested.property('[0].limit', 1);
    proxy.update({ apis: { x: { ...options, target: other.url } } });
    expect((await call(url)).text).to.equal('other');
    expect(sums(limiter())).to.deep.equal({ inFlight: 0, waiting: 0 });
  });
});

describe('concurrency in the gateway', () => {
  async function startGateway(block: string, target: string) {
    const lines: string[] = [];
    const file = `server: { port: 0 }\napis: { x: { target: "${target}", concurrency: ${block} } }`;
    const logger = gatewayLogger('info', { write: (line: string) => void lines.push(line) });
    const gateway = createGateway({ ...parseConfig(file, { env: { LIMIT: '1' } }), logger });
    onCleanup(() => gateway.close());
    return { url: await gateway.listen(), lines };
  }

  it('takes its options from the file, and shows status, metrics and a line in the log', async () => {
    const upstream = await heldUpstream();
    const { url, lines } = await startGateway(`{ limit: "\${LIMIT}", queue: 0 }`, upstream.url);
    started(`${url}/api/x/`);
    await until(() => upstream.held.length === 1);
    for (let i = 0; i < 2; i++) expect((await call(`${url}/api/x/`)).status).to.equal(503);
    const { concurrency } = Object((await call(`${url}/concurrency-status`)).json());
    expect(concurrency).to.deep.equal([
      {
        api: 'x',
        limits: [{ of: '', limit: 1, adaptive: false, inFlight: 1, waiting: 0 }],
        refused: { queue: 2, wait: 0 },
      },
    ]);
    const metrics = (await call(`${url}/metrics`)).text;
    for (const line of [
      'resilient_proxy_requests_in_flight{api="x"} 1',
      'resilient_proxy_requests_waiting{api="x"} 0',
      'resilient_proxy_concurrency_limit{api="x"} 1',
      'resilient_proxy_concurrency_refused_total{api="x",because="queue"} 2',
    ])
      expect(metrics).to.include(line);
    const told = lines.filter((line) => line.includes('too many requests'));
    expect(told).to.have.length(1);
    expect(told[0]).to.include('too many requests to \\"x\\" at once: 1 in flight, the queue is full');
  });

  it('takes the word for an adaptive limit', async () => {
    const { url } = await startGateway('adaptive', 'http://127.0.0.1:9');
    const { concurrency } = Object((await call(`${url}/concurrency-status`)).json());
    expect(concurrency[0].limits[0]).to.include({ adaptive: true, limit: 20 });
  });

  it('refuses other words, and a key', () => {
    const file = (block: string) => `apis: { x: { target: "http://127.0.0.1:9", concurrency: ${block} } }`;
    expect(() => parseConfig(file('fast'), { env: {} })).to.throw(
      "must be a block of options, 'adaptive', true or false",
    );
    expect(() => parseConfig(file('{ per: key }'), { env: {} })).to.throw('apis.x.concurrency.per');
    expect(() => parseConfig(file('{ limit: 5, max: 9 }'), { env: {} })).to.throw(
      "apis.x.concurrency.max must stand beside limit 'adaptive'",
    );
  });
});

describe('concurrency() in front of another handler', () => {
  it('counts calls until their responses have closed', async () => {
    const limiter = opened({ limit: 1, queue: 1 });
    const ends: (() => void)[] = [];
    const { url } = await serve((req, res, next) =>
      limiter(req, res, (error) => (error ? next(error) : ends.push(() => res.end('done')))),
    );
    const first = started(url);
    await until(() => ends.length === 1);
    const second = started(url);
    await until(() => sums(limiter).waiting === 1);
    expect((await call(url)).status).to.equal(503);
    ends[0]?.();
    expect((await first.response).status).to.equal(200);
    await until(() => ends.length === 2);
    second.leave();
    await until(() => sums(limiter).inFlight === 0);
  });
});
