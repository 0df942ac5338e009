import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import express from 'express';
import request from 'supertest';
import { breaker } from '../../../lib/breaker/breaker.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { retry } from '../../../lib/retry/retry.js';
import { begin, call, endingOf, keepAliveAgent, open } from '../../support/client.js';
import { openForward, startForward } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { serve, serveApp } from '../../support/serve.js';
import { eventOf, until } from '../../support/until.js';
import { json, silence, startUpstream, status, text } from '../../support/upstream.js';
import { counted, openCache } from '../cache/testing.js';
import { figuresOf, openStats, viewOf } from './testing.js';

// It ships no types of its own.
const express4: typeof express = createRequire(import.meta.url)('express4');

const NOTHING = { aborted: 0, attempts: 0, retried: 0, bytesIn: 0 };

describe('stats() in front of a foreign handler', () => {
  it('counts the responses of a plain handler', async () => {
    const counter = openStats();
    const { url } = await serve(
      pipeline([counter, (req, res) => res.writeHead(req.url === '/bad' ? 500 : 200).end('hello')]),
    );
    for (const path of ['/users/1', '/users/2?page=1', '/bad']) await call(url + path);
    const { figures, recentErrors } = await viewOf(counter, 3);
    expect(figures).to.deep.include({
      ...NOTHING,
      ...{ success: 2, failure: 1, statusCodes: { '200': 2, '500': 1 }, bytesOut: 15 },
      ...{ cache: {}, proxies: {}, errors: {} },
    });
    expect(figures.responseTime.count).to.equal(3);
    expect(figures.timeToFirstByte.count).to.equal(3);
    expect(recentErrors).to.have.length(1);
    expect(recentErrors[0]).to.include({
      ...{ status: 500, code: undefined, message: 'status 500 Internal Server Error' },
      ...{ method: 'GET', path: '/bad', requestId: undefined, attempts: 0 },
    });
    const paths = await counter.paths('default');
    expect(paths?.map(({ path, all }) => [path, all.total])).to.deep.equal([
      ['/users/:id', 2],
      ['/bad', 1],
    ]);
  });

  for (const [version, make] of [
    ['5', express],
    ['4', express4],
  ] as const) {
    it(`counts each request below its mount path in Express ${version}, also one that an error handler serves`, async () => {
      const counter = openStats({ name: 'shop' });
      const app = make().set('env', 'test');
      app.use('/shop', counter);
      app.get('/shop/items/:item', (_req, res) => void res.json({ ok: true }));
      app.get('/shop/fails', () => {
        throw new ProxyError('ERR_CIRCUIT_OPEN', 'not now', { retryAfterMs: 1000 });
      });
      const { url } = await serveApp(app);
      await request(url).get('/shop/items/17').expect(200);
      await request(url).get('/shop/nowhere').expect(404);
      await request(url).get('/shop/fails').expect(503);
      await request(url).get('/elsewhere').expect(404);
      const { figures } = await viewOf(counter, 3, 'shop');
      expect(figures.statusCodes).to.deep.equal({ '200': 1, '404': 1, '503': 1 });
      const paths = await counter.paths('shop');
      expect(paths?.map(({ path }) => path)).to.deep.equal(['/items/:id', '/nowhere', '/fails']);
    });
  }

  it('counts the bytes of bodies both ways, with and without a length', async () => {
    const counter = openStats();
    const echo: Handler = (req, res) => {
      res.write('ä');
      req.on('data', (chunk) => res.write(chunk)).on('end', () => res.end(Buffer.from('end')));
    };
    const { url } = await serve(pipeline([counter, echo]));
    await call(url, { method: 'POST', body: 'x'.repeat(1000) });
    await call(url, { method: 'POST', body: 'y'.repeat(500), headers: { 'transfer-encoding': 'chunked' } });
    const { bytesIn, bytesOut } = await figuresOf(counter, 2);
    expect({ bytesIn, bytesOut }).to.deep.equal({ bytesIn: 1500, bytesOut: 1500 + 2 * 5 });
  });

  it('counts no bytes of bodies that are not sent', async () => {
    const counter = openStats();
    const { url } = await serve(
      pipeline([counter, (req, res) => res.writeHead(req.url === '/304' ? 304 : 200).end('hello')]),
    );
    await call(url, { method: 'HEAD' });
    await call(`${url}/304`);
    expect(await figuresOf(counter, 2)).to.include({ bytesOut: 0 });
  });

  it('streams a large body with back-pressure', async () => {
    const counter = openStats();
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    let waits = 0;
    const endless: Handler = (_req, res) => {
      let left = 64;
      const write = (): void => {
        while (left > 0) {
          left--;
          if (!res.write(megabyte)) {
            waits++;
            res.once('drain', write);
            return;
          }
        }
        res.end();
      };
      write();
    };
    const { url } = await serve(pipeline([counter, endless]));
    const { res } = await open(url);
    await until(() => waits > 0, 'the writer to wait');
    expect(waits).to.be.below(60);
    expect((await endingOf(res)).bytes).to.equal(64 * megabyte.length);
    expect(await figuresOf(counter, 1)).to.include({ bytesOut: 64 * megabyte.length, success: 1 });
  });

  it('counts a client that leaves before the head as aborted, not as a failure', async () => {
    const counter = openStats();
    const server = await startUpstream(silence);
    const { url } = await serve(pipeline([counter, openForward({ target: server.url })]));
    const leaving = begin(`${url}/slow`);
    await until(() => server.requests.length === 1, 'the call to reach the upstream');
    leaving.destroy();
    const figures = await figuresOf(counter, 1);
    expect(figures).to.deep.include({ success: 0, failure: 0, aborted: 1, statusCodes: {} });
    expect(figures.responseTime.count, 'the time it has waited').to.equal(1);
  });

  it('does not count a client that leaves amid the body as a failure', async () => {
    const counter = openStats();
    const { url } = await serve(pipeline([counter, (_req, res) => void res.write('first')]));
    const { req, res } = await open(url);
    await eventOf(res, 'data');
    req.destroy();
    const figures = await figuresOf(counter, 1);
    expect(figures).to.deep.include({ success: 0, failure: 0, aborted: 0, statusCodes: { '200': 1 } });
  });

  it('counts every request of a keep-alive connection, pipelined ones too', async () => {
    const counter = openStats();
    const { url, port } = await serve(pipeline([counter, (_req, res) => res.end('hello')]));
    const agent = keepAliveAgent();
    for (let i = 0; i < 5; i++) await call(url, { agent });
    const client = await rawClient(port);
    client.send('GET /p HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
    await client.until(/(?:hello[\s\S]*){3}/);
    expect(await figuresOf(counter, 8)).to.include({ success: 8, bytesOut: 40 });
  });

  it('counts a request once, however often it passes the same stats()', async () => {
    const counter = openStats();
    const { url } = await serve(pipeline([counter, counter, (_req, res) => res.end('hello')]));
    await call(url);
    await call(url);
    expect(await figuresOf(counter, 2)).to.include({ bytesOut: 10 });
  });

  it('counts in two stats() of which each has its own view of the path', async () => {
    const outer = openStats({ name: 'outer' });
    const inner = openStats({ name: 'inner' });
    const app = express();
    app.use(outer);
    app.use('/api', inner, (_req: IncomingMessage, res: ServerResponse) => void res.end('hello'));
    const { url } = await serveApp(app);
    await call(`${url}/api/a`);
    expect(await figuresOf(outer, 1, 'outer')).to.include({ bytesOut: 5 });
    expect(await figuresOf(inner, 1, 'inner')).to.include({ bytesOut: 5 });
    expect((await outer.paths('outer'))?.[0]?.path).to.equal('/api/a');
    expect((await inner.paths('inner'))?.[0]?.path).to.equal('/a');
  });
});

describe('stats() in front of our own stages', () => {
  it('counts hits, misses and stale responses of a cache', async () => {
    const counter = openStats();
    const upstream = await startUpstream(counted({ 'cache-control': 'max-age=60' }));
    const { url } = await startForward({ target: upstream.url }, counter, openCache({}));
    for (let i = 0; i < 3; i++) await call(`${url}/a`);
    await call(`${url}/b`, { method: 'DELETE' });
    const figures = await figuresOf(counter, 4);
    expect(figures).to.deep.include({ success: 4, attempts: 2, proxies: { direct: 2 } });
    expect(figures.cache).to.deep.equal({ hit: 2, miss: 1, bypass: 1 });
    expect(figures.timeToFirstByte.count).to.equal(4);
  });

  it('counts requests that wait for the response to another', async () => {
    const counter = openStats();
    const waiting: ServerResponse[] = [];
    const upstream = await startUpstream((_req, res) => void waiting.push(res));
    const { url } = await startForward(
      { target: upstream.url },
      counter,
      openCache({ mode: 'ttl', ttlMs: 60_000 }),
    );
    const calls = [1, 2, 3].map(() => call(`${url}/a`));
    await until(() => waiting.length === 1, 'the one call to reach the upstream');
    waiting[0]?.end('hello');
    await Promise.all(calls);
    const figures = await figuresOf(counter, 3);
    const { coalesced = 0, hit = 0, miss = 0 } = figures.cache;
    expect([coalesced + hit, miss, figures.attempts]).to.deep.equal([2, 1, 1]);
  });

  it('counts attempts and requests that took several', async () => {
    const counter = openStats();
    const upstream = await startUpstream([status(503), status(503), status(200)]);
    const { url } = await startForward({ target: upstream.url }, counter, retry({ initialDelayMs: 1 }));
    await call(url);
    await call(url);
    expect(await figuresOf(counter, 2)).to.deep.include({
      ...{ success: 2, attempts: 4, retried: 1, proxies: { direct: 4 }, statusCodes: { '200': 2 } },
    });
  });

  it('counts refusals of an open circuit with their code', async () => {
    const counter = openStats();
    const guard = breaker();
    guard.forceOpen();
    const upstream = await startUpstream(status(200));
    const { url } = await startForward({ target: upstream.url }, counter, guard);
    await call(`${url}/x?apikey=hunter2`, { headers: { 'x-request-id': 'call-7' } });
    const { figures, recentErrors } = await viewOf(counter, 1);
    expect(figures).to.deep.include({ failure: 1, attempts: 0, errors: { ERR_CIRCUIT_OPEN: 1 } });
    expect(recentErrors[0]).to.include({
      ...{ status: 503, code: 'ERR_CIRCUIT_OPEN', path: '/x?apikey=***', requestId: 'call-7' },
      message:
        'Service temporarily unavailable: circuit "default" was forced open. Please try again in 30 seconds',
    });
  });

  it('counts a target that cannot be reached', async () => {
    const counter = openStats();
    const { url } = await startForward({ target: `http://127.0.0.1:${await unusedPort()}` }, counter);
    await call(url);
    const { figures, recentErrors } = await viewOf(counter, 1);
    expect(figures).to.deep.include({
      ...{ failure: 1, attempts: 1, statusCodes: { '502': 1 }, errors: { ERR_UPSTREAM_CONNECT: 1 } },
    });
    expect(recentErrors[0]).to.include({ status: 502, code: 'ERR_UPSTREAM_CONNECT', attempts: 1 });
  });

  it('counts a response that the target breaks off as a failure', async () => {
    const counter = openStats();
    const upstream = await startUpstream((_req, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('some', () => res.destroy());
    });
    const { url } = await startForward({ target: upstream.url }, counter);
    const { res } = await open(url);
    expect((await endingOf(res)).clean).to.equal(false);
    const { figures, recentErrors } = await viewOf(counter, 1);
    expect(figures).to.deep.include({
      ...{ success: 0, failure: 1, statusCodes: { '200': 1 }, errors: { ERR_UPSTREAM_RESET: 1 } },
    });
    expect(recentErrors[0]).to.include({ status: 200, code: 'ERR_UPSTREAM_RESET' });
  });

  it('counts under the API name that a later stage sets', async () => {
    const counter = openStats({ name: 'alone' });
    const upstream = await startUpstream(json({ ok: true }));
    const named: Handler = (req, res, next) => {
      exchangeOf(req, res).api = 'weather';
      next();
    };
    const { url } = await startForward({ target: upstream.url }, counter, named);
    await call(url);
    await figuresOf(counter, 1, 'weather');
    expect(await counter.apis()).to.deep.equal(['weather']);
  });

  it('changes nothing about a response', async () => {
    const upstream = await startUpstream(text('hello', { 'x-a': ['1', '2'], etag: '"1"' }));
    const plain = await startForward({ target: upstream.url });
    const counting = await startForward({ target: upstream.url }, openStats());
    const [bare, measured] = await Promise.all([call(plain.url), call(counting.url)]);
    const lines = (rawHeaders: readonly string[]) =>
      rawHeaders.filter((_, i) => rawHeaders[i - 1] !== 'Date');
    expect(measured.text).to.equal('hello');
    expect(lines(measured.rawHeaders)).to.deep.equal(lines(bare.rawHeaders));
  });
});

describe('stats().onChange', () => {
  it('calls back once something was recorded, until unsubscribed', async () => {
    const counter = openStats({ flushMs: 5 });
    const { url } = await serve(pipeline([counter, (_req, res) => res.end('hello')]));
    let changes = 0;
    const stop = counter.onChange(() => changes++);
    await call(url);
    await until(() => changes === 1, 'news of the call');
    stop();
    await call(url);
    await figuresOf(counter, 2);
    expect(changes).to.equal(1);
  });
});
