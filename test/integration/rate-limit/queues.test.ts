import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import type { BreakerOptions } from '../../../lib/breaker/breaker-options.js';
import type { Handler } from '../../../lib/core/exchange.js';
import type { RateLimitHandler } from '../../../lib/rate-limit/rate-limit.js';
import { retry } from '../../../lib/retry/retry.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { toyTime } from '../../support/toy-time.js';
import { until, within } from '../../support/until.js';
import { startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';
import { FORMS, opened, startLimitedApi } from './testing.js';

const MINUTE = 60_000;

const tenant = (req: { headers: Record<string, unknown> }) => req.headers['x-tenant'] as string | undefined;

/** Counts the calls that begin to wait. */
function queuedBy(limiter: RateLimitHandler): () => number {
  let queued = 0;
  limiter.on('queued', () => queued++);
  return () => queued;
}

function circuitOf(options: BreakerOptions = {}) {
  const circuit = breaker(options);
  onCleanup(() => circuit.close());
  return circuit;
}

for (const transport of TRANSPORTS)
  describe(`the queue of rateLimit(), transport ${transport}`, () => {
    it('has a place for each key, whatever the backlog of another', async () => {
      const time = toyTime();
      const upstream = await startUpstream(status(200));
      const limiter = opened(
        { limit: 1, windowMs: MINUTE, onLimit: 'queue', maxWaitMs: 10 * MINUTE, maxQueue: 4, key: tenant },
        time,
      );
      const queued = queuedBy(limiter);
      const { url } = await startForward({ target: upstream.url, transport }, limiter);
      const of = (name: string) => call(url, { headers: { 'x-tenant': name } });
      await of('a');
      await of('b');
      const backlog = Array.from({ length: 4 }, () => of('a'));
      await until(() => queued() === 4, 'a backlog');
      const other = of('b');
      const refused = await Promise.race(backlog);
      expect([refused.status, refused.json()]).to.deep.include(503);
      expect(refused.json()).to.have.property('code', 'ERR_QUEUE_FULL');
      expect((await of('a')).status).to.equal(503);
      time.advance(MINUTE + 1000);
      expect((await other).status).to.equal(200);
    });

    it('lets keys take turns on a limit that they share', async () => {
      const time = toyTime();
      const upstream = await startUpstream([status(429, { 'Retry-After': '10' }), status(200)]);
      const limiter = opened({ onLimit: 'queue', maxWaitMs: MINUTE, key: tenant }, time);
      const queued = queuedBy(limiter);
      const { url } = await startForward({ target: upstream.url, transport, connections: 1 }, limiter);
      await call(`${url}/first`);
      const calls: Promise<unknown>[] = [];
      for (const path of ['/first?a1', '/first?a2', '/first?a3', '/first?b1', '/first?b2', '/first?c1']) {
        calls.push(call(url + path, { headers: { 'x-tenant': path.at(-2) ?? '' } }));
        await until(() => queued() === calls.length);
      }
      time.advance(10_500);
      await Promise.all(calls);
      const order = upstream.requests.slice(1).map((request) => request.url.slice(-2));
      expect(order).to.deep.equal(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
    });

    for (const [how, open] of [
      ['opens by a failure', undefined],
      ['is forced open', (circuit: ReturnType<typeof circuitOf>) => circuit.forceOpen()],
    ] as const)
      it(`lets nobody wait behind a circuit that ${how}`, async () => {
        let fail: (() => void) | undefined;
        const upstream = await startUpstream((_req, res) => {
          fail = () => res.writeHead(500).end();
        });
        const limiter = opened({ limit: 1, windowMs: MINUTE, onLimit: 'queue', maxWaitMs: MINUTE });
        const circuit = circuitOf({ failureThreshold: 1 });
        const queued = queuedBy(limiter);
        const { url } = await startForward({ target: upstream.url, transport }, circuit, limiter);
        const first = call(url);
        await until(() => fail !== undefined, 'the first call');
        const others = Array.from({ length: 3 }, () => call(url));
        await until(() => queued() === 3, 'three calls to wait');
        if (open) open(circuit);
        else fail?.();
        const refusals = await within(Promise.all(others), 'their refusal', 2000);
        for (const response of refusals) expect(response.json()).to.include({ code: 'ERR_CIRCUIT_OPEN' });
        if (open) fail?.();
        await first;
        expect(upstream.requests).to.have.length(1);
      });

    it('lets no retry wait behind a circuit that opens', async () => {
      const ends: (() => void)[] = [];
      const held: UpstreamResponse = (_req, res) => void ends.push(() => res.writeHead(500).end());
      const upstream = await startUpstream([held, status(503)]);
      const limiter = opened({ limit: 2, windowMs: MINUTE, maxWaitMs: MINUTE });
      const circuit = circuitOf({ failureThreshold: 2 });
      const queued = queuedBy(limiter);
      const again = retry({
        initialDelayMs: 1,
        maxDelayMs: 1,
        budgetRatio: false,
        totalTimeoutMs: 2 * MINUTE,
      });
      const some: Handler = (req, res, next) => (req.url === '/retried' ? again(req, res, next) : next());
      const { url } = await startForward({ target: upstream.url, transport }, circuit, limiter, some);
      const other = call(`${url}/other`);
      await until(() => ends.length === 1, 'the other call');
      const retried = call(`${url}/retried`);
      await until(() => queued() === 1, 'the retry to wait');
      ends[0]?.();
      const response = await within(retried, 'its refusal', 2000);
      expect(response.json()).to.include({ code: 'ERR_CIRCUIT_OPEN' });
      expect((await other).status).to.equal(500);
      expect(upstream.requests).to.have.length(2);
    });

    for (const [form, least, most] of [
      ['an instant in milliseconds', 20, 20],
      ['Retry-After alone', 20, 21],
    ] as const)
      it(`lets as many go after a reset as the limit is, where the API sends ${form}`, async () => {
        const time = toyTime();
        const api = await startLimitedApi(20, 5000, FORMS[form], time);
        const limiter = opened({ onLimit: 'queue', maxWaitMs: 10 * MINUTE }, time);
        const { url } = await startForward({ target: api.url, transport }, limiter);
        const first = Array.from({ length: 20 }, () => call(url));
        await Promise.all(first);
        const refused = form === 'Retry-After alone' ? [await call(url)] : [];
        expect(refused.every((response) => response.status === 429)).to.equal(true);
        for (let i = 0; i < 60; i++) call(url).catch(() => {});
        await until(() => limiter.status()[0]?.queued === 60, 'all to wait');
        // What it rounds up and the timer's slack; from here on no time passes.
        time.advance(6001);
        await until(() => (api.windows.at(-1)?.ok ?? 0) >= least, `${least} calls in the window`);
        expect(api.windows.at(-1)?.ok).to.be.within(least, most);
        await limiter.close();
      });

    it('waits for a probe that is under way, instead of refusing calls', async () => {
      const waiting: (() => void)[] = [];
      const slow: UpstreamResponse = (_req, res) => void waiting.push(() => res.writeHead(200).end());
      const time = toyTime();
      const limiter = opened({}, time);
      const queued = queuedBy(limiter);
      const upstream = await startUpstream([status(429, { 'Retry-After': '1' }), slow]);
      const { url } = await startForward({ target: upstream.url, transport }, limiter);
      await call(url);
      time.advance(1000);
      const calls = Array.from({ length: 10 }, () => call(url));
      await until(() => waiting.length === 1 && queued() === 9, 'nine calls to wait');
      for (const release of waiting.splice(0)) release();
      await until(() => waiting.length === 9, 'the others to go');
      for (const release of waiting.splice(0)) release();
      expect((await Promise.all(calls)).map((response) => response.status)).to.deep.equal(
        Array(10).fill(200),
      );
    });
  });
