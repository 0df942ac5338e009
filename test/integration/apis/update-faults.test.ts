import { expect } from 'chai';
import { Redis } from 'ioredis';
import { breaker, type ManyApisConfig, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startRedis } from '../../support/redis.js';
import { serve } from '../../support/serve.js';
import { eventOf, within } from '../../support/until.js';
import { startUpstream, text, type Upstream } from '../../support/upstream.js';

/** A proxy whose API `a` has learned something in each of its parts, and a look at all of it. */
async function learned() {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onCleanup(() => client.disconnect());
  await eventOf(client, 'ready');
  const upstream = await startUpstream(text('stored'));
  const config = {
    redis: client,
    apis: {
      a: { target: upstream.url, cache: { ttlMs: 60_000 }, rateLimit: { limit: 100 }, retry: {} },
      c: { target: upstream.url },
    },
  } satisfies ManyApisConfig;
  const proxy = resilientProxy(config);
  onCleanup(() => proxy.close());
  const { url } = await serve(proxy);
  expect((await call(`${url}/a/x`)).text).to.equal('stored');
  const { a, c } = Object.fromEntries(proxy.apis);
  const told: string[] = [];
  a?.breaker?.on('open', () => told.push('open'));
  c?.breaker?.forceOpen();

  async function picture() {
    // What was opened before it has said hello by the time that it has.
    const witness = new Redis(redis.url);
    await eventOf(witness, 'ready');
    witness.disconnect();
    await eventOf(witness, 'end');
    return {
      apis: [...proxy.apis].map(([name, api]) => [name, { ...api }]),
      circuits: proxy.circuits.list().map(({ circuit, state }) => [circuit, state]),
      redis: ((await redis.control.client('LIST')) as string).trim().split('\n').length,
      listeners: client.eventNames().map((name) => [name, client.listenerCount(name)]),
      room: client.getMaxListeners(),
      upstream: upstream.connections.open,
    };
  }
  return { proxy, url, config, upstream, picture, told, client };
}

type Learned = Awaited<ReturnType<typeof learned>>;

const broken = () => {
  throw new Error('a plugin that fails');
};

/** Another configuration of everything, in which each step before the fault has made something. */
const changed = ({ config, upstream }: { config: Learned['config']; upstream: Upstream }) => ({
  a: {
    ...config.apis.a,
    connections: 3,
    cache: { ttlMs: 1000 },
    rateLimit: { limit: 50 },
    breaker: { failureThreshold: 9 },
    retry: { maxAttempts: 2 },
    proxyRotate: { proxies: ['http://127.0.0.1:1'] },
  },
  b: { target: upstream.url, cache: {}, rateLimit: {} },
});

