import { expect } from 'chai';
import { cache } from '../../../lib/cache/cache.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { forward, InvalidOptionError, resilientProxy } from '../../../lib/index.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { serve } from '../../support/serve.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** Sends the head of the request back, as a target of TRACE does. */
const traced: UpstreamResponse = ({ method, url, rawHeaders }, res) => {
  const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
  res.setHeader('Content-Type', 'message/http').end([`${method} ${url}`, ...lines].join('\r\n'));
};

for (const transport of TRANSPORTS) {
  describe(`forward() and methods, transport ${transport}`, () => {
    const start = async (options: Omit<ForwardOptions, 'target'> = {}, ...stages: Handler[]) => {
      const upstream = await startUpstream(traced);
      const target = upstream.url.replace('//', '//user:target-password@');
      const proxy = await startForward({ target, transport, ...options }, ...stages);
      const send = async (method: string, ...headers: string[]) => {
        const lines = [`${method} /x HTTP/1.1`, 'Host: a', 'Connection: close', ...headers];
        const response = await rawCall(proxy.port, `${lines.join('\r\n')}\r\n\r\n`);
        return { status: Number(response.slice(9, 12)), response };
      };
      return { upstream, proxy, send };
    };

    it('answers 405 to TRACE with traceMethod: false, with Allow (RFC 9110 §9.3.8, §15.5.6)', async () => {
      const { upstream, send } = await start({ traceMethod: false });
      const { status, response } = await send('TRACE');
      expect(status).to.equal(405);
      expect(response).to.match(/^allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r$/im);
      expect(response).to.include('"code":"ERR_METHOD_NOT_ALLOWED"');
      expect(upstream.requests).to.have.length(0);
    });

    it('adds nothing to TRACE where it is forwarded', async () => {
      const headers = { 'X-API-Key': 'gateway-key', authorization: 'Bearer gateway-key' };
      for (const options of [{ headers }, { auth: 'user:gateway-key' }, {}]) {
        const { send } = await start({ traceMethod: true, xfwd: true, ...options });
        const { status, response } = await send('TRACE', 'X-Mine: 1', 'X-API-Key: mine');
        expect(status).to.equal(200);
        expect(response)
          .to.match(/x-mine: 1/i)
          .and.match(/via: 1\.1 /i);
        expect(response).to.not.match(/gateway-key|target-password|authorization|x-forwarded/i);
      }
    });

    it('adds nothing to TRACE that a limit puts into each attempt', async () => {
      const adds: Handler = (req, res, next) => {
        exchangeOf(req, res).limits.push({ admit: () => ({ sending: () => ['X-API-Key', 'gateway-key'] }) });
        next();
      };
      const { send } = await start({ traceMethod: true }, adds);
      expect((await send('TRACE')).response)
        .to.match(/^HTTP\/1\.1 200 /)
        .and.not.include('gateway-key');
      expect((await send('GET')).response).to.include('gateway-key');
    });

    it('answers 405 to TRACE by default within resilientProxy()', async () => {
      const upstream = await startUpstream(traced);
      const proxy = resilientProxy({ name: 'a', target: upstream.url, transport });
      onCleanup(() => proxy.close());
      const { port } = await serve(proxy);
      const lines = ['TRACE / HTTP/1.1', 'Host: a', 'Connection: close', 'Max-Forwards: 0'];
      expect(await rawCall(port, `${lines.join('\r\n')}\r\n\r\n`)).to.match(/^HTTP\/1\.1 405 /);
      expect(upstream.requests).to.have.length(0);
    });

    it('answers 400 to a TRACE with a body', async () => {
      const { upstream, send } = await start({ traceMethod: true });
      expect((await send('TRACE', 'Transfer-Encoding: chunked', '', '0')).status).to.equal(400);
      expect(upstream.requests).to.have.length(0);
    });

    it('counts Max-Forwards down for TRACE and OPTIONS alone (RFC 9110 §7.6.2)', async () => {
      const { upstream, send } = await start({ traceMethod: true });
      const left = async (method: string, value: string) => {
        expect((await send(method, `Max-Forwards: ${value}`)).status).to.equal(200);
        return upstream.requests.at(-1)?.headers['max-forwards'];
      };
      for (const method of ['TRACE', 'OPTIONS']) {
        expect(await left(method, '3'), method).to.equal('2');
        expect(await left(method, '1'), method).to.equal('0');
        expect(await left(method, '99999999999999999999'), method).to.equal('2147483647');
      }
      expect(await left('GET', '3')).to.equal('3');
      expect(await left('GET', '0')).to.equal('0');
    });

    it('responds itself where no forward is left', async () => {
      const { upstream, send } = await start({ traceMethod: true });
      const options = await send('OPTIONS', 'Max-Forwards: 0');
      expect(options.response)
        .to.match(/^HTTP\/1\.1 204 /)
        .and.match(/^allow: GET, .*TRACE\r$/im);
      const trace = await send('TRACE', 'Max-Forwards: 0', 'X-Mine: \xe9', 'Cookie: a=1', 'Authorization: b');
      expect(trace.response).to.match(/^content-type: message\/http\r$/im);
      expect(trace.response).to.match(/\r\n\r\n(?:.*\r\n)?TRACE \/x HTTP\/1\.1\r\nHost: a\r\n/);
      expect(trace.response)
        .to.include('X-Mine: \xe9')
        .and.not.match(/cookie|authorization/i);
      for (const value of ['-1', 'x', '1, 2']) {
        expect((await send('OPTIONS', `Max-Forwards: ${value}`)).status, value).to.equal(400);
      }
      expect(upstream.requests).to.have.length(0);
    });

    it('answers 405 to a method that is not in methods, from a cache as well', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.setHeader('Cache-Control', 'max-age=60').end('stored');
      });
      const proxy = resilientProxy({
        name: 'a',
        target: upstream.url,
        transport,
        cache: {},
        methods: ['GET', 'PUT'],
      });
      onCleanup(() => proxy.close());
      const { url, port } = await serve(proxy, { upgrade: proxy.upgrade });
      expect((await call(url)).status).to.equal(200);
      expect((await call(url, { method: 'HEAD' })).status).to.equal(200);
      expect((await call(url, { method: 'PUT', body: 'x' })).status).to.equal(200);
      const refused = await call(url, { method: 'POST', body: 'x' });
      expect(refused.status).to.equal(405);
      expect(refused.headers.allow).to.equal('GET, PUT, HEAD');
      expect(upstream.requests).to.have.length(2);
      expect(await rawCall(port, 'get / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).to.match(
        / 40[05] /,
      );
    });

    it('answers 405 to a handshake where GET is not in methods', async () => {
      const { upstream, send } = await start({ methods: ['POST'] });
      const { response } = await send(
        'GET',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      );
      expect(response).to.match(/^HTTP\/1\.1 405 /);
      expect(upstream.requests).to.have.length(0);
    });

    it('may be asked in front of a cache of one’s own', async () => {
      const upstream = await startUpstream((_req, res) => void res.end('ok'));
      const last = openForward({ target: upstream.url, transport, methods: ['POST'] });
      const stored = cache();
      onCleanup(() => stored.close());
      const { url } = await serve((req, res, next) =>
        last.admission(req, res, (error) =>
          error ? next(error) : stored(req, res, () => last(req, res, next)),
        ),
      );
      expect((await call(url)).status).to.equal(405);
      expect((await call(url, { method: 'POST' })).status).to.equal(200);
    });

    it('keeps the framing of a HEAD that was sent in place of the client’s method (RFC 9110 §9.3.2)', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'Content-Length': 5, ETag: '"a"' }).end();
      });
      const proxy = await startForward({ target: upstream.url, transport, method: 'HEAD' });
      const client = await rawClient(proxy.port);
      client.send(
        'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      const responses = (await client.untilClosed()).split(/(?=HTTP\/1\.1 200)/);
      expect(responses).to.have.length(2);
      expect(responses[0])
        .to.match(/etag: "a"/i)
        .and.match(/\r\n\r\n(0\r\n\r\n)?$/);
      expect(responses[0]).to.not.match(/content-length: [1-9]/i);
      expect(responses[1]).to.match(/content-length: 5\r/i);
    });

    it('answers 400 to several and to malformed Host headers (RFC 9112 §3.2)', async () => {
      const { upstream, proxy } = await start();
      const statusFor = async (...hosts: string[]) => {
        const lines = ['GET / HTTP/1.1', ...hosts.map((host) => `Host: ${host}`), 'Connection: close'];
        return Number((await rawCall(proxy.port, `${lines.join('\r\n')}\r\n\r\n`)).slice(9, 12));
      };
      const bad = [
        'a b',
        'a/b',
        'user@a',
        'a:80:90',
        'a:x',
        '[::1',
        '::1',
        'a?b',
        'a#b',
        'a\\b',
        'a,b c',
        '\xe9',
      ];
      for (const host of bad) expect(await statusFor(host), host).to.equal(400);
      for (const twice of [
        ['a', 'b'],
        ['a', 'a'],
        ['a', ''],
      ])
        expect(await statusFor(...twice)).to.equal(400);
      expect(upstream.requests).to.have.length(0);
      for (const host of [
        'a',
        'a.example:8080',
        'my_app',
        '[::1]:80',
        '127.0.0.1',
        'xn--bcher-kva.example',
        'a:',
        '',
      ]) {
        expect(await statusFor(host), host).to.equal(200);
      }
    });
  });
}

describe('forward() and its options for methods', () => {
  it('refuses what is no list of methods', () => {
    for (const options of [
      { methods: [] },
      { methods: ['get'] },
      { methods: ['CONNECT'] },
      { method: 'TRACE' },
      { method: 'CONNECT' },
      { traceMethod: 'yes' as unknown as boolean },
    ]) {
      expect(() => forward({ target: 'http://a.example', ...options })).to.throw(InvalidOptionError);
    }
  });
});
