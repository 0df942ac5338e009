import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { type ResilientProxyConfig, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call } from '../../support/client.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';
import { readPage } from '../../unit/metrics/metrics-page.js';

const P = 'resilient_proxy_';

async function start(config: ResilientProxyConfig) {
  const proxy = resilientProxy(config as ResilientProxyConfig & { stats?: false });
  onCleanup(() => proxy.close());
  const { url } = await serve(proxy);
  const value = async (name: string, labels: Record<string, string>) =>
    readPage((await proxy.metrics?.render()) ?? '').value(P + name, labels);
  return { url, value };
}

for (const transport of TRANSPORTS) {
  describe(`gauges of an API over the ${transport} transport`, () => {
    it('tell calls in flight, connections that are busy and idle, and who waits for one', async () => {
      const held: ServerResponse[] = [];
      const upstream = await startUpstream((_req, res) => void held.push(res));
      const options = { target: upstream.url, connections: 2, transport };
      const { url, value } = await start({ metrics: {}, apis: { a: options, b: options } });
      const shown = async () => [
        await value('api_calls_in_flight', { api: 'a' }),
        await value('connections', { api: 'a', state: 'busy' }),
        await value('connections', { api: 'a', state: 'idle' }),
        await value('connections_waiting', { api: 'a' }),
      ];
      expect(await shown()).to.deep.equal([0, 0, 0, 0]);
      const calls = [1, 2, 3].map(() => begin(`${url}/a/x`));
      const responses = calls.map(
        (req) => new Promise((resolve) => req.on('response', (res) => res.resume().on('end', resolve))),
      );
      await until(() => held.length === 2, 'two requests');
      await waitFor(async () => (await value('api_calls_in_flight', { api: 'a' })) === 3);
      await waitFor(async () => (await value('connections_waiting', { api: 'a' })) === 1);
      expect(await shown()).to.deep.equal([3, 2, 0, 1]);
      expect(await value('api_calls_in_flight', { api: 'b' })).to.equal(0);
      for (const res of held.splice(0)) res.end('x');
      await until(() => held.length === 1, 'the third request');
      held[0]?.end('x');
      await Promise.all(responses);
      await waitFor(async () => (await value('connections', { api: 'a', state: 'idle' })) === 2);
      expect(await shown()).to.deep.equal([0, 0, 2, 0]);
    });
  });
}

describe('gauges of an API', () => {
  it('tell what is left of its quota, and who waits for it', async () => {
    const upstream = await startUpstream(status(200));
    const { url, value } = await start({
      metrics: {},
      apis: {
        a: {
          target: upstream.url,
          rateLimit: { limit: 2, windowMs: 10_000, maxWaitMs: 20_000, onLimit: 'queue' },
        },
      },
    });
    const labels = { api: 'a', quota: 'limit' };
    expect(await value('quota_limit', labels)).to.equal(2);
    expect(await value('quota_remaining', labels)).to.equal(2);
    await call(`${url}/a/x`);
    expect(await value('quota_remaining', labels)).to.equal(1);
    await call(`${url}/a/x`);
    const waiting = begin(`${url}/a/x`);
    waiting.on('error', () => {});
    await waitFor(async () => (await value('quota_waiting', labels)) === 1);
    expect(await value('quota_remaining', labels)).to.equal(0);
    waiting.destroy();
    await waitFor(async () => (await value('quota_waiting', labels)) === 0);
  });

  it('tell what is left of its retry budget', async () => {
    const upstream = await startUpstream([status(503), status(503), status(200)]);
    const { url, value } = await start({
      metrics: {},
      apis: {
        a: { target: upstream.url, breaker: false, retry: { maxAttempts: 3, initialDelayMs: 1 } },
        b: { target: upstream.url, retry: false },
        c: { target: upstream.url, retry: { budgetRatio: false } },
      },
    });
    expect(await value('retry_budget_remaining', { api: 'a' })).to.equal(10);
    for (const api of ['b', 'c']) expect(await value('retry_budget_remaining', { api })).to.equal(undefined);
    await call(`${url}/a/x`);
    expect(await value('retry_budget_remaining', { api: 'a' })).to.be.within(8, 10);
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  let met = false;
  const poll = async (): Promise<void> => {
    while (!met) {
      met = await condition();
      // A page is rendered without leaving this turn of the event loop.
      await new Promise(setImmediate);
    }
  };
  poll().catch(() => {});
  await until(() => met, condition.toString());
}
