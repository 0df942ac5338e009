import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createProxyMiddleware } from 'http-proxy-middleware';
import type { ProxyTarget } from 'httpxy';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { serveApp } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { json, startUpstream, status, text } from '../../support/upstream.js';

type Router = Extract<ForwardOptions['router'], (...args: never[]) => unknown>;
type CallOptions = Parameters<Router>[2];

async function startSocket(response: string): Promise<string> {
  const socketPath = join(tmpdir(), `resilient-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
  const server = createServer((req, res) => res.end(`${response} ${req.url}`)).listen(socketPath);
  onCleanup(() => {
    server.close();
    rmSync(socketPath, { force: true });
  });
  await once(server, 'listening');
  return socketPath;
}

/** A router that sets these options for a request of `/set`. */
const setting =
  (target: ProxyTarget, set: Partial<CallOptions>): Router =>
  (req, _res, options) => {
    if (req.url?.startsWith('/set')) Object.assign(options, set);
    return target;
  };

for (const transport of TRANSPORTS) {
  describe(`forward() with options that a router sets, transport ${transport}`, () => {
    it('sends the headers, credentials and origin of this call, as http-proxy-middleware does', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const set = { headers: { 'X-Tenant': 'a' }, auth: 'user:secret', changeOrigin: true, xfwd: true };
      const router = setting(upstream.url, set);
      const plain = await serveApp(createProxyMiddleware({ router }));
      const proxy = await startForward({ router, transport });
      for (const { url } of [plain, proxy]) {
        await call(`${url}/set`, { headers: { host: 'client.example', 'x-tenant': 'forged' } });
      }
      const [first, second] = upstream.requests.map(({ headers }) => headers);
      for (const name of ['x-tenant', 'authorization', 'host', 'x-forwarded-host', 'x-forwarded-proto']) {
        expect(second?.[name], name).to.equal(first?.[name]);
      }
      await call(`${proxy.url}/other`, { headers: { host: 'client.example' } });
      expect(upstream.requests[2]?.headers).to.include({ host: 'client.example' });
      expect(upstream.requests[2]?.headers).to.not.have.any.keys(
        'x-tenant',
        'authorization',
        'x-forwarded-host',
      );
    });

    it('accepts a rewrite that sets headers, too', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const proxy = await startForward({
        target: upstream.url,
        transport,
        pathRewrite: (path, _req, _res, options) => {
          if (options) options.headers = { 'x-rewritten': '1' };
          return `/below${path}`;
        },
      });
      await call(`${proxy.url}/x`);
      expect(upstream.requests[0]).to.deep.include({ url: '/below/x' });
      expect(upstream.requests[0]?.headers).to.have.property('x-rewritten', '1');
    });

    it('refuses headers that would split the request', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const router = setting(upstream.url, { headers: { 'x-tenant': 'a\r\nx-evil: 1' } });
      const proxy = await startForward({ router, transport });
      expect((await call(`${proxy.url}/set`)).json()).to.deep.equal({
        error: 'A call was given headers that HTTP does not allow',
        code: 'ERR_INTERNAL',
      });
      expect(upstream.requests).to.have.length(0);
    });

    it('sends the credentials of a target that is an object', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const target = { host: '127.0.0.1', port: upstream.port, auth: 'user:secret' };
      const proxy = await startForward({ router: () => target, transport });
      expect((await call(proxy.url)).status).to.equal(200);
      expect(upstream.requests[0]?.headers.authorization).to.equal(`Basic ${btoa('user:secret')}`);
    });

    it('follows a target that changes protocol', async () => {
      const { key, cert } = credentials();
      const plain = await startUpstream(text('plain'));
      const encrypted = await startUpstream(text('encrypted'), { tls: { key, cert } });
      const proxy = await startForward({
        target: plain.url,
        router: (req) => (req.url === '/tls' ? encrypted.url : plain.url),
        secure: false,
        transport,
      });
      for (const [path, response] of [
        ['/', 'plain'],
        ['/tls', 'encrypted'],
        ['/', 'plain'],
      ]) {
        expect((await call(`${proxy.url}${path}`)).text).to.equal(response);
      }
    });

    for (const [what, target] of [
      ['a number', 5],
      ['an empty object', {}],
      ['a list', [1]],
      ['another protocol', 'ftp://127.0.0.1'],
    ] as const) {
      it(`answers 500 when a router returns ${what}`, async () => {
        const proxy = await startForward({ router: () => target as string, transport });
        const response = await call(proxy.url);
        expect(response.status).to.equal(500);
        expect(response.text).to.include('The router returned a target that is not an http or https URL');
      });
    }

    for (const target of [undefined, 'nonsense']) {
      it(`passes on http-proxy-middleware’s error for ${target}`, async () => {
        const proxy = await startForward({ router: async () => target as string, transport });
        expect((await call(proxy.url)).status).to.equal(500);
        expect(proxy.errors[0]).to.be.instanceOf(Error);
      });
    }
  });
}

describe('forward() chooses the transport of each call', () => {
  it('goes through an agent that a router sets, and by undici without one', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    let used = 0;
    class Counted extends Agent {
      override createConnection(...args: Parameters<Agent['createConnection']>) {
        used++;
        return super.createConnection(...args);
      }
    }
    const agent = new Counted({ keepAlive: true });
    onCleanup(() => agent.destroy());
    // Only the undici transport has this option: any other call than those with the agent must use it.
    const proxy = await startForward({ router: setting(upstream.url, { agent }), transport: 'auto' });
    for (const path of ['/set', '/', '/set']) expect((await call(proxy.url + path)).status).to.equal(200);
    expect(used).to.equal(1);
    expect(upstream.connections.total).to.equal(2);
  });

  it('connects to a unix socket that a router returns', async () => {
    const socketPath = await startSocket('over a socket');
    const upstream = await startUpstream(text('over TCP'));
    const proxy = await startForward({
      router: (req) => (req.url === '/set' ? { socketPath, host: 'localhost' } : upstream.url),
    });
    expect((await call(`${proxy.url}/set`)).text).to.equal('over a socket /set');
    expect((await call(proxy.url)).text).to.equal('over TCP');
  });

  it('connects to a unix socket of a router table', async () => {
    const socketPath = await startSocket('over a socket');
    const upstream = await startUpstream(text('over TCP'));
    const proxy = await startForward({ target: upstream.url, router: { '/set': { socketPath } } });
    expect((await call(`${proxy.url}/set`)).text).to.equal('over a socket /set');
    expect((await call(proxy.url)).text).to.equal('over TCP');
  });

  it('skips the certificate check only for a call with secure: false', async () => {
    const { key, cert } = credentials();
    const upstream = await startUpstream(text('trusted'), { tls: { key, cert } });
    const proxy = await startForward({ router: setting(upstream.url, { secure: false }) });
    expect((await call(`${proxy.url}/set`)).text).to.equal('trusted');
    expect((await call(`${proxy.url}/`)).status).to.equal(502);
  });

  it('refuses what a forced undici does not support', async () => {
    const upstream = await startUpstream(text('hello'));
    const agent = new Agent();
    const proxy = await startForward({ router: setting(upstream.url, { agent }), transport: 'undici' });
    const { text: refusal } = await call(`${proxy.url}/set`);
    expect(refusal).to.include("A call was given agent, which transport 'undici' cannot honour: use 'auto'");
    expect((await call(proxy.url)).text).to.equal('hello');
  });

  it('refuses what an option of undici excludes', async () => {
    const upstream = await startUpstream(text('hello'));
    const router = setting(upstream.url, { followRedirects: true });
    const proxy = await startForward({ router, keepAliveTimeoutMs: 5000 });
    const { text: refusal } = await call(`${proxy.url}/set`);
    expect(refusal).to.include("needs transport 'node', that cannot go with keepAliveTimeoutMs");
  });

  it('refuses an agent for another protocol than the target’s', async () => {
    const upstream = await startUpstream(text('hello'));
    const proxy = await startForward({ router: setting(upstream.url, { agent: new TlsAgent() }) });
    const response = await call(`${proxy.url}/set`);
    expect(response.json()).to.deep.equal({
      error: "The given agent does not support the target's protocol",
      code: 'ERR_INTERNAL',
    });
  });

  it('opens a connection for each call with agent: false', async () => {
    const upstream = await startUpstream(text('hello'));
    const proxy = await startForward({ target: upstream.url, agent: false });
    for (let i = 0; i < 2; i++) expect((await call(proxy.url)).text).to.equal('hello');
    expect(upstream.connections.total).to.equal(2);
  });
});

for (const transport of TRANSPORTS) {
  describe(`forward() and headers, transport ${transport}`, () => {
    it('keeps the case of names with preserveHeaderKeyCase', async () => {
      const upstream = await startUpstream(status(200, { 'X-Strange-CASE': '1' }));
      const proxy = await startForward({ target: upstream.url, transport, preserveHeaderKeyCase: true });
      expect((await call(proxy.url)).rawHeaders).to.include('X-Strange-CASE');
    });

    it('sends one Cookie header if the client sent several', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const proxy = await startForward({ target: upstream.url, transport });
      await call(proxy.url, { headers: { Cookie: ['a=1', 'b=2'] } });
      expect(upstream.requests[0]?.rawHeaders.filter((name) => /^cookie$/i.test(name))).to.have.length(1);
      expect(upstream.requests[0]?.headers.cookie).to.equal('a=1; b=2');
    });
  });
}

describe('forward() and httpxy’s processing of a response', () => {
  it('passes on a Location that it should rewrite and cannot parse', async () => {
    const location = 'http://[nonsense';
    const upstream = await startUpstream(status(302, { location }));
    for (const on of [{}, { proxyRes: () => {} }]) {
      const proxy = await startForward({ target: upstream.url, autoRewrite: true, on });
      const response = await call(proxy.url);
      expect(response.status).to.equal(302);
      expect(response.headers.location).to.equal(location);
    }
  });

  it('does not copy the client’s Connection header to the response', async () => {
    const upstream = await startUpstream(text('hello'));
    const proxy = await startForward({ target: upstream.url, transport: 'node' });
    const response = await call(proxy.url, { headers: { connection: 'keep-alive, x-mine', 'x-mine': '1' } });
    expect(response.lines('connection')).to.deep.equal(['keep-alive']);
  });
});
