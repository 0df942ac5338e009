import { expect } from 'chai';
import express from 'express';
import { type ApiOptions, resilientProxy } from '../../../lib/index.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, valuesOf } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { serve, serveApp } from '../../support/serve.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** Sends the headers that the request names in `X-Send`, with `SELF` for the target's own origin. */
const sending: UpstreamResponse = (req, res) => {
  const headers: Record<string, string> = JSON.parse(String(req.headers['x-send']));
  for (const [name, value] of Object.entries(headers))
    res.setHeader(name, value.replaceAll('SELF', `http://127.0.0.1:${req.socket.localPort}`));
  res.statusCode = 201;
  res.end();
};

const sent = (headers: Record<string, string>) => ({ headers: { 'x-send': JSON.stringify(headers) } });

for (const transport of TRANSPORTS) {
  describe(`references of the target (RFC 9110 §10.2.2), transport ${transport}`, () => {
    /** Two APIs below /api of an Express application, one of them with a base path. */
    const start = async (options: ApiOptions = {}) => {
      const upstream = await startUpstream(sending);
      const apis = {
        based: { target: `${upstream.url}/v2`, transport, ...options },
        plain: { target: upstream.url, transport, ...options },
      };
      const proxy = resilientProxy({ apis });
      onCleanup(() => proxy.close());
      const { url } = await serveApp(express().use('/api', proxy));
      const of = async (path: string, name: string, value: string, more = {}) => {
        const { headers } = sent({ [name]: value });
        const response = await call(url + path, { headers: { ...headers, ...more } });
        return response.headers[name.toLowerCase()];
      };
      return { upstream, url, of };
    };

    for (const [line, header, value, expected] of [
      [
        '103 Early Hints',
        'link',
        '</v2/a.css>; rel=preload, </other>',
        '</api/based/a.css>; rel=preload, </other>',
      ],
      ['104 Upload Resumption Supported', 'location', '/v2/uploads/1', '/api/based/uploads/1'],
    ] as const) {
      it(`lead back from a ${line.slice(0, 3)} (RFC 8297 §2, RFC 9110 §15.2)`, async () => {
        const upstream = await startRawUpstream(
          rawResponse(`HTTP/1.1 ${line}\r\n${header}: ${value}\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n`),
        );
        for (const [rewriteLocation, told] of [
          [true, expected],
          [false, value],
        ] as const) {
          const proxy = resilientProxy({
            apis: { based: { target: `${upstream.url}/v2`, transport, rewriteLocation } },
          });
          onCleanup(() => proxy.close());
          const { url } = await serveApp(express().use('/api', proxy));
          const { information } = await call(`${url}/api/based/x`);
          expect(valuesOf(information[0]?.rawHeaders ?? [], header)).to.deep.equal([told]);
        }
      });
    }

    for (const [path, location, expected] of [
      ['/api/based/uploads', '/v2/uploads/1', '/api/based/uploads/1'],
      ['/api/based/uploads', 'SELF/v2/uploads/1?a=b#c', '/api/based/uploads/1?a=b#c'],
      ['/api/based/uploads?q=/v2', '/v2', '/api/based'],
      ['/api/based', '/v2/', '/api/based/'],
      ['/api/based/', '/v2?x', '/api/based?x'],
      ['/api/based/a/b', '//127.0.0.1:PORT/v2/c', '/api/based/c'],
      ['/api/plain/x', '/y', '/api/plain/y'],
      ['/api/plain/x', '/', '/api/plain/'],
      ['/api/plain/x', 'SELF', '/api/plain'],
      ['/api/plain/x', 'SELF?y', '/api/plain?y'],
      ['/api/plain/plain', '/plain/1', '/api/plain/plain/1'],
      // It knows the path of its clients.
      ['/api/plain/x', '/api/plain/y', '/api/plain/y'],
      // Relative ones are right as they are.
      ['/api/based/uploads', 'uploads/1', 'uploads/1'],
      ['/api/based/uploads', '?next=/v2/x', '?next=/v2/x'],
      ['/api/based/uploads', '../v2/x', '../v2/x'],
      // Not below the base path: nothing leads there.
      ['/api/based/x', '/v22/x', '/v22/x'],
      ['/api/based/x', '/other', '/other'],
      ['/api/based/x', 'SELF/other', undefined],
      // Elsewhere.
      ['/api/based/x', 'http://other.example/v2/x', 'http://other.example/v2/x'],
      ['/api/based/x', '//other.example/v2/x', '//other.example/v2/x'],
      ['/api/based/x', 'https://127.0.0.1:PORT/v2/x', undefined],
      ['/api/based/x', 'mailto:a@b.example', 'mailto:a@b.example'],
      ['/api/based/x', 'http://[/v2', 'http://[/v2'],
    ] as const) {
      it(`lead from ${path} to ${expected ?? 'where they did'} for ${location}`, async () => {
        const { upstream, of } = await start();
        const given = location.replace('PORT', String(upstream.port));
        expect(await of(path, 'Location', given)).to.equal(expected ?? given.replace('SELF', upstream.url));
      });
    }

    it('never name another host by themselves', async () => {
      const upstream = await startUpstream(sending);
      const proxy = await startForward({ target: upstream.url, transport, rewriteLocation: true });
      for (const path of ['//evil.example/x', '/\\evil.example/x']) {
        const response = await call(`${proxy.url}/a`, sent({ Location: `SELF${path}` }));
        expect(response.headers.location).to.equal(upstream.url + path);
      }
    });

    it('are changed in Content-Location, Link and Refresh as well', async () => {
      const { of, url } = await start();
      expect(await of('/api/based/x', 'Content-Location', '/v2/y')).to.equal('/api/based/y');
      expect(
        await of(
          '/api/based/x',
          'Link',
          '</v2/y?page=2>; rel="next"; title="</v2/z>", <SELF/v2/z>;rel=last, <z>; rel=a, <https://b.example/v2>; rel=b',
        ),
      ).to.equal(
        '</api/based/y?page=2>; rel="next"; title="</v2/z>", <URL/api/based/z>;rel=last, <z>; rel=a, <https://b.example/v2>; rel=b'.replace(
          'URL',
          url,
        ),
      );
      expect(await of('/api/based/x', 'Refresh', '5; url=/v2/y')).to.equal('5; url=/api/based/y');
      expect(await of('/api/based/x', 'Refresh', "0;URL='SELF/v2/y'")).to.equal("0;URL='/api/based/y'");
      expect(await of('/api/based/x', 'Refresh', '5')).to.equal('5');
      expect(await of('/api/based/x', 'X-Location', '/v2/y')).to.equal('/v2/y');
    });

    it('are changed if they name whom the target was told to be by Host', async () => {
      const { of } = await start({ changeOrigin: false });
      const host = { host: 'gateway.example' };
      expect(await of('/api/based/x', 'Location', 'http://gateway.example/v2/y', host)).to.equal(
        '/api/based/y',
      );
      const encrypted = 'https://gateway.example/v2/y';
      expect(await of('/api/based/x', 'Location', encrypted, host)).to.equal(encrypted);
      expect(
        await of('/api/based/x', 'Location', encrypted, { ...host, 'x-forwarded-proto': 'https' }),
      ).to.equal('/api/based/y');
    });

    it('are those of the client without rewriteLocation', async () => {
      const { of } = await start({ rewriteLocation: false });
      expect(await of('/api/based/x', 'Location', '/v2/y')).to.equal('/v2/y');
    });

    it('are not changed by forward() unless it is told to', async () => {
      const upstream = await startUpstream(sending);
      const options: ForwardOptions = { target: `${upstream.url}/v2`, transport };
      const app = express()
        .use('/a', openForward(options))
        .use('/b', openForward({ ...options, rewriteLocation: true }));
      const { url } = await serveApp(app);
      expect((await call(`${url}/a/x`, sent({ Location: '/v2/y' }))).headers.location).to.equal('/v2/y');
      expect((await call(`${url}/b/x`, sent({ Location: '/v2/y' }))).headers.location).to.equal('/b/y');
    });

    for (const [rewrite, path, location, expected] of [
      [{ '^/old': '' }, '/old/x', '/y', '/old/y'],
      [{ '^/old': '/new' }, '/old/x', '/new/y', '/old/y'],
      [{ '^': '/v3' }, '/x', '/v3/y', '/y'],
      [(path: string) => path.replace('/old', ''), '/old/x/1', '/x/2', '/old/x/2'],
    ] as const) {
      it(`lead back behind a pathRewrite, from ${path} to ${expected}`, async () => {
        const upstream = await startUpstream(sending);
        const options = { target: upstream.url, transport, rewriteLocation: true, pathRewrite: rewrite };
        const proxy = await startForward(options as ForwardOptions);
        expect((await call(proxy.url + path, sent({ Location: location }))).headers.location).to.equal(
          expected,
        );
      });
    }

    it('lead back without a framework, and from one API', async () => {
      const upstream = await startUpstream(sending);
      const many = resilientProxy({ apis: { x: { target: `${upstream.url}/v2`, transport } } });
      const one = resilientProxy({ name: 'x', target: `${upstream.url}/v2`, transport });
      onCleanup(() => Promise.all([many.close(), one.close()]));
      const served = [await serve(many), await serve(one)];
      const [first, second] = await Promise.all(
        served.map(({ url }, i) => call(url + (i === 0 ? '/x/a' : '/a'), sent({ Location: '/v2/b' }))),
      );
      expect(first?.headers.location).to.equal('/x/b');
      expect(second?.headers.location).to.equal('/b');
    });

    it('lead back from what the cache has renewed in the background', async () => {
      let count = 0;
      const upstream = await startUpstream((_req, res) => {
        res.setHeader('Cache-Control', 'max-age=0, stale-while-revalidate=60');
        res.writeHead(301, { Location: `/v2/y?${++count}` }).end();
      });
      const apis = { x: { target: `${upstream.url}/v2`, transport, cache: { mode: 'standard' as const } } };
      const proxy = resilientProxy({ apis });
      onCleanup(() => proxy.close());
      const mounted = (await serveApp(express().use('/api', proxy))).url;
      const plain = (await serve(proxy)).url;
      for (const [url, path] of [
        [`${mounted}/api/x/a`, '/api/x/y'],
        [`${plain}/x/b`, '/x/y'],
      ] as const) {
        const location = async () => String((await call(url)).headers.location);
        const first = await location();
        let last = first;
        for (let calls = 0; last === first && calls < 200; calls++) last = await location();
        expect(last).to.not.equal(first);
        for (const reference of [first, last]) expect(reference.split('?')[0]).to.equal(path);
      }
    });

    it('still tell the cache that the response to a POST is that of a GET (RFC 9110 §9.3.3)', async () => {
      const upstream = await startUpstream((req, res) => {
        res.setHeader('Cache-Control', 'max-age=60').setHeader('Content-Location', '/v2/item');
        res.end(req.method);
      });
      const apis = { x: { target: `${upstream.url}/v2`, transport, cache: { mode: 'standard' as const } } };
      const proxy = resilientProxy({ apis });
      onCleanup(() => proxy.close());
      const { url } = await serveApp(express().use('/api', proxy));
      const posted = await call(`${url}/api/x/item`, { method: 'POST' });
      expect(posted.headers['content-location']).to.equal('/api/x/item');
      expect((await call(`${url}/api/x/item`)).text).to.equal('POST');
    });

    it('still tell the cache what a request made invalid (RFC 9111 §4.4)', async () => {
      let count = 0;
      const upstream = await startUpstream((req, res) => {
        if (req.method === 'POST') res.setHeader('Location', '/v2/item');
        else res.setHeader('Cache-Control', 'max-age=60');
        res.end(String(++count));
      });
      const apis = { x: { target: `${upstream.url}/v2`, transport, cache: { mode: 'standard' as const } } };
      const proxy = resilientProxy({ apis });
      onCleanup(() => proxy.close());
      const { url } = await serveApp(express().use('/api', proxy));
      expect((await call(`${url}/api/x/item`)).text).to.equal('1');
      expect((await call(`${url}/api/x/item`)).text).to.equal('1');
      const posted = await call(`${url}/api/x/items`, { method: 'POST' });
      expect(posted.headers.location).to.equal('/api/x/item');
      expect((await call(`${url}/api/x/item`)).text).to.equal('3');
    });
  });
}

