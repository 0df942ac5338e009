import { EventEmitter, once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import request from 'supertest';
import { type BreakerHandler, breaker } from '../../../lib/breaker/breaker.js';
import type { BreakerOptions } from '../../../lib/breaker/breaker-options.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { retry } from '../../../lib/retry/retry.js';
import { startForward } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { type Served, serve, serveApp } from '../../support/serve.js';
import { until } from '../../support/until.js';
import {
  silence,
  startUpstream,
  status,
  type Upstream,
  type UpstreamResponse,
} from '../../support/upstream.js';

const openBody = (condition: string) => ({
  error: `Service temporarily unavailable: circuit "default" ${condition}. Please try again in 30 seconds`,
  code: 'ERR_CIRCUIT_OPEN',
});

/** A breaker on a clock that moves only when it is told to. */
function tested(options: BreakerOptions = {}): { guard: BreakerHandler; advance(ms: number): void } {
  let now = 1_700_000_000_000;
  return {
    guard: breaker(options, () => now),
    advance: (ms) => {
      now += ms;
    },
  };
}

/** Holds every response back until all of them are released, with a status. */
function held(): { response: UpstreamResponse; waiting: ServerResponse[]; release(status: number): void } {
  const waiting: ServerResponse[] = [];
  return {
    waiting,
    response: (_req, res) => void waiting.push(res),
    release: (code) => {
      for (const res of waiting.splice(0)) res.writeHead(code).end();
    },
  };
}

async function gets(url: string, times: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < times; i++) statuses.push((await request(url).get('/')).status);
  return statuses;
}

const closed = ({ connections }: Upstream) => connections.total - connections.open;

