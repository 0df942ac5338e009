import { createRequire } from 'node:module';
import { expect } from 'chai';
import express from 'express';
import {
  cache,
  explain,
  forward,
  type Handler,
  parseConfig,
  rateLimit,
  resilientProxy,
  retry,
} from '../../../lib/index.js';
import { launchChromium } from '../../support/chromium.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, type TargetResponse } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { unusedPort } from '../../support/listening.js';
import { serve, serveApp } from '../../support/serve.js';
import { startUpstream, status, text } from '../../support/upstream.js';
import { membersOf, proxyStatusOf, stepsOf } from './testing.js';

const express4: typeof express = createRequire(import.meta.url)('express4');
const NAME = 'resilient-proxy-out';

describe('explain() in front of any handler', () => {
  const heads: [string, Handler][] = [
    [
      'headers passed with the status',
      (_req, res) => res.writeHead(200, { 'Server-Timing': 'own' }).end('ok'),
    ],
    ['a list of headers', (_req, res) => res.writeHead(200, 'Fine', ['Server-Timing', 'own']).end('ok')],
    [
      'a header set before, and again with the status',
      (_req, res) => {
        res.setHeader('Server-Timing', 'gone');
        res.setHeader('Set-Cookie', ['a=1', 'b=2']);
        res.writeHead(200, { 'server-timing': ['own'] }).end('ok');
      },
    ],
    [
      'headers set one by one',
      (_req, res) => {
        res.setHeader('Server-Timing', ['own']);
        res.write('o');
        res.end('k');
      },
    ],
    [
      'a head that is sent first',
      (_req, res) => {
        res.setHeader('Server-Timing', 'own');
        res.flushHeaders();
        res.end('ok');
      },
    ],
  ];
  for (const [name, handler] of heads) {
    it(`adds to ${name}`, async () => {
      const stage = explain();
      const { url } = await serve((req, res, next) => stage(req, res, () => handler(req, res, next)));
      const response = await call(url);
      expect(stepsOf(response)).to.deep.equal(['own', 'total']);
      expect(membersOf(response, 'proxy-status')).to.deep.equal([[NAME, {}]]);
      expect([response.status, response.text]).to.deep.equal([200, 'ok']);
    });
  }

  it('leaves interim responses unchanged', async () => {
    const stage = explain();
    const { url } = await serve((req, res) =>
      stage(req, res, () => {
        res.writeEarlyHints({ link: '</a.css>; rel=preload' });
        res.end('ok');
      }),
    );
    const { information } = await call(url);
    expect(information.map(({ rawHeaders }) => rawHeaders)).to.deep.equal([
      ['Link', '</a.css>; rel=preload'],
    ]);
  });

  it('adds its headers once when a response could not be sent and another one is', async () => {
    const stage = explain();
    const { url } = await serve((req, res, next) =>
      stage(req, res, () => {
        res.setHeader('X-One', '1');
        expect(() => res.writeHead(200, 'not\nsendable')).to.throw(TypeError);
        res.statusMessage = '';
        next(new Error('secret'));
      }),
    );
    const response = await call(url);
    expect(response.status).to.equal(500);
    expect([stepsOf(response), membersOf(response, 'proxy-status')]).to.deep.equal([
      ['total'],
      [[NAME, { error: 'proxy_internal_error' }]],
    ]);
    expect(JSON.stringify(response.rawHeaders)).to.not.include('secret');
  });

  for (const [version, make] of [
    ['5', express],
    ['4', express4],
  ] as const) {
    it(`works with the stages of an Express ${version} application, also for its error responses`, async () => {
      const upstream = await startUpstream([status(503), text('ok')]);
      const explained = explain();
      const kept = cache();
      const last = forward({ target: upstream.url });
      const refused = forward({ target: `http://127.0.0.1:${await unusedPort()}` });
      const limit = rateLimit({ limit: 1 });
      for (const part of [kept, last, refused, limit]) onCleanup(() => part.close());
      const app = make().set('env', 'test');
      app.use('/x', explained, kept, explained, retry({ initialDelayMs: 1 }), last);
      app.use('/refused', explained, refused);
      app.use('/limited', explained, limit, last);
      const { url } = await serveApp(app);
      expect(stepsOf(await call(`${url}/x/1`))).to.deep.equal([
        'cache=miss',
        'attempt-1=503',
        'attempt-2=200',
        'backoff',
        'upstream',
        'total',
      ]);
      expect(stepsOf(await call(`${url}/x/1`))).to.deep.equal(['cache=hit', 'total']);
      const failed = await call(`${url}/refused`);
      expect([failed.status, membersOf(failed, 'proxy-status')]).to.deep.equal([
        502,
        [[NAME, { error: 'connection_refused', details: 'The upstream refused the connection' }]],
      ]);
      await call(`${url}/limited`);
      const limited = await call(`${url}/limited`);
      expect([limited.status, proxyStatusOf(limited)?.[1].error]).to.deep.equal([429, 'http_request_denied']);
    });
  }
});

