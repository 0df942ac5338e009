import { createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { WebSocket } from 'ws';
import { breaker } from '../../../lib/breaker/breaker.js';
import { cache } from '../../../lib/cache/cache.js';
import { redisStore } from '../../../lib/cache/store/redis/store.js';
import { twoLevelStore } from '../../../lib/cache/store/two-level-store.js';
import { parseConfig } from '../../../lib/config/load-config.js';
import type { Handler } from '../../../lib/core/exchange.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { MemoryStore } from '../../../lib/index.js';
import { metrics } from '../../../lib/metrics/metrics.js';
import { proxyRotate } from '../../../lib/proxy-rotate/proxy-rotate.js';
import { rateLimit } from '../../../lib/rate-limit/rate-limit.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { stats } from '../../../lib/stats/stats.js';
import { forward } from '../../../lib/upstream/forward.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { listening } from '../../support/listening.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { serve } from '../../support/serve.js';
import { eventOf, eventually, until, within } from '../../support/until.js';
import { startUpstream, status, text } from '../../support/upstream.js';

interface Closable {
  close(): unknown;
}

const LONG = 60_000;
const SHUT = { error: 'The proxy is shutting down', code: 'ERR_SHUTTING_DOWN' };

/** Connections to a Redis but that of the test itself. */
async function connectionsOf(redis: RedisServer): Promise<number> {
  return ((await redis.control.client('LIST')) as string).trim().split('\n').length - 1;
}

/** A server that takes connections and says nothing. */
async function silent(): Promise<{ port: number; open: () => number }> {
  const server: Server = createServer((socket) => void socket.resume());
  const { port, connections } = await listening(server as Parameters<typeof listening>[0]);
  return { port, open: () => connections.open };
}

const quietLogger = () => gatewayLogger('silent', { write: () => {} });

function gatewayOf(target: string, server = '') {
  const loaded = parseConfig(`server: { port: 0, ${server} }\napis: { x: { target: "${target}" } }`, {
    env: {},
  });
  return createGateway({ ...loaded, logger: quietLogger() });
}

describe('close()', () => {
  const redis = { host: '127.0.0.1', port: 1 };
  const closables: [name: string, make: () => Closable][] = [
    [
      'resilientProxy()',
      () => resilientProxy({ name: 'x', target: 'http://127.0.0.1:9', rateLimit: {}, cache: {} }),
    ],
    ['forward()', () => forward({ target: 'http://127.0.0.1:9' })],
    ['rateLimit()', () => rateLimit({ redis })],
    ['cache()', () => cache()],
    ['stats()', () => stats()],
    ['stats() in Redis', () => stats({ redis })],
    ['redisStore()', () => redisStore({ redis })],
    ['twoLevelStore()', () => twoLevelStore({ memory: new MemoryStore(), shared: redisStore({ redis }) })],
    ['createGateway()', () => gatewayOf('http://127.0.0.1:9')],
  ];
  for (const [name, make] of closables) {
    it(`gives the same promise when it is called again: ${name}`, async () => {
      const made = make();
      const first = made.close();
      expect(first).to.be.instanceOf(Promise);
      expect(made.close()).to.equal(first);
      await first;
      expect(made.close()).to.equal(first);
    });
  }

  const refusing: [name: string, make: (target: string) => { handler: Handler; close(): unknown }][] = [
    ['breaker()', () => made(breaker())],
    ['cache()', () => made(cache())],
    ['rateLimit()', () => made(rateLimit({ limit: 10 }))],
    ['forward()', (target) => made(forward({ target }))],
    [
      'proxyRotate()',
      (target) => {
        const rotate = proxyRotate({ proxies: ['http://127.0.0.1:1'] });
        return { handler: pipeline([rotate, forward({ target })]), close: () => rotate.close() };
      },
    ],
    ['resilientProxy()', (target) => made(resilientProxy({ name: 'x', target }))],
  ];
  for (const [name, make] of refusing) {
    it(`makes later calls get ERR_SHUTTING_DOWN, as often as it is called: ${name}`, async () => {
      const upstream = await startUpstream(text('hello'));
      const { handler, close } = make(upstream.url);
      const { url } = await serve(handler);
      await close();
      for (const _ of [1, 2]) {
        const response = await call(url);
        expect(response.json()).to.deep.equal(SHUT);
        expect([response.status, response.headers['retry-after']]).to.deep.equal([503, '1']);
        await close();
      }
      expect(upstream.requests).to.have.length(0);
    });
  }

  function made(handler: Handler & Closable) {
    onCleanup(() => handler.close());
    return { handler, close: () => handler.close() };
  }

  it('lets calls pass that stats() and metrics() no longer count', async () => {
    const counted = [stats({ name: 'x' }), metrics({ name: 'x' })] as const;
    const upstream = await startUpstream(text('hello'));
    const { url } = await serve(pipeline([...counted, forward({ target: upstream.url })]));
    for (const one of counted) await one.close();
    expect((await call(url)).text).to.equal('hello');
    expect(await counted[0].apis()).to.deep.equal([]);
    expect(await counted[1].render()).to.equal('\n');
  });

  it('leaves metrics of the same names to those that came afterwards', () => {
    const register = new Registry();
    const first = metrics({ register });
    first.close();
    const second = metrics({ register });
    first.close();
    first.add([{ type: 'gauge', name: 'late', help: 'Late.', labels: [], rows: () => [] }]);
    expect(register.getSingleMetric('resilient_proxy_calls_total')).to.not.equal(undefined);
    expect(register.getSingleMetric('resilient_proxy_late')).to.equal(undefined);
    second.close();
    expect(register.getMetricsAsArray()).to.deep.equal([]);
  });

  it('ends a call that waits for the first connection of rateLimit() to Redis', async () => {
    const redisPort = await silent();
    const limiter = rateLimit({
      limit: 10,
      redis: { host: '127.0.0.1', port: redisPort.port },
      commandTimeoutMs: LONG,
    });
    let entered = false;
    const { url } = await serve((req, res, next) => {
      limiter(req, res, next);
      entered = true;
    });
    const waiting = call(url);
    await until(() => entered && redisPort.open() === 1);
    await limiter.close();
    expect((await within(waiting, 'the response')).json()).to.deep.equal(SHUT);
    await until(() => redisPort.open() === 0);
  });

  it('ends a call that waits for the lease of another process', async () => {
    const server = await startRedis();
    const [own, other] = [redisStore({ redis: server.url }), redisStore({ redis: server.url })];
    for (const store of [own, other]) onCleanup(() => store.close());
    await until(() => own.isUsable() && other.isUsable());
    const upstream = await startUpstream(text('hello'));
    const handler = cache({ store: own, coalesceTimeoutMs: LONG });
    const { url } = await serve(pipeline([handler, forward({ target: upstream.url })]));
    const lease = await other.lease(handler.keyOf({ url: '/x', host: new URL(url).host }), LONG);
    expect(lease).to.have.property('release');
    const waiting = [call(`${url}/x`), call(`${url}/x`)];
    await eventually(
      async () => ((await server.control.pubsub('CHANNELS', '*lease*')) as string[]).length === 1,
      'a call that waits',
    );
    await handler.close();
    for (const one of waiting) expect((await within(one, 'the response')).json()).to.deep.equal(SHUT);
    expect(upstream.requests).to.have.length(0);
    // The store is the application's, and goes on.
    expect(own.isUsable()).to.equal(true);
  });

  it('ends a connection to an egress proxy that is being opened, and the call that waits for it', async () => {
    for (const target of ['http://127.0.0.1:9', 'https://127.0.0.1:9']) {
      const proxy = await silent();
      const rotate = proxyRotate({ proxies: [`http://127.0.0.1:${proxy.port}`], connectTimeoutMs: LONG });
      const handler = forward({ target });
      onCleanup(() => handler.close());
      const told: string[] = [];
      rotate.on('cooldown', ({ reason }) => told.push(reason));
      const { url } = await serve(pipeline([rotate, handler]));
      const waiting = call(url);
      await until(() => proxy.open() === 1);
      rotate.close();
      expect((await within(waiting, 'the response')).json()).to.deep.equal(SHUT);
      await until(() => proxy.open() === 0);
      expect(told).to.deep.equal([]);
    }
  });

  it('ends a call in back-off, and opens nothing again', async () => {
    const server = await startRedis();
    const upstream = await startUpstream(status(503));
    const proxy = resilientProxy({
      name: 'x',
      target: upstream.url,
      redis: server.url,
      rateLimit: { limit: 100 },
      cache: {},
      retry: { initialDelayMs: LONG, maxDelayMs: LONG, totalTimeoutMs: 2 * LONG },
    });
    const { url } = await serve(proxy);
    await eventually(async () => (await connectionsOf(server)) >= 2, 'the connections to Redis');
    const waiting = call(url);
    await until(() => upstream.requests.length === 1);
    await within(proxy.close(), 'the end of close()');
    expect((await within(waiting, 'the response')).json()).to.deep.equal(SHUT);
    expect((await call(url)).json()).to.deep.equal(SHUT);
    await proxy.apis.get('x')?.cache?.purge({ prefix: '/' });
    await proxy.stats.flush();
    await eventually(async () => (await connectionsOf(server)) === 0, 'no connection to Redis');
    await until(() => upstream.connections.open === 0);
  });

  it('refuses WebSockets afterwards', async () => {
    const upstream = await startUpstream(text('hello'));
    const gateway = gatewayOf(upstream.url);
    const url = await gateway.listen();
    expect((await call(`${url}/api/x/`)).text).to.equal('hello');
    await gateway.close();
    const { url: other } = await serve(gateway.proxy, { upgrade: gateway.proxy.upgrade });
    const socket = new WebSocket(`${other.replace('http', 'ws')}/x/live`);
    const refused = await eventOf<Error>(socket, 'close').then(
      () => 'closed',
      (error: Error) => error.message,
    );
    expect(refused).to.include('503');
  });

  it('keeps a gateway from listening, before or after', async () => {
    const upstream = await startUpstream(text('hello'));
    const closed = gatewayOf(upstream.url);
    await closed.close();
    expect(await codeOf(closed.listen())).to.equal('ERR_SHUTTING_DOWN');
    expect(closed.server.listening).to.equal(false);
    // Its name is looked up meanwhile.
    const opening = gatewayOf(upstream.url, 'host: localhost');
    const listened = codeOf(opening.listen());
    await opening.close();
    expect(await within(listened, 'listen() to end')).to.equal('ERR_SHUTTING_DOWN');
    expect(opening.server.listening).to.equal(false);
  });

  const codeOf = async (promise: Promise<unknown>) =>
    promise.then(
      () => 'none',
      (error: { code?: string }) => error.code,
    );

  it('goes on where a part of it fails', async () => {
    const server = await startRedis();
    const upstream = await startUpstream(text('hello'));
    const proxy = resilientProxy({ name: 'x', target: upstream.url, redis: server.url, rateLimit: {} });
    const { url } = await serve(proxy);
    expect((await call(url)).text).to.equal('hello');
    const limiter = proxy.apis.get('x')?.rateLimit;
    Object.assign(limiter ?? {}, { close: () => Promise.reject(new Error('cannot close')) });
    const failure = await proxy.close().then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failure).to.equal('cannot close');
    await eventually(async () => (await connectionsOf(server)) === 0, 'no connection to Redis');
    await until(() => upstream.connections.open === 0);
  });
});

describe('resilientProxy() that cannot be made', () => {
  it('leaves nothing open', async () => {
    const server = await startRedis();
    const target = 'http://127.0.0.1:9';
    const plugin = () => {
      throw new Error('a plugin that fails');
    };
    const register = new Registry();
    metrics({ register });
    const shared = { redis: server.url, rateLimit: {}, cache: {} };
    expect(() => resilientProxy({ name: 'x', target, plugins: [plugin], ...shared })).to.throw(
      'a plugin that fails',
    );
    expect(() => resilientProxy({ name: 'x', target, metrics: { register }, ...shared })).to.throw(
      'metrics.prefix',
    );
    // Whatever was opened would have said hello by now: a connection made later has.
    const witness = redisStore({ redis: server.url });
    onCleanup(() => witness.close());
    await until(() => witness.isUsable());
    await eventually(async () => (await connectionsOf(server)) === 1, 'that of the witness alone');
  });
});