describe('resilientProxy().update() that fails', () => {
  const faults: [what: string, fails: (scene: Learned) => ManyApisConfig, message: string][] = [
    [
      'an option of the last API is wrong',
      (scene) => ({ ...scene.config, apis: { ...changed(scene), z: { target: 'nowhere' } } }),
      'apis.z.target',
    ],
    [
      'a plugin of the first API throws',
      (scene) => {
        const { a, b } = changed(scene);
        return { ...scene.config, apis: { a: { ...a, plugins: [broken] }, b } };
      },
      'a plugin that fails',
    ],
    [
      'a plugin of the last API throws',
      (scene) => ({
        ...scene.config,
        apis: { ...changed(scene), z: { target: scene.upstream.url, plugins: [broken] } },
      }),
      'a plugin that fails',
    ],
    [
      'the application has a breaker of the name of a new API on the registry',
      (scene) => {
        const own = breaker({ name: 'z', registry: scene.proxy.circuits });
        onCleanup(() => own.close());
        return { ...scene.config, apis: { ...changed(scene), z: { target: scene.upstream.url } } };
      },
      'breaker.name must be the only one',
    ],
    [
      'a plugin throws after another cache in Redis was opened',
      (scene) => {
        const target = scene.upstream.url;
        const y = { target, cache: { maxEntryBytes: 50_000_000 } };
        return { ...scene.config, apis: { ...changed(scene), y, z: { target, plugins: [broken] } } };
      },
      'a plugin that fails',
    ],
    [
      'a rate limit cannot use the client for Redis',
      (scene) => {
        const { setMaxListeners } = scene.client;
        let calls = 0;
        Object.assign(scene.client, {
          setMaxListeners(count: number) {
            calls++;
            if (calls === 2) throw new Error('no more listeners');
            return setMaxListeners.call(scene.client, count);
          },
        });
        return { ...scene.config, apis: changed(scene) };
      },
      'no more listeners',
    ],
  ];
  for (const [what, fails, message] of faults) {
    it(`has changed nothing, and left nothing open: ${what}`, async () => {
      const scene = await learned();
      const { proxy, url, picture, upstream, told } = scene;
      const before = await picture();
      const config = fails(scene);
      const circuits = proxy.circuits.list().map(({ circuit }) => circuit);
      expect(() => proxy.update(config)).to.throw(message);
      expect(proxy.circuits.list().map(({ circuit }) => circuit)).to.deep.equal(circuits);
      const after = await picture();
      expect({ ...after, circuits: after.circuits.filter(([name]) => name !== 'z') }).to.deep.equal(before);
      for (const [i, [, parts]] of before.apis.entries()) {
        const now = Object.entries(after.apis[i]?.[1] ?? {});
        for (const [name, part] of now) expect(part, name).to.equal(Reflect.get(Object(parts), name));
      }
      // It still serves, from what it has stored, and by a circuit that still tells its listeners.
      expect((await call(`${url}/a/x`)).text).to.equal('stored');
      expect(upstream.requests).to.have.length(1);
      expect((await call(`${url}/a/y`)).text).to.equal('stored');
      proxy.apis.get('a')?.breaker?.forceOpen();
      expect(told).to.deep.equal(['open']);
      expect((await call(`${url}/a/z`)).status).to.equal(503);
      // And it can be changed again.
      expect((await call(`${url}/c/`)).status).to.equal(503);
    });
  }

  it('can be done again once the fault is gone', async () => {
    const scene = await learned();
    const z = { target: scene.upstream.url };
    const apis = changed(scene);
    expect(() =>
      scene.proxy.update({ ...scene.config, apis: { ...apis, z: { ...z, plugins: [broken] } } }),
    ).to.throw();
    const report = scene.proxy.update({ ...scene.config, apis: { ...apis, z } });
    expect(report.added).to.deep.equal(['b', 'z']);
    expect(report.changed).to.deep.equal({
      a: ['cache', 'breaker', 'rateLimit', 'retry', 'proxyRotate', 'forward'],
    });
    expect(scene.proxy.circuits.list().map(({ circuit }) => circuit)).to.have.members(['a', 'b', 'z']);
    expect((await within(call(`${scene.url}/z/`), 'the response')).text).to.equal('stored');
  });

  it('keeps the circuit of calls in progress in their count until they have ended', async () => {
    let finish = () => {};
    const upstream = await startUpstream((_req, res) => {
      finish = () => res.writeHead(500).end();
    });
    const config = {
      apis: { a: { target: upstream.url, retry: false, breaker: { failureThreshold: 1 } } },
    } as const;
    const proxy = resilientProxy(config);
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const waiting = call(`${url}/a/x`);
    while (upstream.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const opened: string[] = [];
    proxy.apis.get('a')?.breaker?.on('open', () => opened.push('before'));
    proxy.update({ apis: { a: { ...config.apis.a, breaker: { failureThreshold: 2 } } } });
    proxy.apis.get('a')?.breaker?.on('open', () => opened.push('now'));
    finish();
    expect((await waiting).status).to.equal(500);
    expect(opened).to.deep.equal(['before']);
    expect(proxy.circuits.list().map(({ state }) => state)).to.deep.equal(['CLOSED']);
  });
});
