import { expect } from 'chai';
import express from 'express';
import type { Handler } from '../../../lib/core/exchange.js';
import { call } from '../../support/client.js';
import { serve, serveApp } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { opened } from './testing.js';

describe('rateLimit() in front of other handlers', () => {
  it('counts calls', async () => {
    const limiter = opened({ limit: 2, windowMs: 60_000 });
    const app = express().use(limiter, (_req, res) => void res.send('fine'));
    app.use(((_error, _req, res, _next) => void res.status(418).end()) as express.ErrorRequestHandler);
    const { url } = await serveApp(app);
    const responses = [await call(url), await call(url), await call(url)];
    expect(responses.map((response) => response.status)).to.deep.equal([200, 200, 418]);
  });

  it("lets Express' own error handler respond with its headers", async () => {
    const { url } = await serveApp(
      express()
        .set('env', 'test')
        .use(opened({ name: 'weather', limit: 1, windowMs: 60_000 }), (_req, res) => void res.send('fine')),
    );
    await call(url);
    const refused = await call(url);
    expect(refused.status).to.equal(429);
    expect(refused.headers).to.have.property('retry-after');
    expect(refused.headers).to.include({ 'ratelimit-policy': '"weather";q=1;w=60' });
  });

  const HANDLERS: [how: string, handler: Handler][] = [
    [
      'setHeader()',
      (_req, res) => {
        res.statusCode = 429;
        res.setHeader('Retry-After', '30');
        res.end();
      },
    ],
    ['writeHead()', (_req, res) => void res.writeHead(429, { 'Retry-After': '30' }).end()],
    ['a list of headers', (_req, res) => void res.writeHead(429, ['Retry-After', '30', 'X-A', ':b']).end()],
  ];
  for (const [how, handler] of HANDLERS) {
    it(`learns from a response that is written by ${how}`, async () => {
      const limiter = opened();
      let calls = 0;
      const { url } = await serve((req, res, next) =>
        limiter(req, res, (error) => {
          if (error) return next(error);
          calls++;
          handler(req, res, next);
        }),
      );
      await call(url);
      await until(() => limiter.status().length === 1);
      const refused = await call(url);
      expect(refused.json()).to.have.property('code', 'ERR_RATE_LIMITED');
      expect(calls).to.equal(1);
    });
  }

  it('learns nothing from limits that an earlier middleware has set on the response', async () => {
    const limiter = opened();
    const { url } = await serve((req, res, next) => {
      res.setHeader('RateLimit-Remaining', '0');
      res.setHeader('RateLimit-Reset', '60');
      limiter(req, res, (error) => (error ? next(error) : void res.end('fine')));
    });
    const responses = [await call(url), await call(url), await call(url)];
    expect(responses.map((response) => response.status)).to.deep.equal([200, 200, 200]);
  });
});