describe('references of the target, with autoRewrite', () => {
  it('lead through the proxy as absolute ones', async () => {
    const upstream = await startUpstream(sending);
    const apis = { x: { target: `${upstream.url}/v2`, autoRewrite: true } };
    const proxy = resilientProxy({ apis });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(express().use('/api', proxy));
    for (const location of ['/v2/y', 'SELF/v2/y']) {
      expect((await call(`${url}/api/x/a`, sent({ Location: location }))).headers.location).to.equal(
        `${url}/api/x/y`,
      );
    }
  });

  it('are absolute in Link too, for clients that join a path to their base URL', async () => {
    const upstream = await startUpstream(sending);
    const link =
      '<SELF/v2/y?page=2>; rel="next", </v2/z>; rel="last", <https://b.example/v2>; rel="b", </other>; rel="c"';
    for (const [options, origin] of [
      [{ autoRewrite: true }, undefined],
      [{ autoRewrite: true, protocolRewrite: 'https' }, 'https:'],
      [{ hostRewrite: 'gateway.example', protocolRewrite: 'https:' }, 'https://gateway.example'],
    ] as const) {
      const proxy = resilientProxy({ apis: { x: { target: `${upstream.url}/v2`, ...options } } });
      onCleanup(() => proxy.close());
      const { url } = await serveApp(express().use('/api', proxy));
      const own = origin === 'https:' ? url.replace('http:', origin) : (origin ?? url);
      expect((await call(`${url}/api/x/a`, sent({ Link: link }))).headers.link).to.equal(
        `<${own}/api/x/y?page=2>; rel="next", <${own}/api/x/z>; rel="last", <https://b.example/v2>; rel="b", </other>; rel="c"`,
      );
    }
  });

  it('are URLs in Link where they were, by what the client has called', async () => {
    const upstream = await startUpstream(sending);
    const api = { target: `${upstream.url}/v2`, cache: { ttlMs: 60_000 } };
    const proxy = resilientProxy({ apis: { x: api } });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(express().use('/api', proxy));
    const { headers } = sent({ Link: '<SELF/v2/y?page=2>; rel="next", </v2/z>; rel="first"' });
    const own = new URL(url).host;
    for (const [more, origin] of [
      [{ host: own }, url],
      [{ host: 'a.example' }, 'http://a.example'],
      [{ host: own, 'x-forwarded-proto': 'https' }, `https://${own}`],
      [
        { host: 'in', 'x-forwarded-host': 'b.example', 'x-forwarded-proto': 'https, http' },
        'https://b.example',
      ],
      [{ host: own, 'x-forwarded-host': 'a"b' }, ''],
      [{ host: own }, url],
    ] as const) {
      const { link } = (await call(`${url}/api/x/a`, { headers: { ...headers, ...more } })).headers;
      expect(link).to.equal(`<${origin}/api/x/y?page=2>; rel="next", </api/x/z>; rel="first"`);
    }
    expect(upstream.requests).to.have.length(5);
  });

  it('share what is stored where no link says whom the client has called', async () => {
    const upstream = await startUpstream(sending);
    const proxy = resilientProxy({ apis: { x: { target: upstream.url, cache: { ttlMs: 60_000 } } } });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(express().use('/api', proxy));
    const { headers } = sent({ Link: '</y>; rel="next", <https://b.example/>; rel="b"' });
    for (const host of ['a.example', 'c.example'])
      await call(`${url}/api/x/a`, { headers: { ...headers, host } });
    expect(upstream.requests).to.have.length(1);
  });

  it('are those of each client, stored or not', async () => {
    const upstream = await startUpstream(sending);
    const api = { target: upstream.url, autoRewrite: true, cache: { ttlMs: 60_000 } };
    const proxy = resilientProxy({ apis: { x: api } });
    onCleanup(() => proxy.close());
    const { url } = await serveApp(express().use('/api', proxy));
    const { headers } = sent({ Link: '</y>; rel="next"' });
    for (const host of ['a.example', 'b.example', 'a.example'])
      expect((await call(`${url}/api/x/a`, { headers: { ...headers, host } })).headers.link).to.equal(
        `<http://${host}/api/x/y>; rel="next"`,
      );
  });
});