describe('breaker() in front of forward()', () => {
  async function behind(
    guard: Handler,
    script: UpstreamResponse | UpstreamResponse[],
    ...more: Handler[]
  ): Promise<{ upstream: Upstream; proxy: Served }> {
    const upstream = await startUpstream(script);
    const proxy = await startForward({ target: upstream.url }, guard, ...more);
    return { upstream, proxy };
  }

  it('passes good responses on and stays closed', async () => {
    const { guard } = tested();
    const { proxy } = await behind(guard, status(200));
    expect(await gets(proxy.url, 8)).to.deep.equal(Array(8).fill(200));
    expect(guard.state).to.equal('CLOSED');
    expect(guard.registry.list()[0]).to.include({ windowTotal: 8, failures: 0 });
  });

  it('refuses the sixth call after five failures, and the upstream does not see it', async () => {
    const { guard } = tested();
    const { proxy, upstream } = await behind(guard, status(503));
    expect(await gets(proxy.url, 5)).to.deep.equal(Array(5).fill(503));
    expect(guard.state).to.equal('OPEN');
    const refused = await request(proxy.url).get('/');
    expect(refused.status).to.equal(503);
    expect(refused.body).to.deep.equal(openBody('is open after 5 failures (last: status 503)'));
    expect(refused.headers).to.include({
      'retry-after': '30',
      'proxy-status': 'resilient-proxy-out; error=destination_unavailable',
    });
    expect(upstream.requests).to.have.length(5);
  });

  it('closes after resetTimeoutMs with two successes', async () => {
    const { guard, advance } = tested({ failureThreshold: 1 });
    const { proxy, upstream } = await behind(guard, [status(500), status(200)]);
    await gets(proxy.url, 1);
    advance(29_999);
    expect(await gets(proxy.url, 1)).to.deep.equal([503]);
    advance(1);
    expect(await gets(proxy.url, 1)).to.deep.equal([200]);
    expect(guard.state).to.equal('HALF_OPEN');
    expect(await gets(proxy.url, 1)).to.deep.equal([200]);
    expect(guard.state).to.equal('CLOSED');
    expect(upstream.requests).to.have.length(3);
  });

  it('lets only the probes through while it is half open, of 50 calls', async () => {
    const { guard, advance } = tested({ failureThreshold: 1 });
    const { response, waiting, release } = held();
    const { proxy, upstream } = await behind(guard, [status(500), response]);
    await gets(proxy.url, 1);
    advance(30_000);
    let refused = 0;
    guard.on('reject', () => refused++);
    const calls = Array.from({ length: 50 }, () => fetch(proxy.url));
    await until(() => refused === 48 && waiting.length === 2, '48 refusals and two probes');
    release(200);
    const statuses = (await Promise.all(calls)).map((response) => response.status);
    expect(statuses.filter((code) => code === 200)).to.have.length(2);
    expect(statuses.filter((code) => code === 503)).to.have.length(48);
    expect(upstream.requests).to.have.length(3);
    expect(guard.state).to.equal('CLOSED');
  });

  it('opens again when a probe fails', async () => {
    const { guard, advance } = tested({ failureThreshold: 1 });
    const { proxy } = await behind(guard, status(502));
    await gets(proxy.url, 1);
    advance(30_000);
    expect(await gets(proxy.url, 1)).to.deep.equal([502]);
    expect(guard.state).to.equal('OPEN');
    const refused = await request(proxy.url).get('/');
    expect(refused.body).to.deep.equal(openBody('is open after 1 failure (last: status 502)'));
  });

  it('counts 404 and 429 as successes', async () => {
    const { guard } = tested({ failureThreshold: 1 });
    const { proxy } = await behind(guard, [status(404), status(429)]);
    expect(await gets(proxy.url, 2)).to.deep.equal([404, 429]);
    expect(guard.state).to.equal('CLOSED');
  });

  it('counts 429 as a failure with countRateLimited', async () => {
    const { guard } = tested({ failureThreshold: 1, countRateLimited: true });
    const { proxy } = await behind(guard, status(429));
    await gets(proxy.url, 1);
    expect(guard.state).to.equal('OPEN');
  });

  it('opens when nobody listens at the target', async () => {
    const { guard } = tested({ failureThreshold: 2 });
    const target = `http://127.0.0.1:${await unusedPort()}`;
    const proxy = await startForward({ target }, guard);
    expect(await gets(proxy.url, 3)).to.deep.equal([502, 502, 503]);
    expect(guard.registry.get('default')?.snapshot().lastFailure).to.equal(
      'The upstream refused the connection',
    );
  });

  it('ends an attempt after requestTimeoutMs and counts it as a failure', async () => {
    const { guard } = tested({ failureThreshold: 1, requestTimeoutMs: 60 });
    const { proxy } = await behind(guard, silence);
    const response = await request(proxy.url).get('/');
    expect(response.status).to.equal(504);
    expect(response.body.code).to.equal('ERR_UPSTREAM_TIMEOUT');
    expect(guard.state).to.equal('OPEN');
  });

  it('counts a response that breaks off', async () => {
    const { guard } = tested({ failureThreshold: 3 });
    const { proxy } = await behind(guard, (_req, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('half', () => res.destroy());
    });
    for (let i = 1; i <= 3; i++) {
      const cut = await fetch(proxy.url)
        .then((response) => response.text())
        .then(
          () => false,
          () => true,
        );
      expect(cut).to.equal(true);
      await until(() => guard.registry.list()[0]?.failures === i, `failure ${i}`);
    }
    expect(guard.state).to.equal('OPEN');
  });

  it('ignores a client that leaves, before the head and in the middle of the body', async () => {
    const { guard } = tested({ failureThreshold: 1 });
    const { proxy, upstream } = await behind(guard, [
      silence,
      (_req, res) => void res.writeHead(200).write('begun'),
    ]);
    const early = get(proxy.url).on('error', () => {});
    await until(() => upstream.requests.length === 1);
    early.destroy();
    await until(() => closed(upstream) === 1);
    expect(guard.registry.list()[0]).to.include({ state: 'CLOSED', windowTotal: 0 });
    const midBody = get(proxy.url).on('error', () => {});
    const [response] = (await once(midBody, 'response')) as [IncomingMessage];
    await once(response, 'data');
    midBody.destroy();
    await until(() => closed(upstream) === 2);
    expect(guard.registry.list()[0]).to.include({ state: 'CLOSED', windowTotal: 1, failureRatio: 0 });
  });

  it('frees the slot of a probe whose client leaves', async () => {
    const { guard, advance } = tested({ failureThreshold: 1, maxProbes: 1 });
    const { proxy, upstream } = await behind(guard, [status(500), silence, status(200)]);
    await gets(proxy.url, 1);
    advance(30_000);
    const probe = get(proxy.url).on('error', () => {});
    await until(() => upstream.requests.length === 2);
    expect(await gets(proxy.url, 1)).to.deep.equal([503]);
    probe.destroy();
    await until(() => closed(upstream) === 1);
    expect(await gets(proxy.url, 2)).to.deep.equal([200, 200]);
    expect(guard.state).to.equal('CLOSED');
  });

  it('ends a retry loop that is under way', async () => {
    const { guard } = tested({ failureThreshold: 2 });
    const retries = retry({ maxAttempts: 5, initialDelayMs: 1 });
    const { proxy, upstream } = await behind(guard, status(503), retries);
    expect(await gets(proxy.url, 1)).to.deep.equal([503]);
    expect(upstream.requests).to.have.length(2);
    expect(guard.state).to.equal('OPEN');
    expect((await request(proxy.url).get('/')).body.code).to.equal('ERR_CIRCUIT_OPEN');
    expect(upstream.requests).to.have.length(2);
  });

  it('counts a call once though it is mounted twice', async () => {
    const { guard } = tested({ failureThreshold: 2 });
    const { proxy } = await behind(guard, status(500), guard);
    await gets(proxy.url, 1);
    expect(guard.registry.list()[0]).to.include({ state: 'CLOSED', failures: 1 });
  });

  it("streams a large response at the client's pace", async () => {
    const { guard } = tested();
    const size = 20 * 1024 * 1024;
    let sent = 0;
    const { proxy } = await behind(guard, (_req, res) => {
      res.writeHead(200);
      const pump = () => {
        while (sent < size) {
          sent += 65_536;
          if (!res.write(Buffer.alloc(65_536))) return void res.once('drain', pump);
        }
        res.end();
      };
      pump();
    });
    const [response] = (await once(get(proxy.url), 'response')) as [IncomingMessage];
    await until(() => sent > 0);
    expect(sent).to.be.below(size);
    let received = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) received += chunk.length;
    expect(received).to.equal(size);
    expect(guard.registry.list()[0]).to.include({ windowTotal: 1, failureRatio: 0 });
  });
});

