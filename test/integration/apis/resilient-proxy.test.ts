import { Agent } from 'node:https';
import { expect } from 'chai';
import express from 'express';
import request from 'supertest';
import { WebSocket, WebSocketServer } from 'ws';
import { type ResilientProxyConfig, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { unusedPort } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { serve, serveApp } from '../../support/serve.js';
import { eventOf, until } from '../../support/until.js';
import { json, silence, startUpstream, status, text } from '../../support/upstream.js';

const QUICK = { initialDelayMs: 1, maxDelayMs: 2 };

function open(config: ResilientProxyConfig) {
  const proxy = resilientProxy(config);
  onCleanup(() => proxy.close());
  return proxy;
}

async function start(config: ResilientProxyConfig) {
  const proxy = open(config);
  return { proxy, ...(await serve(proxy, { upgrade: proxy.upgrade })) };
}

describe('resilientProxy()', () => {
  describe('with one API', () => {
    it('sends every path below its mount to the target', async () => {
      const upstream = await startUpstream(text('ok'));
      const app = express().use('/api', open({ name: 'one', target: `${upstream.url}/v2` }));
      await request(app).get('/api/users/7?full=1').expect(200, 'ok');
      expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/v2/users/7?full=1']);
    });

    it("responds to errors itself, with JSON, and never calls Express' next", async () => {
      const app = express().use(
        open({ name: 'one', target: `http://127.0.0.1:${await unusedPort()}`, retry: false }),
      );
      const response = await request(app).get('/').expect(502);
      expect(response.body).to.deep.equal({
        error: 'The upstream refused the connection',
        code: 'ERR_UPSTREAM_CONNECT',
      });
      expect(response.headers['proxy-status']).to.equal('resilient-proxy-out; error=connection_refused');
    });
  });

  describe('with many APIs', () => {
    it('takes the first path segment as the name', async () => {
      const one = await startUpstream(text('one'));
      const two = await startUpstream(text('two'));
      const apis = { one: { target: one.url }, 'two.v1': { target: two.url } };
      const app = express().use('/api', open({ apis }));
      await request(app).get('/api/one/x/y').expect(200, 'one');
      await request(app).get('/api/two.v1?q').expect(200, 'two');
      await request(app).get('/api/two.v1').expect(200, 'two');
      expect(one.requests.map(({ url }) => url)).to.deep.equal(['/x/y']);
      expect(two.requests.map(({ url }) => url)).to.deep.equal(['/?q', '/']);
    });

    for (const name of ['nosuch', '__proto__', 'constructor', 'toString', '..', '%6fne', 'ONE', '']) {
      it(`responds with 404 for ${JSON.stringify(name)}`, async () => {
        const upstream = await startUpstream(text('one'));
        const { url } = await start({ apis: { one: { target: upstream.url } } });
        const response = await call(url, { path: `/${name}/x` });
        expect(response.status).to.equal(404);
        expect(response.json()).to.deep.equal({
          error: `${name === '' ? 'The path names no API' : `Unknown API: ${name}`}. The path must begin with the name of one: one`,
          code: 'ERR_UNKNOWN_API',
        });
        expect(upstream.requests).to.have.length(0);
      });
    }

    it('gives every API the defaults, which its own options extend or replace', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const { proxy, url } = await start({
        defaults: {
          headers: { 'x-from': 'defaults' },
          breaker: { failureThreshold: 7, successThreshold: 4 },
          retry: false,
        },
        apis: {
          plain: { target: upstream.url },
          own: {
            target: upstream.url,
            headers: { 'x-from': 'own' },
            breaker: { failureThreshold: 2 },
            retry: QUICK,
          },
          off: { target: upstream.url, breaker: false },
        },
      });
      await call(`${url}/plain`);
      await call(`${url}/own`);
      expect(upstream.requests.map(({ headers }) => headers['x-from'])).to.deep.equal(['defaults', 'own']);
      const limits = proxy.circuits
        .list()
        .map(({ circuit, config }) => [circuit, config.failureThreshold, config.successThreshold]);
      expect(limits).to.deep.equal([
        ['plain', 7, 4],
        ['own', 2, 4],
      ]);
      expect(['plain', 'own', 'off'].map((name) => proxy.apis.get(name)?.retry !== undefined)).to.deep.equal([
        false,
        true,
        false,
      ]);
    });

    it('keeps the circuits of two APIs apart', async () => {
      const bad = await startUpstream(status(500));
      const good = await startUpstream(status(200));
      const { url } = await start({
        defaults: { retry: false, breaker: { failureThreshold: 1 } },
        apis: { bad: { target: bad.url }, good: { target: good.url } },
      });
      await call(`${url}/bad`);
      expect((await call(`${url}/bad`)).status).to.equal(503);
      expect((await call(`${url}/good`)).status).to.equal(200);
    });
  });

  describe('identity', () => {
    it("keeps an application's cookies from the target and the target's from the application", async () => {
      const upstream = await startUpstream(status(200, { 'set-cookie': ['theirs=1', 'more=2'] }));
      const { url } = await start({
        apis: { apart: { target: upstream.url }, shared: { target: upstream.url, forwardCookies: true } },
      });
      const headers = { cookie: 'session=secret' };
      const apart = await call(`${url}/apart`, { headers });
      const shared = await call(`${url}/shared`, { headers });
      expect(upstream.requests.map(({ headers }) => headers.cookie)).to.deep.equal([
        undefined,
        'session=secret',
      ]);
      expect(apart.lines('set-cookie')).to.deep.equal([]);
      expect(shared.lines('set-cookie')).to.deep.equal(['theirs=1', 'more=2']);
    });

    it("names the target in Host, and prefers configured headers to the client's", async () => {
      const upstream = await startUpstream(status(200));
      const { url } = await start({ name: 'x', target: upstream.url, headers: { 'X-API-Key': 'ours' } });
      await call(url, { headers: { 'x-api-key': 'theirs', host: 'gateway.example' } });
      const [seen] = upstream.requests;
      expect(seen?.headers['x-api-key']).to.equal('ours');
      expect(seen?.headers.host).to.equal(`127.0.0.1:${upstream.port}`);
    });
  });

  describe('request bodies', () => {
    const config = (target: string): ResilientProxyConfig => ({
      name: 'x',
      target,
      requiresBody: true,
      maxBodyBytes: 100,
      retry: QUICK,
    });

    it('are required by an API with requiresBody', async () => {
      const upstream = await startUpstream(status(200));
      const { url } = await start(config(upstream.url));
      for (const method of ['GET', 'POST']) {
        const response = await call(url, { method });
        expect([response.status, response.json()]).to.deep.equal([
          400,
          { error: 'This API needs a request body', code: 'ERR_BODY_REQUIRED' },
        ]);
      }
      expect(upstream.requests).to.have.length(0);
    });

    it('are not sent when they are not JSON', async () => {
      const upstream = await startUpstream(status(200));
      const { url } = await start(config(upstream.url));
      const response = await call(url, { method: 'POST', body: '{ "a": ' });
      expect([response.status, response.json()]).to.deep.equal([
        400,
        { error: 'The request body is not valid JSON', code: 'ERR_INVALID_JSON' },
      ]);
      expect(upstream.requests).to.have.length(0);
    });

    it('arrive as they were sent, byte for byte, and again on a retry', async () => {
      const upstream = await startUpstream([status(503), status(200)]);
      const { url } = await start({
        ...config(upstream.url),
        retry: { ...QUICK, methods: ['POST'] },
      } as ResilientProxyConfig);
      const body = '{ "a" : 1,\n"a" : 2 }';
      const headers = { 'content-type': 'text/plain' };
      expect((await call(url, { method: 'POST', body, headers })).status).to.equal(200);
      expect(
        upstream.requests.map((seen) => [seen.body.toString(), seen.headers['content-type']]),
      ).to.deep.equal([
        [body, 'text/plain'],
        [body, 'text/plain'],
      ]);
    });

    it('are refused above the limit, and the connection is closed', async () => {
      const upstream = await startUpstream(status(200));
      const { url } = await start(config(upstream.url));
      const response = await call(url, { method: 'POST', body: `"${'x'.repeat(200)}"` });
      expect([response.status, response.json()]).to.deep.equal([
        413,
        { error: 'The request body is larger than 100 bytes', code: 'ERR_BODY_TOO_LARGE' },
      ]);
      expect(upstream.requests).to.have.length(0);
    });

    it('pass unread if they need not be JSON, or are compressed', async () => {
      const upstream = await startUpstream(status(200));
      const { url } = await start({
        apis: {
          any: { target: upstream.url, requiresBody: true, validateJson: false },
          zipped: { target: upstream.url, requiresBody: true },
        },
      });
      expect((await call(`${url}/any`, { method: 'POST', body: 'no json' })).status).to.equal(200);
      const headers = { 'content-encoding': 'gzip' };
      expect((await call(`${url}/zipped`, { method: 'POST', body: 'zip', headers })).status).to.equal(200);
      expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal(['no json', 'zip']);
    });

    it('that express.json() has read are not read again', async () => {
      const upstream = await startUpstream(status(200));
      const app = express().use(express.json(), open(config(upstream.url)));
      await request(app).post('/').send({ a: 1 }).expect(200);
      expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal(['{"a":1}']);
    });
  });

  describe('a target that fails', () => {
    it('gets no calls after five failures in a row, and the sixth call fails at once', async () => {
      const upstream = await startUpstream(status(500));
      const { proxy, url } = await start({ name: 'dead', target: upstream.url, retry: false });
      for (let i = 0; i < 5; i++) expect((await call(url)).status).to.equal(500);
      expect(proxy.apis.get('dead')?.breaker?.state).to.equal('OPEN');
      const response = await call(url);
      expect(response.status).to.equal(503);
      expect(response.json()).to.deep.equal({
        error:
          'Service temporarily unavailable: circuit "dead" is open after 5 failures (last: status 500). Please try again in 30 seconds',
        code: 'ERR_CIRCUIT_OPEN',
      });
      expect(response.headers['retry-after']).to.equal('30');
      expect(upstream.requests).to.have.length(5);
    });

    it('ends the retries of a call when they open the circuit', async () => {
      const upstream = await startUpstream(status(500));
      const { url } = await start({ name: 'dead', target: upstream.url, retry: QUICK });
      expect((await call(url)).status).to.equal(500);
      expect((await call(url)).status).to.equal(500);
      expect((await call(url)).status).to.equal(503);
      expect(upstream.requests).to.have.length(5);
    });

    it('ends a wait for a retry when another call has opened the circuit meanwhile', async () => {
      const upstream = await startUpstream(status(500));
      const { proxy, url } = await start({
        name: 'dead',
        target: upstream.url,
        retry: { initialDelayMs: 300 },
      });
      const waiting = new Promise((resolve) => proxy.apis.get('dead')?.retry?.on('retry', resolve));
      const first = call(url);
      await waiting;
      proxy.apis.get('dead')?.breaker?.forceOpen();
      expect((await first).json()).to.have.property('code', 'ERR_CIRCUIT_OPEN');
      expect(upstream.requests).to.have.length(1);
    });

    it('is probed after the reset timeout, and gets calls again after two successes', async () => {
      let healthy = false;
      const held: (() => void)[] = [];
      const upstream = await startUpstream((_req, res) => {
        if (!healthy) res.writeHead(500).end();
        else held.push(() => res.end('ok'));
      });
      const { proxy, url } = await start({
        name: 'dead',
        target: upstream.url,
        retry: false,
        breaker: { failureThreshold: 1, resetTimeoutMs: 50 },
      });
      await call(url);
      healthy = true;
      const breaker = proxy.apis.get('dead')?.breaker;
      await until(() => breaker?.circuit().snapshot().timeToResetMs === 0);
      let refused = 0;
      breaker?.on('reject', () => refused++);
      const calls = Promise.all(Array.from({ length: 50 }, () => call(url)));
      await until(() => held.length === 2 && refused === 48);
      for (const response of held.splice(0)) response();
      const statuses = (await calls).map((response) => response.status);
      expect(statuses.filter((code) => code === 200)).to.have.length(2);
      expect(statuses.filter((code) => code === 503)).to.have.length(48);
      expect(upstream.requests).to.have.length(3);
      expect(breaker?.state).to.equal('CLOSED');
    });

    it('has the timeout per attempt that the breaker sets', async () => {
      const upstream = await startUpstream(silence);
      const { url } = await start({
        name: 'slow',
        target: upstream.url,
        retry: false,
        breaker: { requestTimeoutMs: 60 },
      });
      const response = await call(url);
      expect([response.status, response.json()]).to.deep.equal([
        504,
        { error: 'The upstream did not respond within 60 ms', code: 'ERR_UPSTREAM_TIMEOUT' },
      ]);
    });

    it('is neither retried nor counted as failing for 404 and other 4xx', async () => {
      const upstream = await startUpstream([
        status(404),
        status(400),
        status(401),
        status(409),
        status(422),
        status(404),
      ]);
      const { proxy, url } = await start({
        name: 'x',
        target: upstream.url,
        retry: QUICK,
        breaker: { failureThreshold: 1 },
      });
      const statuses: number[] = [];
      for (let i = 0; i < 6; i++) statuses.push((await call(url)).status);
      expect(statuses).to.deep.equal([404, 400, 401, 409, 422, 404]);
      expect(proxy.apis.get('x')?.breaker?.state).to.equal('CLOSED');
      expect(upstream.requests).to.have.length(6);
    });
  });

  describe('hostile request targets', () => {
    const targets = [
      '/x/../../health',
      '/x/%2e%2e/%2E%2E/y',
      '/x/..%2f..%2fy',
      '/x/..\\..\\y',
      '/x/%2e%2e%5c%2e%2e/y',
    ];
    for (const path of targets) {
      it(`refuses ${path}`, async () => {
        const upstream = await startUpstream(text('never'));
        const { url } = await start({ apis: { x: { target: `${upstream.url}/base` } } });
        const response = await call(url, { path });
        expect(response.status).to.equal(400);
        expect(response.json()).to.have.property('code', 'ERR_BAD_REQUEST');
        expect(upstream.requests).to.have.length(0);
      });
    }

    it('keeps an absolute-form line and a double slash on the target', async () => {
      const upstream = await startUpstream(text('ok'));
      const { url } = await start({ apis: { x: { target: `${upstream.url}/base` } } });
      await call(url, { path: 'http://evil.example/x/path' });
      await call(url, { path: '/x//evil.example/y' });
      expect((await call(url, { path: '//evil.example/x' })).status).to.equal(404);
      expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/base/path', '/base//evil.example/y']);
    });

    it('refuses * and, with 400, a message with two framings', async () => {
      const upstream = await startUpstream(text('never'));
      const { url, port } = await start({ name: 'x', target: upstream.url });
      expect((await call(url, { method: 'OPTIONS', path: '*' })).status).to.equal(400);
      const client = await rawClient(port);
      client.send(
        'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      );
      expect(await client.until(/\r\n\r\n/)).to.match(/^HTTP\/1\.1 400 /);
      expect(upstream.requests).to.have.length(0);
    });
  });

  describe('WebSockets', () => {
    it('go to the one API that the path names', async () => {
      const target = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      onCleanup(() => target.close());
      target.on('connection', (socket, req) =>
        socket.on('message', (data) => socket.send(`${req.url} ${data}`)),
      );
      await eventOf(target, 'listening');
      const { port } = target.address() as { port: number };
      const { url } = await start({ apis: { live: { target: `http://127.0.0.1:${port}/feed` } } });
      const socket = new WebSocket(`${url.replace('http', 'ws')}/live/prices?x=1`);
      onCleanup(() => socket.terminate());
      await eventOf(socket, 'open');
      socket.send('hello');
      expect(String(await eventOf(socket, 'message'))).to.equal('/feed/prices?x=1 hello');
    });

    it('are refused with 404 for an unknown name', async () => {
      const { url } = await start({ apis: {} });
      const socket = new WebSocket(`${url.replace('http', 'ws')}/nosuch`);
      const error = await eventOf<Error>(socket, 'error');
      expect(error.message).to.equal('Unexpected server response: 404');
    });
  });

  describe('a wrong configuration', () => {
    const target = 'https://api.example.com';
    const wrong: [string, unknown, string][] = [
      ['nothing', undefined, 'config must be an object; received undefined'],
      [
        'an empty one',
        {},
        'resilientProxy() needs "apis", or "name" and "target" of a single API; received neither "apis" nor "name"',
      ],
      [
        'no name',
        { target },
        'resilientProxy() needs "apis", or "name" and "target" of a single API; received neither "apis" nor "name"',
      ],
      [
        'a list',
        { apis: [{ name: 'a', target }] },
        'apis must be an object, { name: { target, … } }; received an array of 1',
      ],
      ['a name with a slash', { apis: { 'a/b': { target } } }, 'apis.a/b must be a name'],
      [
        'a name of JSON that is not allowed',
        JSON.parse(`{"apis":{"__proto__":{"target":"${target}"}}}`),
        'apis.__proto__ must be a name',
      ],
      [
        'no target',
        { apis: { x: {} } },
        'apis.x.target is required where no router is given; received undefined',
      ],
      [
        'an empty target',
        { name: 'x', target: '' },
        'target must be an absolute http or https URL, as https://api.example.com/v2; received ""',
      ],
      [
        'a file: target',
        { name: 'x', target: 'file:///etc/passwd' },
        'target must be an absolute http or https URL',
      ],
      [
        'a misspelt option',
        { apis: { x: { target, retyr: {} } } },
        'apis.x.retyr is not an option of apis.x (did you mean retry?)',
      ],
      [
        'a misspelt option of a part',
        { apis: { x: { target, retry: { attempts: 3 } } } },
        'apis.x.retry.attempts is not an option of apis.x.retry (did you mean maxAttempts?)',
      ],
      [
        'an unknown key beside the APIs',
        { apis: {}, target },
        'target is not an option (did you mean apis.<name>.target or defaults.target?)',
      ],
      [
        'a word for a part',
        { name: 'x', target, retry: 'on' },
        'retry must be an object of options, true or false; received "on"',
      ],
      [
        'a header that splits messages',
        { name: 'x', target, headers: { 'x-a': 'a\r\nb: c' } },
        'headers.x-a must be Latin-1 without control characters, CR or LF; received a string of 7 characters',
      ],
      ['an invalid header name', { name: 'x', target, headers: { 'x a': 'b' } }, 'headers'],
      [
        'a negative time',
        { name: 'x', target, breaker: { resetTimeoutMs: -5 } },
        'breaker.resetTimeoutMs must be at least 1; received -5',
      ],
      [
        'an agent beside those of the egress proxies',
        { name: 'x', target, agent: new Agent(), proxyRotate: { proxies: ['http://127.0.0.1:3128'] } },
        'agent cannot go with proxyRotate, which has its own; received an object',
      ],
      [
        'copies that would bypass every egress proxy',
        { name: 'x', target, forward: target, proxyRotate: { proxies: ['http://127.0.0.1:3128'] } },
        'forward cannot go with proxyRotate: copies go direct',
      ],
      [
        'a unix socket behind egress proxies',
        {
          name: 'x',
          target: { socketPath: '/run/x.sock' },
          proxyRotate: { proxies: ['http://127.0.0.1:3128'] },
        },
        'target.socketPath cannot go with proxyRotate',
      ],
      [
        'a response that nothing sends',
        { apis: { x: { target, selfHandleResponse: true } } },
        'apis.x.selfHandleResponse needs a listener on.proxyRes that sends the response',
      ],
      [
        'a proxy with an unsupported scheme, without showing its password',
        { apis: { x: { target, proxyRotate: { proxies: ['ftp://u:s3cret@h:1'] } } } },
        'apis.x.proxyRotate.proxies[0] must be an http, https or socks URL, as http://user:password@proxy.example.com:3128; received a string of 18 characters',
      ],
      [
        'a quota of nothing',
        { name: 'x', target, rateLimit: { limit: 0 } },
        'rateLimit.limit must be at least 1',
      ],
      [
        'a shared part with a name of its own',
        { name: 'x', target, stats: { name: 'y' } },
        'stats.name is not an option of stats',
      ],
      [
        'a Redis that is not one',
        { name: 'x', target, redis: 'http://h' },
        'redis must be an ioredis client',
      ],
      [
        'a circuit with a name of its own',
        { name: 'x', target, breaker: { name: 'y' } },
        'breaker.name is not an option of breaker',
      ],
    ];
    for (const [what, config, message] of wrong) {
      it(`is refused: ${what}`, () => {
        expect(() => resilientProxy(config as ResilientProxyConfig)).to.throw(TypeError, message);
      });
    }
  });

  it('closes its connections on close()', async () => {
    const upstream = await startUpstream(text('ok'));
    const proxy = resilientProxy({ name: 'x', target: upstream.url });
    const { url } = await serveApp(proxy);
    await call(url);
    expect(upstream.connections.open).to.equal(1);
    await proxy.close();
    await until(() => upstream.connections.open === 0);
  });
});
