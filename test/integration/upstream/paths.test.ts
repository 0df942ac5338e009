import { expect } from 'chai';
import express from 'express';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { call } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall } from '../../support/raw-client.js';
import { serveApp } from '../../support/serve.js';
import { json, startUpstream, text } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`forward() and paths, transport ${transport}`, () => {
    /** Sends a request line and returns the status, and the request target that the upstream got. */
    const send = async (line: string, options: (url: string) => ForwardOptions) => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ transport, ...options(upstream.url) });
      const response = await rawCall(
        proxy.port,
        `${line} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
      );
      const [, status] = /^HTTP\/1\.1 (\d+)/.exec(response) ?? [];
      return { status: Number(status), url: upstream.requests[0]?.url, response };
    };
    const below = (path: string) => (url: string) => ({ target: url + path });

    for (const [line, base, url] of [
      ['GET /a?b=c', '', '/a?b=c'],
      ['GET /a?b=c', '/v2', '/v2/a?b=c'],
      ['GET /a?b=c', '/v2/', '/v2/a?b=c'],
      ['GET /', '/v2', '/v2'],
      ['GET /?x=1', '/v2', '/v2/?x=1'],
      ['GET /a', '/v2?key=1', '/v2/a?key=1'],
      ['GET /a?b=c?d', '/v2?key=1', '/v2/a?key=1&b=c?d'],
      ['GET /a%20b/%C3%A9%2f%3f', '/v2', '/v2/a%20b/%C3%A9%2f%3f'],
      ['GET /a/./b/../c', '/v2', '/v2/a/./b/../c'],
      ['GET /a..b/...', '/v2', '/v2/a..b/...'],
      ['GET /x?next=/../../y', '/v2', '/v2/x?next=/../../y'],
      ['GET /a;v=1/b;..', '/v2', '/v2/a;v=1/b;..'],
      ['GET /a%23b', '/v2', '/v2/a%23b'],
      ['GET //evil.example/x', '', '//evil.example/x'],
      ['GET //evil.example/x', '/v2', '/v2//evil.example/x'],
      ['GET http://evil.example/x?y=1', '/v2', '/v2/x?y=1'],
      ['GET http://evil.example', '/v2', '/v2'],
      ['GET http://evil.example?y=1', '/v2', '/v2/?y=1'],
      ['GET HTTPS://user:pass@evil.example:99/x', '/v2', '/v2/x'],
    ] as const) {
      it(`requests ${url} for ${line} when the target's path is "${base}"`, async () => {
        expect(await send(line, below(base))).to.include({ status: 200, url });
      });
    }

    for (const line of [
      'GET /x/../../y',
      'GET /../y',
      'GET /..',
      'GET /%2e%2e/y',
      'GET /%2e%2e%2fy',
      'GET /x/%2E./%2e./y',
      'GET /..%2fy',
      'GET /..%5cy',
      'GET /..\\y',
      'GET /x\\..\\..\\y',
      'GET /./../y?a=b',
      'GET http://evil.example/../y',
      'OPTIONS *',
      'GET /..;/admin',
      'GET /x/..;a=1/..;/admin',
      'GET /%2e%2e;/admin',
      'GET /..%3b/admin',
      'GET /..%3B%2fadmin',
      'GET /x#/../../admin',
      'GET /x?a#b',
      'GET http://evil.example/#/../y',
    ]) {
      it(`answers 400 to ${line}`, async () => {
        const { status, url, response } = await send(line, below('/v2'));
        expect({ status, url }).to.deep.equal({ status: 400, url: undefined });
        expect(response).to.include('"code":"ERR_BAD_REQUEST"');
      });
    }

    it('keeps encoded line ends encoded in the request line', async () => {
      const { status, url } = await send('GET /x%0d%0aEvil:%201', below(''));
      expect({ status, url }).to.deep.equal({ status: 200, url: '/x%0d%0aEvil:%201' });
    });

    it('responds with an error if a rewritten path contains line ends', async () => {
      const { status, response } = await send('GET /x', (target) => ({
        target,
        pathRewrite: () => '/x HTTP/1.1\r\nEvil: 1\r\n\r\n',
      }));
      expect(status).to.be.within(400, 502);
      expect(response).to.include('"code":"ERR_');
    });

    it('answers 400 if a path leaves the base path once it is rewritten', async () => {
      const { status, url } = await send('GET /old/../admin', (target) => ({
        target: `${target}/v2`,
        pathRewrite: { '^/old': '' },
      }));
      expect({ status, url }).to.deep.equal({ status: 400, url: undefined });
    });

    it('answers 400 if a rewritten path leaves the base path', async () => {
      const { status, url } = await send('GET /x/y', (target) => ({
        target: `${target}/v2`,
        pathRewrite: { '^/x': '/..' },
      }));
      expect({ status, url }).to.deep.equal({ status: 400, url: undefined });
    });

    it('answers 400 if a rewritten path has a fragment (RFC 9112 §3.2.1)', async () => {
      const { status, url } = await send('GET /x/y', (target) => ({ target, pathRewrite: { '^/x': '/#' } }));
      expect({ status, url }).to.deep.equal({ status: 400, url: undefined });
    });

    it('rewrites paths by a table and by a function', async () => {
      const byTable = await send('GET /old/a?b', (target) => ({ target, pathRewrite: { '^/old': '/new' } }));
      expect(byTable.url).to.equal('/new/a?b');
      const byFunction = await send('GET /old/a?b', (target) => ({
        target: `${target}/v2`,
        pathRewrite: async (path) => path.replace('/old', ''),
      }));
      expect(byFunction.url).to.equal('/v2/a?b');
    });

    it('requests only the target’s own path with ignorePath', async () => {
      const { url } = await send('GET /a?b', (target) => ({
        target: `${target}/only?key=1`,
        ignorePath: true,
      }));
      expect(url).to.equal('/only?key=1');
    });

    it('passes what pathFilter excludes to next()', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport, pathFilter: '/api' });
      expect((await call(`${proxy.url}/other`)).text).to.equal('passed on');
      expect((await call(`${proxy.url}/api/x`)).status).to.equal(200);
      expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/api/x']);
    });

    it('calls the target that a router function returns', async () => {
      const [one, two] = [await startUpstream(text('one')), await startUpstream(text('two'))];
      const proxy = await startForward({
        transport,
        router: async (req) => (req.headers['x-pick'] ? two.url : one.url),
      });
      expect((await call(proxy.url)).text).to.equal('one');
      expect((await call(proxy.url, { headers: { 'x-pick': 'two' } })).text).to.equal('two');
    });

    it('calls the target of a router table, else the default, and fails without one', async () => {
      const [one, two] = [await startUpstream(text('one')), await startUpstream(text('two'))];
      const router = { '/one': one.url, 'two.example': two.url };
      const withDefault = await startForward({ router, transport, target: two.url });
      expect((await call(`${withDefault.url}/else`)).text).to.equal('two');
      const proxy = await startForward({ router, transport });
      expect((await call(`${proxy.url}/one/x`)).text).to.equal('one');
      expect((await call(proxy.url, { headers: { host: 'two.example' } })).text).to.equal('two');
      const none = await call(proxy.url);
      expect(none.status).to.equal(500);
      expect(none.json()).to.have.property('code', 'ERR_INTERNAL');
    });

    it('accepts targets that a router returns as objects', async () => {
      const upstream = await startUpstream(text('parts'));
      const target = { protocol: 'http:', host: '127.0.0.1', port: upstream.port };
      const proxy = await startForward({ target: 'http://unused.invalid', router: () => target, transport });
      expect((await call(`${proxy.url}/x`)).text).to.equal('parts');
    });

    it('answers 500 when a router throws or returns no http URL', async () => {
      for (const router of [() => 'file:///etc/passwd', () => Promise.reject(new Error('secret'))]) {
        const proxy = await startForward({ target: 'http://unused.invalid', router, transport });
        const response = await call(proxy.url);
        expect(response.status).to.equal(500);
        expect(response.text).to.not.match(/secret|passwd/);
      }
    });

    it('removes the mount path of Express', async () => {
      const upstream = await startUpstream(json({}));
      const app = express().use('/api', openForward({ target: `${upstream.url}/v2`, transport }));
      const served = await serveApp(app);
      for (const path of ['/api/a?b', '/api', '/api?b', '/api/']) await call(served.url + path);
      expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/v2/a?b', '/v2', '/v2/?b', '/v2']);
    });
  });
}