describe('breaker() in front of any Express handler', () => {
  async function app(
    guard: Handler,
    handler: express.RequestHandler,
  ): Promise<{ url: string; calls: () => number }> {
    let calls = 0;
    const made = express();
    // Express prints errors, except in its test environment.
    made.set('env', 'test');
    made.use(guard as express.RequestHandler, (req, res, next) => {
      calls++;
      return handler(req, res, next);
    });
    const { url } = await serveApp(made);
    return { url, calls: () => calls };
  }

  it('opens after five responses of 500 and above, and the handler is not called again', async () => {
    const { guard } = tested();
    const { url, calls } = await app(guard, (_req, res) => void res.status(503).end());
    await gets(url, 5);
    const refused = await request(url).get('/');
    expect(refused.status).to.equal(503);
    expect(refused.headers['retry-after']).to.equal('30');
    expect(refused.text).to.include('Please try again in 30 seconds');
    expect(calls()).to.equal(5);
  });

  it('gives an error handler of the application the code, the status and the message', async () => {
    const { guard } = tested();
    guard.forceOpen();
    const made = express().use(guard as express.RequestHandler);
    const report: express.ErrorRequestHandler = (error, _req, res, _next) =>
      void res.status(error.status).set(error.headers).json({ error: error.message, code: error.code });
    const { url } = await serveApp(made.use(report));
    const refused = await request(url).get('/');
    expect(refused.body).to.deep.equal(openBody('was forced open'));
    expect(refused.headers['retry-after']).to.equal('30');
  });

  it('counts a handler that fails', async () => {
    const { guard } = tested({ failureThreshold: 1 });
    const { url } = await app(guard, (_req, _res, next) => next(new Error('a bug')));
    expect(await gets(url, 2)).to.deep.equal([500, 503]);
    expect(guard.state).to.equal('OPEN');
  });

  it('starts counting again after a response below 500', async () => {
    const { guard } = tested({ failureThreshold: 2 });
    const codes = [500, 404, 500, 200, 500, 500];
    const { url } = await app(guard, (_req, res) => void res.status(codes.shift() ?? 200).end());
    await gets(url, 5);
    expect(guard.state).to.equal('CLOSED');
    await gets(url, 1);
    expect(guard.state).to.equal('OPEN');
  });

  it('opens by the ratio of failures in the window', async () => {
    const { guard } = tested({ minimumRequests: 6, failureRatio: 0.5 });
    let calls = 0;
    const { url } = await app(guard, (_req, res) => void res.status(++calls % 2 === 0 ? 500 : 200).end());
    await gets(url, 5);
    expect(guard.state).to.equal('CLOSED');
    await gets(url, 1);
    expect(guard.registry.list()[0]?.transitions[0]?.reason).to.equal('failure ratio');
  });

  it('ignores a client that leaves', async () => {
    const { guard } = tested({ failureThreshold: 1 });
    const heard = new EventEmitter();
    const { url } = await app(guard, (_req, res) => {
      res.on('close', () => heard.emit('left'));
      res.writeHead(500).write('begun');
    });
    const left = once(heard, 'left');
    const client = get(url).on('error', () => {});
    await once(client, 'response');
    client.destroy();
    await left;
    expect(guard.registry.list()[0]).to.include({ state: 'CLOSED', windowTotal: 0 });
  });

  it('lets two probes through at a time, and counts their responses', async () => {
    const { guard, advance } = tested({ failureThreshold: 1 });
    const { response, waiting, release } = held();
    const handlers: UpstreamResponse[] = [(_req, res) => void res.writeHead(500).end()];
    const { url, calls } = await app(guard, (req, res) => (handlers.shift() ?? response)(req, res));
    await gets(url, 1);
    advance(30_000);
    const probes = [fetch(url), fetch(url)];
    await until(() => waiting.length === 2);
    expect(await gets(url, 3)).to.deep.equal([503, 503, 503]);
    release(200);
    await Promise.all(probes);
    await until(() => guard.state === 'CLOSED');
    expect(calls()).to.equal(3);
  });

  it('ignores a response from a cache behind it', async () => {
    const { guard, advance } = tested({ failureThreshold: 1 });
    const { url } = await app(guard, (req, res) => {
      const fresh = req.url === '/fresh';
      exchangeOf(req, res).cache = fresh ? 'miss' : 'hit';
      res.status(fresh ? 500 : 200).end();
    });
    await request(url).get('/fresh');
    advance(30_000);
    await gets(url, 5);
    expect(guard.registry.list()[0]).to.include({ state: 'HALF_OPEN', successes: 0 });
  });

  it('works on node:http without Express', async () => {
    const { guard } = tested({ failureThreshold: 1 });
    const { url } = await serve((req, res, next) =>
      guard(req, res, (error) => (error ? next(error) : res.writeHead(500).end())),
    );
    expect(await gets(url, 2)).to.deep.equal([500, 503]);
    const refused = await request(url).get('/');
    expect(refused.body).to.deep.equal(openBody('is open after 1 failure (last: status 500)'));
  });
});

