import { createServer } from 'node:http';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import type { Limit, Permit } from '../../../lib/core/exchange.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import {
  type ApiOptions,
  ProxyError,
  parseConfig,
  type ResilientProxyConfig,
  resilientProxy,
} from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { listening } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { eventOf, until } from '../../support/until.js';
import { startUpstream, status, text } from '../../support/upstream.js';

const NAMES = [
  'explain',
  'tracing',
  'metrics',
  'validateBody',
  'cache',
  'breaker',
  'rateLimit',
  'retry',
  'proxyRotate',
] as const;

async function start(target: string, options: ApiOptions) {
  const proxy = resilientProxy({ name: 'x', target, ...options });
  onCleanup(() => proxy.close());
  const { url } = await serve(proxy, { upgrade: proxy.upgrade });
  return { proxy, url };
}

/** A stage that notes its name and the call. */
const noting =
  (seen: string[], name: string): Handler =>
  (req, res, next) => {
    const { detached, upgrade } = exchangeOf(req, res);
    seen.push(`${name}${detached ? ' detached' : ''}${upgrade ? ' upgrade' : ''}`);
    next();
  };

describe('stages', () => {
  for (const parts of [
    {},
    { explain: true, cache: { ttlMs: 60_000 }, rateLimit: {}, metrics: {}, tracing: {} },
    { breaker: false, retry: false },
  ] as const) {
    it(`stand in the order of the stages, whichever of those are on: ${Object.keys(parts)}`, async () => {
      const upstream = await startUpstream(text('hello'));
      const seen: string[] = [];
      // Named in reverse: their places count. Two at one place stay in their order.
      const stages = [
        ...[...NAMES].reverse().map((name) => ({ after: name, handler: noting(seen, `after ${name}`) })),
        { before: 'forward', handler: noting(seen, 'before forward') },
        { before: 'cache', handler: noting(seen, 'before cache') },
        { before: 'cache', handler: noting(seen, 'before cache too') },
      ] as const;
      const { url } = await start(upstream.url, { ...parts, stages: [...stages] });
      expect((await call(url)).text).to.equal('hello');
      const expected: string[] = NAMES.map((name) => `after ${name}`);
      expected.splice(NAMES.indexOf('cache'), 0, 'before cache', 'before cache too');
      expect(seen).to.deep.equal([...expected, 'before forward']);
    });
  }

  it('see each call in front of the cache, and what the cache fetches behind it, in the background too', async () => {
    const upstream = await startUpstream((_req, res) => {
      res.setHeader('Cache-Control', 'max-age=0, stale-while-revalidate=60');
      res.end('hello');
    });
    const seen: string[] = [];
    const { url } = await start(upstream.url, {
      cache: { mode: 'standard' },
      stages: [
        { before: 'cache', handler: noting(seen, 'before') },
        { after: 'cache', handler: noting(seen, 'after') },
      ],
    });
    await call(url);
    expect(seen.splice(0)).to.deep.equal(['before', 'after']);
    expect((await call(url)).headers['cache-status']).to.include('hit');
    await until(() => upstream.requests.length === 2);
    expect(seen).to.deep.equal(['before', 'after detached']);
  });

  it('see the handshakes of WebSockets, and may refuse one', async () => {
    const target = new WebSocketServer({ noServer: true });
    const server = createServer();
    server.on('upgrade', (req, socket, head) =>
      target.handleUpgrade(req, socket, head, (ws) => ws.send('hi')),
    );
    const { port } = await listening(server);
    const seen: string[] = [];
    const { url } = await start(`http://127.0.0.1:${port}`, {
      stages: [
        { before: 'explain', handler: noting(seen, 'first') },
        { after: 'cache', handler: noting(seen, 'behind the cache') },
        {
          after: 'proxyRotate',
          handler: (req, _res, next) =>
            next(req.url === '/no' ? new ProxyError('ERR_FORBIDDEN', 'Not for you') : undefined),
        },
      ],
    });
    const socket = new WebSocket(`${url.replace('http', 'ws')}/live`);
    onCleanup(() => socket.terminate());
    expect(String(await eventOf(socket, 'message'))).to.equal('hi');
    expect(seen).to.deep.equal(['first upgrade', 'behind the cache upgrade']);
    const refused = new WebSocket(`${url.replace('http', 'ws')}/no`);
    const message = await eventOf(refused, 'open').catch((error: Error) => error.message);
    expect(message).to.include('403');
  });

  it('may add a limit, whose permit hears each attempt to its end', async () => {
    const upstream = await startUpstream([status(503), text('hello'), text('again')]);
    const told: string[] = [];
    const permit: Permit = {
      sending: (attempt) => {
        told.push(`sending ${attempt.number}`);
        return ['X-Attempt', String(attempt.number)];
      },
      head: ({ outcome }) => void told.push(`head ${outcome?.kind === 'response' && outcome.head.status}`),
      end: ({ end }) => void told.push(`end ${end?.kind}`),
    };
    let open = true;
    const limit: Limit = {
      admit: () => (open ? permit : new ProxyError('ERR_RATE_LIMITED', 'Not now', { retryAfterMs: 2000 })),
    };
    const { url } = await start(upstream.url, {
      retry: { initialDelayMs: 1 },
      stages: [
        {
          after: 'retry',
          handler(req, res, next) {
            exchangeOf(req, res).limits.push(limit);
            next();
          },
        },
      ],
    });
    expect((await call(url)).text).to.equal('hello');
    expect(upstream.requests.map(({ headers }) => headers['x-attempt'])).to.deep.equal(['1', '2']);
    await until(() => told.length === 6);
    expect(told).to.deep.equal([
      'sending 1',
      'head 503',
      'end discarded',
      'sending 2',
      'head 200',
      'end complete',
    ]);
    open = false;
    const refused = await call(url);
    expect([refused.status, refused.headers['retry-after']]).to.deep.equal([429, '2']);
    expect(upstream.requests).to.have.length(2);
  });

  it('may set the policies of retry and egress', async () => {
    const upstream = await startUpstream([status(409), text('hello')]);
    const { url } = await start(upstream.url, {
      stages: [
        {
          after: 'retry',
          handler(req, res, next) {
            const exchange = exchangeOf(req, res);
            const inner = exchange.retry;
            if (inner) {
              exchange.retry = {
                maxBodyBytes: inner.maxBodyBytes,
                totalTimeoutMs: inner.totalTimeoutMs,
                resends: (method) => inner.resends(method),
                drive: (again) => inner.drive(again),
                delayAfter: (outcome) =>
                  outcome.kind === 'response' && outcome.head.status === 409 ? 1 : undefined,
              };
            }
            next();
          },
        },
        {
          after: 'proxyRotate',
          handler(req, res, next) {
            exchangeOf(req, res).egress = {
              choose: () =>
                req.url === '/no' ? new ProxyError('ERR_NO_PROXY', 'None for this path') : 'direct',
            };
            next();
          },
        },
      ],
    });
    expect((await call(url)).text).to.equal('hello');
    expect(upstream.requests).to.have.length(2);
    expect((await call(`${url}/no`)).json()).to.deep.include({ code: 'ERR_NO_PROXY' });
  });

  it('may respond by themselves; statistics count what they write', async () => {
    const upstream = await startUpstream(text('hello'));
    const { proxy, url } = await start(upstream.url, {
      stages: [{ before: 'cache', handler: (_req, res) => void res.end('from the stage') }],
    });
    expect((await call(url)).text).to.equal('from the stage');
    const view = await proxy.stats?.view({ api: 'x', period: 'all' });
    expect(view?.figures.bytesOut).to.equal('from the stage'.length);
    expect(upstream.requests).to.have.length(0);
  });

  const failing: [what: string, handler: Handler][] = [
    [
      'throws',
      () => {
        throw new Error('of its own');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('of its own'))],
    ['passes an error on', (_req, _res, next) => next(new Error('of its own'))],
  ];
  for (const [what, handler] of failing) {
    it(`fail only their own call: one that ${what}`, async () => {
      const upstream = await startUpstream(text('hello'));
      const fails: Handler = (req, res, next) => (req.url === '/bad' ? handler(req, res, next) : next());
      for (const place of [{ before: 'cache' }, { after: 'cache' }] as const) {
        const { url } = await start(upstream.url, { cache: {}, stages: [{ ...place, handler: fails }] });
        const response = await call(`${url}/bad`);
        expect([response.status, response.json()]).to.deep.equal([
          500,
          { error: 'The call failed inside the proxy', code: 'ERR_INTERNAL' },
        ]);
        expect((await call(`${url}/good`)).text).to.equal('hello');
      }
    });
  }

  it('pass a call on once, however often they call next()', async () => {
    const upstream = await startUpstream(text('hello'));
    const twice: Handler = (_req, _res, next) => {
      next();
      next();
      next(new Error('too late'));
    };
    const { url } = await start(upstream.url, { stages: [{ after: 'retry', handler: twice }] });
    expect((await call(url)).text).to.equal('hello');
    expect(upstream.requests).to.have.length(1);
  });

  it('come from the defaults unless an API has its own', async () => {
    const upstream = await startUpstream(text('hello'));
    const seen: string[] = [];
    const api = { target: upstream.url };
    const own = [{ after: 'retry', handler: noting(seen, 'own') }] as const;
    const proxy = resilientProxy({
      defaults: { stages: [{ after: 'retry', handler: noting(seen, 'common') }] },
      apis: { a: api, b: { ...api, stages: [...own] }, c: { ...api, stages: [] } },
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    for (const name of ['a', 'b', 'c']) await call(`${url}/${name}/`);
    expect(seen).to.deep.equal(['common', 'own']);
  });

  it('change with an update, which forgets stored responses and keeps the circuit', async () => {
    const upstream = await startUpstream(text('hello'));
    const seen: string[] = [];
    const handler = noting(seen, 'first');
    const options = (stage: Handler): ResilientProxyConfig => ({
      name: 'x',
      target: upstream.url,
      cache: { ttlMs: 60_000 },
      stages: [{ after: 'cache', handler: stage }],
    });
    const proxy = resilientProxy(options(handler));
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    await call(url);
    expect(proxy.update(options(handler)).changed).to.deep.equal({});
    expect(proxy.update(options(noting(seen, 'second'))).changed).to.deep.equal({ x: ['cache'] });
    await call(url);
    expect(seen).to.deep.equal(['first', 'second']);
  });

  const pass: Handler = (_req, _res, next) => next();
  const wrong: [stages: unknown, message: string][] = [
    [[{ after: 'cahce', handler: pass }], 'stages[0].after is not a stage (did you mean cache?)'],
    [[{ before: 'retrys', handler: pass }], 'stages[0].before is not a stage (did you mean retry?)'],
    [
      [{ after: 'forward', handler: pass }],
      'stages[0].after must be a stage in front of forward, which is the last; received "forward"',
    ],
    [
      [{ after: 'everything', handler: pass }],
      'stages[0].after is not a stage (known: explain, tracing, metrics, validateBody, cache, breaker, rateLimit, concurrency, retry, proxyRotate, forward)',
    ],
    [[{ handler: pass }], 'stages[0] must have either after or before; received an object'],
    [
      [{ after: 'cache', before: 'retry', handler: pass }],
      'stages[0] must have either after or before; received an object',
    ],
    [[{ after: 'cache' }], 'stages[0].handler must be a function; received undefined'],
    [[{ after: 'cache', handler: pass, name: 'x' }], 'stages[0].name is not an option of '],
    [{ after: 'cache', handler: pass }, 'stages must be an array; received an object'],
  ];
  for (const [stages, message] of wrong) {
    it(`refuse ${message}`, () => {
      const config = { name: 'x', target: 'http://127.0.0.1:9', stages };
      expect(() => resilientProxy(config as ResilientProxyConfig)).to.throw(TypeError, message);
      const apis = { x: { target: 'http://127.0.0.1:9', stages } };
      expect(() => resilientProxy({ apis } as ResilientProxyConfig)).to.throw(TypeError, `apis.x.${message}`);
    });
  }

  it('cannot stand in a file', () => {
    const file = 'apis: { x: { target: "http://127.0.0.1:9", stages: [] } }';
    expect(() => parseConfig(file, { env: {} })).to.throw(/apis\.x\.stages can be set in code only/);
  });
});
