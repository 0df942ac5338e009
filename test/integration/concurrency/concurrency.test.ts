import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import type { ConcurrencyEvents } from '../../../lib/concurrency/concurrency-events.js';
import { retry } from '../../../lib/retry/retry.js';
import { begin, call, headOf } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { until } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';
import { limited, opened, started, sums, WAYS } from './testing.js';

const tenant = (req: { headers: Record<string, unknown> }) => req.headers['x-tenant'] as string | undefined;

for (const way of WAYS)
  describe(`concurrency() ${way.forwards ? 'of an API' : 'by itself'}, transport ${way.transport}`, () => {
    const { transport, forwards } = way;

    it('lets no more than the limit through at once, and the next when one has ended', async () => {
      const { upstream, proxy, settled } = await limited({ limit: 2 }, way);
      const calls = ['/a', '/b', '/c', '/d'].map((path) => started(proxy.url + path));
      await settled(2, 2);
      upstream.respond();
      await settled(2, 1);
      upstream.respond();
      await settled(2, 0);
      upstream.respond();
      upstream.respond();
      const statuses = await Promise.all(calls.map(async ({ response }) => (await response).status));
      expect(statuses).to.deep.equal([200, 200, 200, 200]);
      expect(upstream.most).to.equal(2);
      await settled(0, 0);
    });

    it('refuses the call for which the queue has no place, by itself', async () => {
      const { limiter, upstream, proxy, settled } = await limited(
        { name: 'weather', limit: 1, queue: 1 },
        way,
      );
      const events: ConcurrencyEvents['refused'][0][] = [];
      limiter.on('refused', (event) => events.push(event));
      started(proxy.url);
      started(proxy.url);
      await settled(1, 1);
      const refused = await call(proxy.url);
      expect(refused.status).to.equal(503);
      expect(refused.headers).to.include({
        'retry-after': '1',
        'proxy-status': 'resilient-proxy-out; error=connection_limit_reached',
      });
      expect(refused.json()).to.deep.equal({
        error:
          'Too many requests to "weather" at once: 1 in flight (limit 1), 1 waiting; the queue is full. ' +
          'Please try again later',
        code: 'ERR_CONCURRENCY_LIMIT',
      });
      expect(proxy.errors).to.have.nested.property('[0].by', 'self');
      expect(events).to.deep.equal([{ api: 'weather', of: '', because: 'queue', limit: 1, inFlight: 1 }]);
      expect(limiter.refused()).to.deep.equal({ queue: 1, wait: 0 });
      expect(upstream.requests).to.have.length(1);
    });

    it('makes no call wait where the queue has no places', async () => {
      const { proxy, settled } = await limited({ limit: 1, queue: 0 }, way);
      started(proxy.url);
      await settled(1, 0);
      expect((await call(proxy.url)).status).to.equal(503);
    });

    it('refuses a call that has waited for too long', async () => {
      const { limiter, upstream, proxy, settled } = await limited({ limit: 1, maxWaitMs: 40 }, way);
      started(proxy.url);
      await settled(1, 0);
      const refused = await call(proxy.url);
      expect(refused.status).to.equal(503);
      expect(refused.json()).to.have.property('code', 'ERR_CONCURRENCY_LIMIT');
      expect(limiter.refused()).to.deep.equal({ queue: 0, wait: 1 });
      await settled(1, 0);
      upstream.respond();
      await settled(0, 0);
    });

    it('gives the place of a client that leaves its queue to nobody, and its request in flight back', async () => {
      const { upstream, proxy, settled } = await limited({ limit: 1, queue: 2 }, way);
      const first = started(proxy.url);
      await settled(1, 0);
      const second = started(`${proxy.url}/second`);
      await settled(1, 1);
      const third = started(`${proxy.url}/third`);
      await settled(1, 2);
      second.leave();
      await settled(1, 1);
      first.leave();
      await until(() => upstream.held.join() === '/third', 'the request of the third');
      await settled(1, 0);
      upstream.respond();
      expect((await third.response).status).to.equal(200);
      await settled(0, 0);
    });

    it('counts a request until the last byte of its response', async () => {
      const limiter = opened({ limit: 1, queue: 0 }, forwards);
      const ends: (() => void)[] = [];
      const upstream = await startUpstream((_req, res) => {
        res.write('first');
        ends.push(() => res.end());
      });
      const { url } = await startForward({ target: upstream.url, transport }, limiter);
      const stream = await headOf(begin(url));
      expect((await call(url)).status).to.equal(503);
      stream.res.resume();
      ends[0]?.();
      await until(() => sums(limiter).inFlight === 0);
      const broken = await headOf(begin(url));
      broken.req.destroy();
      await until(() => sums(limiter).inFlight === 0);
    });

    it('counts what fails no longer', async () => {
      const limiter = opened({ limit: 1 }, forwards);
      const upstream = await startUpstream((req) => void req.socket.destroy());
      const { url } = await startForward({ target: upstream.url, transport }, limiter);
      for (let i = 0; i < 3; i++) expect((await call(url)).status).to.equal(502);
      expect(sums(limiter)).to.deep.equal({ inFlight: 0, waiting: 0 });
    });

    it('takes a place for each attempt, and holds none between them', async () => {
      const slow = retry({
        maxAttempts: 2,
        initialDelayMs: 60_000,
        maxDelayMs: 60_000,
        totalTimeoutMs: 300_000,
      });
      const { upstream, proxy, settled } = await limited({ limit: 1 }, way, { after: [slow] });
      started(`${proxy.url}/failing`);
      await settled(1, 0);
      upstream.respond('/failing', 503);
      await settled(0, 0);
      const other = started(`${proxy.url}/other`);
      await settled(1, 0);
      upstream.respond('/other');
      expect((await other.response).status).to.equal(200);
    });

    it('lets a retry wait for its turn', async () => {
      const quick = retry({ initialDelayMs: 1, maxDelayMs: 1, budgetRatio: false });
      const { upstream, proxy, settled } = await limited({ limit: 1 }, way, { after: [quick] });
      const failing = started(`${proxy.url}/failing`);
      await settled(1, 0);
      started(`${proxy.url}/other`);
      await settled(1, 1);
      upstream.respond('/failing', 503);
      await settled(1, 1);
      expect(upstream.held).to.deep.equal(['/other']);
      upstream.respond('/other');
      await until(() => upstream.held.includes('/failing'));
      upstream.respond('/failing');
      expect((await failing.response).status).to.equal(200);
      await settled(0, 0);
    });

    it('passes on what the target has sent where a retry would find the queue full', async () => {
      const quick = retry({ initialDelayMs: 1, maxDelayMs: 1, budgetRatio: false });
      const { upstream, proxy, settled } = await limited({ limit: 1, queue: 1 }, way, { after: [quick] });
      const failing = started(`${proxy.url}/failing`);
      await settled(1, 0);
      started(`${proxy.url}/other`);
      await settled(1, 1);
      upstream.respond('/failing', 503);
      expect((await failing.response).text).to.equal('done');
    });

    it('lets nobody wait behind a circuit that opens', async () => {
      const circuit = breaker({ failureThreshold: 1, resetTimeoutMs: 60_000 });
      const { upstream, proxy, settled } = await limited({ limit: 2 }, way, { before: [circuit] });
      const calls = ['/a', '/b', '/c', '/d', '/e'].map((path) => started(proxy.url + path));
      await settled(2, 3);
      upstream.respond(undefined, 500);
      await until(() => proxy.errors.length === 3, 'the calls that wait to be refused');
      expect(upstream.held).to.have.length(1);
      expect(upstream.requests).to.have.length(2);
      upstream.respond();
      const codes = await Promise.all(
        calls.map(
          async ({ response }) => Object((await response).status === 503 && (await response).json()).code,
        ),
      );
      expect(codes.filter((code) => code === 'ERR_CIRCUIT_OPEN')).to.have.length(3);
    });

    it('lets nobody wait behind a circuit that is forced open', async () => {
      const circuit = breaker();
      const { proxy, settled } = await limited({ limit: 1 }, way, { before: [circuit] });
      started(proxy.url);
      const waiting = started(proxy.url);
      await settled(1, 1);
      circuit.forceOpen();
      expect((await waiting.response).json()).to.have.property('code', 'ERR_CIRCUIT_OPEN');
    });

    it('does not count its refusals against the circuit', async () => {
      const circuit = breaker({ failureThreshold: 1 });
      const { proxy, settled } = await limited({ limit: 1, queue: 0 }, way, { before: [circuit] });
      started(proxy.url);
      await settled(1, 0);
      expect((await call(proxy.url)).status).to.equal(503);
      expect(circuit.state).to.equal('CLOSED');
    });

    it('lets keys take turns', async () => {
      const { upstream, proxy, settled } = await limited({ limit: 1, key: tenant }, way);
      started(`${proxy.url}/first`);
      await settled(1, 0);
      let waiting = 0;
      for (const path of ['/a/1', '/a/2', '/a/3', '/b/1', '/b/2', '/c/1']) {
        started(proxy.url + path, { headers: { 'x-tenant': path[1] ?? '' } });
        await settled(1, ++waiting);
      }
      const order: string[] = [];
      while (waiting >= 0) {
        order.push(...upstream.held);
        upstream.respond();
        if (waiting > 0) await settled(1, waiting - 1);
        waiting--;
      }
      expect(order).to.deep.equal(['/first', '/a/1', '/b/1', '/c/1', '/a/2', '/b/2', '/a/3']);
    });

    it('gives the last place of the longest backlog to another key', async () => {
      const { proxy, settled } = await limited({ limit: 1, queue: 3, key: tenant }, way);
      const of = (name: string) => started(proxy.url, { headers: { 'x-tenant': name } });
      started(proxy.url);
      await settled(1, 0);
      const calls = [of('a'), of('a'), of('a')];
      await settled(1, 3);
      of('b');
      const refused = await Promise.race(calls.map(({ response }) => response));
      expect(refused.status).to.equal(503);
      await settled(1, 3);
      expect((await of('a').response).status).to.equal(503);
    });

    it('has a limit for each key', async () => {
      const { upstream, limiter, proxy, settled } = await limited(
        { limit: 1, queue: 0, per: 'key', key: tenant },
        way,
      );
      const of = (name: string) => started(proxy.url, { headers: { 'x-tenant': name } });
      of('a');
      of('b');
      await settled(2, 0);
      expect((await of('a').response).status).to.equal(503);
      expect(limiter.status().map(({ of, inFlight }) => [of, inFlight])).to.have.deep.members([
        ['a', 1],
        ['b', 1],
      ]);
      upstream.respond();
      upstream.respond();
      await until(() => limiter.status().length === 0, 'what nobody uses to be forgotten');
    });

    it('has a limit for each credential', async () => {
      const { proxy, settled } = await limited({ limit: 1, queue: 0, per: 'credential' }, way);
      const of = (key: string) => started(proxy.url, { headers: { authorization: key } });
      of('one');
      of('two');
      await settled(2, 0);
      expect((await of('one').response).status).to.equal(503);
    });

    it('fails a call whose key throws', async () => {
      const key = () => {
        throw new Error('no tenant');
      };
      const { proxy, upstream } = await limited({ limit: 1, per: 'key', key }, way);
      expect((await call(proxy.url)).status).to.equal(500);
      expect(upstream.requests).to.have.length(0);
    });

    it('fails a call whose key is a promise, which would be a limit of its own', async () => {
      const key = (async () => 'tenant') as never;
      const { proxy, upstream } = await limited({ limit: 1, per: 'key', key }, way);
      expect((await call(proxy.url)).status).to.equal(500);
      expect(upstream.requests).to.have.length(0);
    });

    it('counts a call once that passes it twice', async () => {
      const limiter = opened({ limit: 1, queue: 0 }, forwards);
      const upstream = await startUpstream(status(200));
      const { url } = await startForward({ target: upstream.url, transport }, limiter, limiter);
      expect((await call(url)).status).to.equal(200);
      await until(() => sums(limiter).inFlight === 0);
    });

    it('refuses those who wait and those who come later when it is closed', async () => {
      const { limiter, proxy, settled } = await limited({ limit: 1 }, way);
      started(proxy.url);
      const waiting = started(proxy.url);
      await settled(1, 1);
      await limiter.close();
      expect((await waiting.response).json()).to.have.property('code', 'ERR_SHUTTING_DOWN');
      expect((await call(proxy.url)).json()).to.have.property('code', 'ERR_SHUTTING_DOWN');
    });
  });