describe('breaker() by key', () => {
  const byTenant = (req: IncomingMessage) => req.headers['x-tenant']?.toString();

  async function tenants(options: BreakerOptions = {}): Promise<{ guard: BreakerHandler; url: string }> {
    const { guard } = tested({ name: 'api', failureThreshold: 1, key: byTenant, ...options });
    const { url } = await serve((req, res, next) =>
      guard(req, res, (error) =>
        error ? next(error) : res.writeHead(req.url === '/fail' ? 500 : 200).end(),
      ),
    );
    return { guard, url };
  }

  const call = async (url: string, path: string, tenant?: string) =>
    (
      await request(url)
        .get(path)
        .set(tenant === undefined ? {} : { 'x-tenant': tenant })
    ).status;

  it('opens the circuit of one key and leaves the others closed', async () => {
    const { guard, url } = await tenants();
    await call(url, '/fail', 'one');
    expect(await call(url, '/', 'one')).to.equal(503);
    expect(await call(url, '/', 'two')).to.equal(200);
    expect(await call(url, '/')).to.equal(200);
    expect(guard.state).to.equal('CLOSED');
    expect(guard.circuit('one').state).to.equal('OPEN');
    expect(guard.registry.list().map(({ circuit }) => circuit)).to.include.members([
      'api',
      'api:one',
      'api:two',
    ]);
  });

  it('forces and resets the circuit of a key', async () => {
    const { guard, url } = await tenants();
    guard.forceOpen('one');
    expect(await call(url, '/', 'one')).to.equal(503);
    guard.forceClose('one');
    expect(await call(url, '/', 'one')).to.equal(200);
    await call(url, '/fail', 'one');
    guard.reset('one');
    expect(guard.circuit('one').snapshot()).to.include({ state: 'CLOSED', lastFailure: null });
  });

  it('keeps maxCircuits circuits at most, the open ones longest', async () => {
    const { guard, url } = await tenants({ maxCircuits: 3 });
    await call(url, '/fail', 'bad');
    for (const tenant of ['a', 'b', 'c', 'd']) await call(url, '/', tenant);
    expect(guard.registry.list().map(({ circuit }) => circuit)).to.deep.equal(['api:bad', 'api:c', 'api:d']);
  });

  it('names the API in the error, never the key', async () => {
    const { url } = await tenants();
    await call(url, '/fail', 'one');
    const refused = await request(url).get('/').set({ 'x-tenant': 'one' });
    expect(refused.body.error).to.match(/circuit "api" is open after 1 failure \(last: status 500\)\./);
  });

  it('passes on what the key function throws', async () => {
    const { url } = await tenants({
      key: () => {
        throw new Error('no tenant');
      },
    });
    expect(await call(url, '/')).to.equal(500);
  });

  it('fails a call whose key is a promise, which would be a circuit of its own', async () => {
    const { url } = await tenants({ key: (() => Promise.reject(new Error('no tenant'))) as never });
    expect(await call(url, '/')).to.equal(500);
  });
});

describe('breaker() handler', () => {
  it('has its name, for stacks', () => {
    expect(breaker().name).to.equal('breaker');
  });

  it('shows its state, can be forced, and forgets listeners that are removed', () => {
    const { guard } = tested({ name: 'github' });
    const seen: string[] = [];
    const listener = ({ api, reason }: { api: string; reason: string }) =>
      void seen.push(`${api}: ${reason}`);
    guard.on('open', listener);
    guard.on('close', listener);
    expect(guard.state).to.equal('CLOSED');
    guard.forceOpen();
    expect(guard.state).to.equal('OPEN');
    guard.forceClose();
    expect(guard.state).to.equal('CLOSED');
    guard.off('open', listener);
    guard.forceOpen();
    guard.reset();
    expect(seen).to.deep.equal(['github: forced', 'github: forced', 'github: reset']);
  });

  it('takes its times from a monotonic clock in epoch milliseconds', () => {
    const guard = breaker();
    guard.forceOpen();
    const [transition] = guard.registry.list()[0]?.transitions ?? [];
    expect(transition?.time).to.be.closeTo(Date.now(), 5000);
  });
});