describe('resilientProxy({ explain })', () => {
  const explained = ({ headers }: TargetResponse) => headers['server-timing'] !== undefined;

  it('is set for each API or for all, off by default, and can be changed by an update', async () => {
    const { url: target } = await startUpstream(text('ok'));
    const config = (explain?: boolean) => ({
      defaults: { explain },
      apis: {
        one: { target },
        two: { target, explain: !explain },
        three: { target, explain: { serverTiming: false } },
      },
      stats: false as const,
    });
    const proxy = resilientProxy(config());
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const explainedBy = async () => {
      const responses = await Promise.all(['one', 'two', 'three'].map((name) => call(`${url}/${name}/`)));
      return responses.map((response) => [explained(response), proxyStatusOf(response) !== undefined]);
    };
    const [off, on, status] = [
      [false, false],
      [true, true],
      [false, true],
    ];
    expect(await explainedBy()).to.deep.equal([off, on, status]);
    const report = proxy.update(config(true));
    expect(report.changed).to.deep.equal({ one: [], two: [] });
    expect(await explainedBy()).to.deep.equal([on, off, status]);
  });

  it('names neither a host nor an egress proxy', async () => {
    const forwardProxy = await startForwardProxy();
    const upstream = await startUpstream([status(503), text('ok')]);
    const proxies = [{ url: forwardProxy.url.replace('//', '//user:secret@'), name: 'proxy-of-tenant-7' }];
    const proxy = resilientProxy({
      name: 'one',
      target: upstream.url,
      explain: true,
      retry: { initialDelayMs: 1 },
      proxyRotate: { proxies },
      stats: false,
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const response = await call(url);
    expect(stepsOf(response)).to.include.members(['attempt-1=503', 'attempt-2=200']);
    const lines = ['server-timing', 'proxy-status'].flatMap((name) => response.lines(name)).join();
    expect(lines).to.not.match(/127\.0\.0\.1|localhost|tenant|secret|user/);
  });

  it('explains once when an application in front does as well', async () => {
    const { url: target } = await startUpstream(text('ok'));
    const proxy = resilientProxy({ name: 'one', target, explain: true, cache: {}, stats: false });
    onCleanup(() => proxy.close());
    const stage = explain();
    const { url } = await serve((req, res, next) => stage(req, res, () => proxy(req, res, next)));
    expect(stepsOf(await call(url))).to.deep.equal(['cache=miss', 'attempt-1=200', 'upstream', 'total']);
    const hit = await call(url);
    expect(stepsOf(hit)).to.deep.equal(['cache=hit', 'total']);
    expect(membersOf(hit, 'proxy-status')).to.deep.equal([[NAME, {}]]);
  });

  it('can be set in a file', async () => {
    const { url: target } = await startUpstream(text('ok'));
    const { config } = parseConfig(
      `{ defaults: { explain: true }, apis: { one: { target: "${target}" } } }`,
      {
        format: 'yaml',
        env: {},
      },
    );
    const proxy = resilientProxy(config);
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    expect(stepsOf(await call(`${url}/one/`))).to.deep.equal(['attempt-1=200', 'upstream', 'total']);
  });

  it('refuses what is neither a switch nor options', () => {
    const target = 'http://a.example';
    expect(() => resilientProxy({ name: 'one', target, explain: 'yes' as never })).to.throw(
      'explain must be true, false or an object of options; received "yes"',
    );
    expect(() =>
      resilientProxy({ apis: { one: { target, explain: { serverTimings: true } as never } } }),
    ).to.throw(
      'apis.one.explain.serverTimings is not an option of apis.one.explain (did you mean serverTiming?)',
    );
  });

  it('is readable for a browser', async () => {
    const upstream = await startUpstream([
      status(503),
      text('<title>ok</title>', { 'content-type': 'text/html', 'server-timing': 'db;dur=5;desc="a, b"' }),
    ]);
    const proxy = resilientProxy({
      name: 'one',
      target: upstream.url,
      explain: true,
      cache: {},
      retry: { initialDelayMs: 1 },
      stats: false,
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(url);
      const read = await page.evaluate(
        "performance.getEntriesByType('navigation')[0].serverTiming.map((t) => t.name + '=' + t.description)",
      );
      expect(read).to.deep.equal([
        'db=a, b',
        'cache=miss',
        'attempt-1=503',
        'attempt-2=200',
        'backoff=',
        'upstream=',
        'total=',
      ]);
    } finally {
      await browser.close();
    }
  });
});
