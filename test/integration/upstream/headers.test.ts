import { expect } from 'chai';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { call, valuesOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { json, startUpstream, status, type Upstream } from '../../support/upstream.js';

/** Sends one request with raw headers and returns the headers that the upstream got. */
async function headersSent(
  options: ForwardOptions,
  headers: string[],
  head = 'GET / HTTP/1.1',
): Promise<string[]> {
  const upstream = await startUpstream(json({}));
  return headersSentTo(upstream, { target: upstream.url, ...options }, headers, head);
}

async function headersSentTo(
  upstream: Upstream,
  options: ForwardOptions,
  headers: string[],
  head = 'GET / HTTP/1.1',
): Promise<string[]> {
  const proxy = await startForward(options);
  await rawCall(proxy.port, `${[head, ...headers].join('\r\n')}\r\nConnection: close\r\n\r\n`);
  return [...(upstream.requests.at(-1)?.rawHeaders ?? [])];
}

const OWN_VIA = /^1\.1 resilient-proxy-out-[0-9a-f]{8}$/;

const names = (rawHeaders: readonly string[]) =>
  rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());

for (const transport of TRANSPORTS) {
  describe(`forward() and the headers of a request, transport ${transport}`, () => {
    it('drops hop-by-hop headers, and those that Connection lists', async () => {
      const sent = await headersSent({ transport }, [
        'Host: a',
        'Connection: X-Mine, keep-alive',
        'X-Mine: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic c2VjcmV0',
        'Proxy-Authenticate: Basic',
        'TE: gzip',
        'Trailer: X-Sum',
        'HTTP2-Settings: AAA',
        'X-Kept: 1',
      ]);
      expect(names(sent)).to.include('x-kept');
      expect(names(sent)).to.not.include.members(['x-mine']);
      for (const name of ['keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate']) {
        expect(names(sent), name).to.not.include(name);
      }
      for (const name of ['te', 'trailer', 'http2-settings', 'upgrade']) {
        expect(names(sent), name).to.not.include(name);
      }
      expect(valuesOf(sent, 'connection').join()).to.match(/^(keep-alive)?$/);
    });

    it('drops what any of several Connection lines lists, in any letter case', async () => {
      const sent = await headersSent({ transport }, [
        'Host: a',
        'Connection: close',
        'connection: x-ONE ,, X-Two',
        'X-One: 1',
        'x-two: 2',
        'X-Three: 3',
      ]);
      expect(names(sent)).to.include('x-three').and.not.include.members(['x-one']);
      expect(names(sent)).to.not.include('x-two');
    });

    it('keeps what HTTP needs even if Connection lists it', async () => {
      const sent = await headersSent({ transport }, ['Host: a.example', 'Connection: host, via']);
      expect(valuesOf(sent, 'host')).to.deep.equal(['a.example']);
      expect(valuesOf(sent, 'via').join()).to.match(OWN_VIA);
    });

    it('passes te: trailers on, and nothing else of TE', async () => {
      const sent = await headersSent({ transport }, ['Host: a', 'TE: gzip;q=0.5, trailers']);
      expect(valuesOf(sent, 'te')).to.deep.equal(['trailers']);
    });

    it('adds itself to Via, after existing entries, with the client’s HTTP version', async () => {
      expect(valuesOf(await headersSent({ transport }, ['Host: a']), 'via').join()).to.match(OWN_VIA);
      const later = await headersSent(
        { transport },
        ['Host: a', 'Via: 1.1 first', 'via: 2 second'],
        'GET / HTTP/1.0',
      );
      expect(valuesOf(later, 'via').join(', ')).to.match(
        /^1\.1 first, 2 second, 1\.0 resilient-proxy-out-[0-9a-f]{8}$/,
      );
    });

    it('sends the Host of the client, or of the target with changeOrigin', async () => {
      const upstream = await startUpstream(json({}));
      const options = { target: upstream.url, transport };
      const headers = ['Host: client.example'];
      expect(valuesOf(await headersSentTo(upstream, options, headers), 'host')).to.deep.equal([
        'client.example',
      ]);
      const changed = await headersSentTo(upstream, { ...options, changeOrigin: true }, headers);
      expect(valuesOf(changed, 'host')).to.deep.equal([`127.0.0.1:${upstream.port}`]);
    });

    it('adds X-Forwarded headers with xfwd, unless another proxy has', async () => {
      const sent = await headersSent({ transport, xfwd: true }, ['Host: client.example:8080']);
      expect(valuesOf(sent, 'x-forwarded-for').join()).to.match(/^(::ffff:)?127\.0\.0\.1$/);
      expect(valuesOf(sent, 'x-forwarded-port')).to.deep.equal(['8080']);
      expect(valuesOf(sent, 'x-forwarded-proto')).to.deep.equal(['http']);
      expect(valuesOf(sent, 'x-forwarded-host')).to.deep.equal(['client.example:8080']);

      const known = await headersSent({ transport, xfwd: true }, ['Host: a', 'X-Forwarded-For: 10.1.1.1']);
      expect(valuesOf(known, 'x-forwarded-for')).to.deep.equal(['10.1.1.1']);
      expect(names(await headersSent({ transport }, ['Host: a']))).to.not.include('x-forwarded-for');
    });

    it('appends the client’s address with xfwd: append', async () => {
      const sent = await headersSent({ transport, xfwd: 'append' }, [
        ...[
          'Host: a',
          'X-Forwarded-For: 192.0.2.1',
          'x-forwarded-for: 192.0.2.2',
          'X-Forwarded-Proto: https',
        ],
      ]);
      expect(valuesOf(sent, 'x-forwarded-for')).to.have.length(1);
      expect(valuesOf(sent, 'x-forwarded-for')[0]).to.match(
        /^192\.0\.2\.1, 192\.0\.2\.2, (::ffff:)?127\.0\.0\.1$/,
      );
      expect(valuesOf(sent, 'x-forwarded-proto')).to.deep.equal(['https']);
      expect(valuesOf(sent, 'x-forwarded-host')).to.deep.equal(['a']);
      const first = await headersSent({ transport, xfwd: 'append' }, ['Host: a']);
      expect(valuesOf(first, 'x-forwarded-for').join()).to.match(/^(::ffff:)?127\.0\.0\.1$/);
    });

    it('believes nothing that the client says with xfwd: replace (RFC 7239 §8.1)', async () => {
      const sent = await headersSent({ transport, xfwd: 'replace' }, [
        ...['Host: a:81', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Host: b', 'X-Forwarded-Proto: https'],
        ...[
          'X-Forwarded-Port: 1',
          'X-Forwarded-Prefix: /x',
          'Forwarded: for=192.0.2.1',
          'X-Real-IP: 192.0.2.1',
        ],
      ]);
      expect(valuesOf(sent, 'x-forwarded-for').join()).to.match(/^(::ffff:)?127\.0\.0\.1$/);
      expect(valuesOf(sent, 'x-forwarded-host')).to.deep.equal(['a:81']);
      expect(valuesOf(sent, 'x-forwarded-proto')).to.deep.equal(['http']);
      expect(valuesOf(sent, 'x-forwarded-port')).to.deep.equal(['81']);
      expect(names(sent)).to.not.include.members(['forwarded']);
      for (const name of ['forwarded', 'x-real-ip', 'x-forwarded-prefix'])
        expect(names(sent)).to.not.include(name);
    });

    it('keeps with xfwd what it does not pass on, and what is added to every call, out of it', async () => {
      const claim = ['Host: a', 'X-Forwarded-For: 192.0.2.1'];
      for (const xfwd of [true, 'append'] as const) {
        const sent = await headersSent({ transport, xfwd, forwardHeaders: false }, claim);
        expect(valuesOf(sent, 'x-forwarded-for').join(), String(xfwd)).to.match(/^(::ffff:)?127\.0\.0\.1$/);
      }
      const fixed = { 'X-Forwarded-For': '198.51.100.1' };
      const sent = await headersSent({ transport, xfwd: 'replace', headers: fixed }, claim);
      expect(valuesOf(sent, 'x-forwarded-for')).to.deep.equal(['198.51.100.1']);
    });

    it('sends auth as Basic credentials', async () => {
      const sent = await headersSent({ transport, auth: 'user:pass' }, ['Host: a']);
      expect(valuesOf(sent, 'authorization')).to.deep.equal(['Basic dXNlcjpwYXNz']);
    });

    it('sends the credentials of the target', async () => {
      const upstream = await startUpstream(json({}));
      const target = upstream.url.replace('//', '//us%40er:p%3Ass@');
      const sent = await headersSentTo(upstream, { target, transport }, ['Host: a']);
      const [credentials = ''] = valuesOf(sent, 'authorization');
      expect(Buffer.from(credentials.replace('Basic ', ''), 'base64').toString()).to.equal('us@er:p:ss');
    });

    it('sends a password of the target with a % in it', async () => {
      const upstream = await startUpstream(json({}));
      for (const [userinfo, plain] of [
        ['user:100%', 'user:100%'],
        ['us%40er:p%C3%A9%zz%', 'us@er:pé%zz%'],
        ['user:%ff', 'user:%ff'],
      ] as const) {
        const target = upstream.url.replace('//', `//${userinfo}@`);
        const sent = await headersSentTo(upstream, { target, transport }, ['Host: a']);
        expect(valuesOf(sent, 'authorization')).to.deep.equal([
          `Basic ${Buffer.from(plain).toString('base64')}`,
        ]);
      }
    });

    it('lets added headers replace the client’s, in any letter case', async () => {
      const headers = { 'X-Api-KEY': 'ours', authorization: 'Bearer ours' };
      const sent = await headersSent({ transport, headers }, [
        'Host: a',
        'x-api-key: theirs',
        'X-API-Key: theirs too',
        'Authorization: Bearer theirs',
      ]);
      expect(valuesOf(sent, 'x-api-key')).to.deep.equal(['ours']);
      expect(valuesOf(sent, 'authorization')).to.deep.equal(['Bearer ours']);
    });

    it('lets an added Host win', async () => {
      const sent = await headersSent({ transport, headers: { HOST: 'ours.example' } }, ['Host: a']);
      expect(valuesOf(sent, 'host')).to.deep.equal(['ours.example']);
    });

    it('keeps repeated lines of a header, and bytes above ASCII, unchanged', async () => {
      const sent = await headersSent({ transport }, [
        'Host: a',
        'X-Line: one',
        'X-Line: two, three',
        'X-Latin: caf\xe9',
        'Cookie: a=1',
      ]);
      expect(valuesOf(sent, 'x-line')).to.deep.equal(['one', 'two, three']);
      expect(valuesOf(sent, 'x-latin')).to.deep.equal(['caf\xe9']);
      expect(valuesOf(sent, 'cookie')).to.deep.equal(['a=1']);
    });

    it('sends only what HTTP itself needs with forwardHeaders: false', async () => {
      const sent = await headersSent({ transport, forwardHeaders: false, headers: { 'x-ours': '1' } }, [
        'Host: a',
        'Accept: text/html',
        'If-None-Match: "1"',
        'Range: bytes=0-1',
        'User-Agent: me',
        'Authorization: Bearer theirs',
        'X-Other: 1',
        'Cookie: a=1',
      ]);
      expect(names(sent)).to.include.members([
        'accept',
        'if-none-match',
        'range',
        'user-agent',
        'x-ours',
        'host',
        'via',
      ]);
      expect(sent.join()).to.not.match(/theirs|x-other|cookie/i);
    });

    it('sends the listed headers as well with a list in forwardHeaders', async () => {
      const sent = await headersSent({ transport, forwardHeaders: ['x-MINE', 'Authorization'] }, [
        'Host: a',
        'X-Mine: 1',
        'authorization: Bearer theirs',
        'X-Other: 1',
        'Accept: */*',
      ]);
      expect(names(sent)).to.include.members(['x-mine', 'authorization', 'accept']);
      expect(names(sent)).to.not.include('x-other');
    });

    it('keeps cookies apart with forwardCookies: false', async () => {
      const upstream = await startUpstream(status(200, { 'set-cookie': ['a=1', 'b=2'], 'x-kept': '1' }));
      const proxy = await startForward({ target: upstream.url, transport, forwardCookies: false });

      const response = await call(proxy.url, { headers: { cookie: 'session=1' } });
      expect(upstream.requests[0]?.headers).to.not.have.property('cookie');
      expect(response.headers).to.not.have.property('set-cookie');
      expect(response.headers).to.have.property('x-kept', '1');
    });

    it('answers Expect: 100-continue itself and does not send it on', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');

      await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
      client.send('ok');
      await client.until(/HTTP\/1\.1 200 OK/);
      expect(upstream.requests[0]?.body.toString()).to.equal('ok');
      expect(upstream.requests[0]?.headers).to.not.have.property('expect');
    });

    it('sends the method of the option', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport, method: 'POST' });
      await call(proxy.url);
      expect(upstream.requests[0]?.method).to.equal('POST');
    });
  });
}
