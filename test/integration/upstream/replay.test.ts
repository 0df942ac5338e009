import { expect } from 'chai';
import type { RetryPolicy } from '../../../lib/core/exchange.js';
import { type Exchange, exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { bigBody } from '../../support/bytes.js';
import { listenerWarningsSeen } from '../../support/cleanup.js';
import { call, keepAliveAgent } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { hangUp, json, startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';

/** A simple policy: every failure and every 5xx is retried at once, up to a number of attempts. */
function tryAgain(maxAttempts: number, seen: Exchange[] = []): Handler {
  const policy: RetryPolicy = {
    maxBodyBytes: 2_000_000,
    totalTimeoutMs: 10_000,
    resends: () => true,
    delayAfter: (outcome, { attemptsMade, replayable }) => {
      const failed =
        outcome.kind === 'failure' || (outcome.kind === 'response' && outcome.head.status >= 500);
      return failed && replayable && attemptsMade < maxAttempts ? 0 : undefined;
    },
    drive: async (again) => {
      for (;;) {
        let givenUp: Error | undefined;
        const done = await again((error) => {
          givenUp = error;
        }).then(
          () => true,
          () => false,
        );
        if (done || givenUp) return;
      }
    },
  };
  return (req, res, next) => {
    const exchange = exchangeOf(req, res);
    seen.push(exchange);
    exchange.retry = policy;
    next();
  };
}

/** Destroys the connection after it has read a part of the body. */
const cutInTheMiddle: UpstreamResponse = (req) => void req.once('data', () => req.socket.destroy());

for (const transport of TRANSPORTS) {
  describe(`forward() under a retry policy, transport ${transport}`, () => {
    it('sends a body of 1 MB whole each time', async () => {
      const upstream = await startUpstream([status(503), cutInTheMiddle, hangUp, json({ ok: true })]);
      const proxy = await startForward({ target: upstream.url, transport }, tryAgain(4));
      const response = await call(proxy.url, {
        method: 'PUT',
        body: bigBody(1_000_000),
        headers: { 'content-length': 1_000_000 },
        agent: keepAliveAgent(),
      });
      expect(response.json()).to.deep.equal({ ok: true });
      expect(upstream.requests.map(({ bytes }) => bytes === 1_000_000)).to.deep.equal([
        true,
        false,
        true,
        true,
      ]);
    });

    it('responds with the last response, its body whole, when all attempts failed', async () => {
      const long: UpstreamResponse = (req, res) =>
        void req.on('end', () => res.writeHead(503, { 'x-last': '1' }).end('x'.repeat(300_000)));
      const upstream = await startUpstream(long);
      const seen: Exchange[] = [];
      const proxy = await startForward({ target: upstream.url, transport }, tryAgain(3, seen));
      const response = await call(proxy.url);
      expect(response.status).to.equal(503);
      expect(response.body).to.have.length(300_000);
      expect(seen[0]?.attempts.map(({ outcome }) => outcome?.kind)).to.deep.equal([
        'response',
        'response',
        'response',
      ]);
    });

    it('keeps the client’s response free of earlier attempts', async () => {
      const broken: UpstreamResponse = (req, res) => {
        res.writeHead(503, { 'content-length': '50000', 'set-cookie': 'bad=1', 'x-bad': '1' });
        res.write('x'.repeat(1000), () => req.socket.destroy());
      };
      const upstream = await startUpstream([broken, status(500, { 'x-bad': '1' }), json({ ok: true })]);
      const proxy = await startForward({ target: upstream.url, transport }, tryAgain(3));
      const response = await call(proxy.url);
      expect(response.json()).to.deep.equal({ ok: true });
      expect(response.headers).to.not.have.any.keys('x-bad', 'set-cookie');
    });

    it('reuses the connection of a discarded response', async () => {
      const upstream = await startUpstream([status(503), status(503), json({})]);
      const proxy = await startForward({ target: upstream.url, transport }, tryAgain(3));
      await call(proxy.url);
      expect(upstream.connections.total).to.equal(1);
    });

    it('adds no listeners, however many attempts a call takes', async () => {
      const upstream = await startUpstream([
        ...Array<UpstreamResponse>(19).fill(status(503)),
        json({ ok: true }),
      ]);
      const proxy = await startForward({ target: upstream.url, transport }, tryAgain(20));
      expect((await call(proxy.url, { method: 'PUT', body: 'x' })).json()).to.deep.equal({ ok: true });
      expect(upstream.requests).to.have.length(20);
      await new Promise((resolve) => setImmediate(resolve));
      expect(listenerWarningsSeen()).to.deep.equal([]);
    });

    it('adds no listeners over many calls on one connection', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });
      const agent = keepAliveAgent();
      for (let i = 0; i < 60; i++)
        await call(proxy.url, { agent, ...(i % 2 ? { method: 'POST', body: 'x' } : {}) });
      expect(proxy.connections.total).to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(listenerWarningsSeen()).to.deep.equal([]);
    });
  });
}
