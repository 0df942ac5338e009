import { expect } from 'chai';
import { optionsOf } from '../../../lib/apis/blocks.js';
import { parseConfig } from '../../../lib/config/load-config.js';
import { rateLimit } from '../../../lib/rate-limit/rate-limit.js';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { blocksOf } from '../../support/pages.js';
import { serve } from '../../support/serve.js';
import { toyTime } from '../../support/toy-time.js';
import { until } from '../../support/until.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** The API that the first block of a recipe configures. */
async function apiOf(page: string, name: string) {
  const [block] = await blocksOf(page);
  const { config } = parseConfig(block?.text ?? '', { env: { LLM_KEY: 'secret' } });
  const api = config.apis[name];
  if (!api) throw new Error(`${page} has no API ${name}`);
  return api;
}

describe('recipes/scrape-politely.md', () => {
  it('sends at most 50 requests in any 10 s', async () => {
    const api = await apiOf('recipes/scrape-politely.md', 'catalogue');
    const time = toyTime();
    const limiter = rateLimit(api.rateLimit as RateLimitOptions, time);
    onCleanup(() => limiter.close());
    const seen: number[] = [];
    const upstream = await startUpstream((_req, res) => {
      seen.push(time.steady());
      res.end();
    });
    const { url } = await startForward({ target: upstream.url }, limiter);
    await call(url);
    time.advance(9000);
    let queued = 0;
    limiter.on('queued', () => queued++);
    const calls = Array.from({ length: 130 }, () => call(url));
    await until(() => queued === 81 && seen.length === 50, '81 calls to wait');
    // As many as fell out of the last 10 s.
    for (const [ms, sent] of [
      [1005, 51],
      [9005, 100],
      [1005, 101],
      [9010, 131],
    ] as const) {
      time.advance(ms);
      await until(() => seen.length === sent, `${sent} requests`);
    }
    await Promise.all(calls);
    const most = Math.max(
      ...seen.map((from) => seen.filter((at) => at >= from && at < from + 10_000).length),
    );
    expect(most).to.equal(50);
  });
});

describe('recipes/llm-apis.md', () => {
  async function llm(respond: UpstreamResponse) {
    const upstream = await startUpstream(respond);
    const api = await apiOf('recipes/llm-apis.md', 'llm');
    const proxy = resilientProxy({
      ...api,
      name: 'llm',
      target: upstream.url,
      retry: { ...optionsOf(api.retry), initialDelayMs: 1 },
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const post = () => call(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model":"x"}' });
    return { upstream, proxy, post };
  }

  it('sends a POST again after a 429, and not after a 500', async () => {
    const script = [429, 200, 500, 200];
    const { upstream, post } = await llm((_req, res) => {
      res.writeHead(script.shift() ?? 200, { 'retry-after-ms': '5' }).end('{}');
    });
    expect((await post()).status).to.equal(200);
    expect(upstream.requests).to.have.length(2);
    expect(upstream.requests[0]?.headers.authorization).to.equal('Bearer secret');
    expect((await post()).status).to.equal(500);
    expect(upstream.requests).to.have.length(3);
  });

  it('passes a 429 on at once where the money is used up', async () => {
    const { upstream, post } = await llm((_req, res) => {
      res.writeHead(429, { 'content-type': 'application/json' });
      res.end('{"error":{"code":"insufficient_quota"}}');
    });
    const response = await post();
    expect([response.status, response.text]).to.deep.equal([429, '{"error":{"code":"insufficient_quota"}}']);
    expect(upstream.requests).to.have.length(1);
  });

  it('takes what a stream says it has used from the budget', async () => {
    const { post, upstream } = await llm((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {"choices":[{}],"usage":null}\n\n');
      setImmediate(() =>
        res.end('data: {"choices":[],"usage":{"total_tokens":2000000}}\n\ndata: [DONE]\n\n'),
      );
    });
    expect((await post()).status).to.equal(200);
    const refused = await post();
    expect([refused.status, (refused.json() as { code: string }).code]).to.deep.equal([
      429,
      'ERR_RATE_LIMITED',
    ]);
    expect(upstream.requests).to.have.length(1);
  });

  it('passes a stream on, and lists requests and tokens as two limits', async () => {
    const { proxy, post } = await llm((_req, res) => {
      res.writeHead(200, {
        'content-type': 'text/event-stream',
        'x-ratelimit-limit-requests': '60',
        'x-ratelimit-remaining-requests': '59',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-limit-tokens': '150000',
        'x-ratelimit-remaining-tokens': '149984',
        'x-ratelimit-reset-tokens': '6m0s',
      });
      res.write('data: one\n\n');
      setImmediate(() => res.end('data: [DONE]\n\n'));
    });
    expect((await post()).text).to.equal('data: one\n\ndata: [DONE]\n\n');
    expect(proxy.egress().limits.map(({ name, limit }) => [name, limit])).to.deep.equal([
      ['requests', 60],
      ['tokens', 150_000],
    ]);
  });
});
