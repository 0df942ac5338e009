import { setImmediate } from 'node:timers/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { retry } from '../../../lib/index.js';
import type { RateLimitOptions } from '../../../lib/rate-limit/rate-limit-options.js';
import { call, open } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { startRedis } from '../../support/redis.js';
import { toyTime } from '../../support/toy-time.js';
import { startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';
import { opened } from './testing.js';

const DAY = 86_400_000;
const COST: RateLimitOptions = {
  cost: '/usage/total_tokens',
  limits: [{ limit: 100, windowMs: DAY, unit: 'tokens' }],
};

const sends =
  (body: string | Buffer, headers: Record<string, string> = {}): UpstreamResponse =>
  (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
  };

const used = (tokens: number) => JSON.stringify({ usage: { total_tokens: tokens }, text: 'x' });
const stream = (tokens: number) => {
  const chunk = `data: ${JSON.stringify({ choices: [{ text: 'x'.repeat(200) }], usage: null })}\n\n`;
  return `${chunk.repeat(500)}data: ${used(tokens)}\n\ndata: [DONE]\n\n`;
};
const EVENTS = { 'content-type': 'text/event-stream; charset=utf-8' };

for (const transport of TRANSPORTS) {
  describe(`rateLimit({ cost: a pointer }) over the ${transport} transport`, () => {
    async function start(script: UpstreamResponse | UpstreamResponse[], options: RateLimitOptions = COST) {
      const time = toyTime();
      const upstream = await startUpstream(script);
      const { url } = await startForward({ target: upstream.url, transport }, opened(options, time));
      const gets = async (times: number) => {
        const statuses: number[] = [];
        for (let i = 0; i < times; i++) statuses.push((await call(url)).status);
        return statuses;
      };
      return { time, upstream, url, gets };
    }

    const FORMS: [name: string, script: UpstreamResponse][] = [
      ['JSON', sends(used(40))],
      ['compressed JSON', sends(gzipSync(used(40)), { 'content-encoding': 'gzip' })],
      ['the last event of a stream', sends(stream(40), EVENTS)],
      ['a compressed stream', sends(brotliCompressSync(stream(40)), { ...EVENTS, 'content-encoding': 'br' })],
      [
        'the last line of a stream',
        sends(`{"a":1}\n${used(40)}\n`, { 'content-type': 'application/x-ndjson' }),
      ],
    ];
    for (const [name, script] of FORMS)
      it(`charges what ${name} tells, and lets calls go while tokens are left`, async () => {
        const { gets, time } = await start(script);
        expect(await gets(5)).to.deep.equal([200, 200, 200, 429, 429]);
        time.advance(DAY + DAY / 100);
        expect(await gets(4)).to.deep.equal([200, 200, 200, 429]);
      });

    it('charges nothing where nothing is told, and counts requests by themselves', async () => {
      const limits = [...(COST.limits ?? []), { limit: 7, windowMs: DAY }];
      for (const script of [
        sends('{}'),
        sends('[1'),
        status(500),
        sends(used(99), { 'content-type': 'text/plain' }),
      ]) {
        const { gets } = await start(script, { ...COST, limits });
        expect((await gets(8)).filter((code) => code !== 429)).to.have.length(7);
      }
      const { gets } = await start(sends(used(1)), { cost: COST.cost, limits, limit: 5, windowMs: DAY });
      expect((await gets(6)).filter((code) => code !== 429)).to.have.length(5);
    });

    it('charges a stream that its client leaves with the mean of the others', async () => {
      let last: (() => void) | undefined;
      const { gets, url, upstream } = await start([
        sends(used(60)),
        (_req, res) => {
          res.writeHead(200, EVENTS).write('data: {}\n\n');
          res.on('close', () => last?.());
        },
        sends(used(1)),
      ]);
      await gets(1);
      const { req } = await open(url);
      const closed = new Promise<void>((resolve) => {
        last = resolve;
      });
      req.destroy();
      await closed;
      expect(await gets(1)).to.deep.equal([429]);
      expect(upstream.requests).to.have.length(2);
    });
  });
}

describe('rateLimit({ cost: a pointer })', () => {
  it('charges responses that are retried as well, where their bodies were seen', async () => {
    const upstream = await startUpstream(sends(JSON.stringify({ errors: 1, usage: { total_tokens: 60 } })));
    const { url } = await startForward(
      { target: upstream.url },
      opened(COST),
      retry({ failureWhen: { json: '/errors' }, initialDelayMs: 1, maxAttempts: 2, budgetRatio: false }),
    );
    await call(url);
    expect((await call(url)).status).to.equal(429);
    expect(upstream.requests).to.have.length(2);
  });

  for (const algorithm of ['sliding', 'fixed', 'spaced'] as const)
    it(`charges a quota that processes share, ${algorithm}`, async () => {
      const server = await startRedis();
      const upstream = await startUpstream(sends(used(150)));
      const redis = { host: server.host, port: server.port };
      const member = async () => {
        const limiter = opened({ ...COST, algorithm, redis, commandTimeoutMs: 2000 });
        return (await startForward({ target: upstream.url }, limiter)).url;
      };
      const [first, second] = [await member(), await member()];
      expect((await call(first)).status).to.equal(200);
      // The charge goes out after the response.
      while ((await call(second)).status !== 429) await setImmediate();
      expect(upstream.requests.length).to.be.at.most(3);
    });

  for (const algorithm of ['fixed', 'spaced'] as const)
    it(`charges a quota of one process, ${algorithm}`, async () => {
      const upstream = await startUpstream(sends(used(150)));
      const { url } = await startForward({ target: upstream.url }, opened({ ...COST, algorithm }));
      expect([(await call(url)).status, (await call(url)).status]).to.deep.equal([200, 429]);
    });
});
