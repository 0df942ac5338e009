import { expect } from 'chai';
import { call, keepAliveAgent, valuesOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall } from '../../support/raw-client.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { json, startUpstream, status, text } from '../../support/upstream.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

for (const transport of TRANSPORTS) {
  describe(`forward() and responses, transport ${transport}`, () => {
    const startRaw = async (bytes: string) => {
      const upstream = await startRawUpstream(rawResponse(bytes));
      return { upstream, proxy: await startForward({ target: upstream.url, transport }) };
    };

    it('keeps the status and its message', async () => {
      const { proxy } = await startRaw('HTTP/1.1 299 Quite Fine\r\nContent-Length: 0\r\n\r\n');
      const { status, statusMessage } = await call(proxy.url);
      expect({ status, statusMessage }).to.deep.equal({ status: 299, statusMessage: 'Quite Fine' });
    });

    for (const [kind, message] of [
      ['Latin-1', 'D\xe9j\xe0 vu'],
      ['UTF-8', Buffer.from('Déjà vu ✓').toString('latin1')],
    ]) {
      it(`passes on a response with a ${kind} status message, its bytes kept`, async () => {
        const { proxy } = await startRaw(`HTTP/1.1 200 ${message}\r\nContent-Length: 2\r\n\r\nok`);
        const response = await rawCall(proxy.port, GET);
        expect(response)
          .to.match(/^HTTP\/1\.1 200 /)
          .and.match(/\r\n\r\nok$/);
        // undici decodes the phrase as UTF-8, which loses invalid bytes.
        if (kind === 'UTF-8') expect(response.split('\r\n', 1)[0]).to.equal(`HTTP/1.1 200 ${message}`);
      });
    }

    it('passes on a response without a status message', async () => {
      const { proxy } = await startRaw('HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok');
      expect((await call(proxy.url)).text).to.equal('ok');
    });

    it('keeps every line of repeated headers, in their order', async () => {
      const { proxy } = await startRaw(
        [
          'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1; Path=/\r\nWarning: 199 - "one"\r\nLink: </a>',
          'set-cookie: b=2\r\nwarning: 199 - "two"\r\nLink: </b>; rel="x, y"\r\nX-Latin: caf\xe9\r\n\r\n',
        ].join('\r\n'),
      );
      const response = await call(proxy.url);
      expect(response.lines('set-cookie')).to.deep.equal(['a=1; Path=/', 'b=2']);
      expect(response.lines('warning')).to.deep.equal(['199 - "one"', '199 - "two"']);
      expect(response.lines('link')).to.deep.equal(['</a>', '</b>; rel="x, y"']);
      expect(response.lines('x-latin')).to.deep.equal(['caf\xe9']);
    });

    it('drops hop-by-hop headers, and those that Connection lists', async () => {
      const { proxy } = await startRaw(
        [
          'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\nKeep-Alive: timeout=99',
          'Proxy-Authenticate: Basic\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nX-Kept: 1\r\n\r\n',
        ].join('\r\n'),
      );
      const { headers, lines } = await call(proxy.url, { agent: keepAliveAgent() });
      expect(headers).to.have.property('x-kept', '1');
      expect(headers).to.not.have.any.keys('x-mine', 'proxy-authenticate', 'proxy-connection', 'upgrade');
      expect(lines('connection')).to.deep.equal(['keep-alive']);
      expect(lines('keep-alive').join()).to.not.equal('timeout=99');
    });

    it('adds itself to Via, after existing entries', async () => {
      const upstream = await startUpstream([json({}), status(200, { via: '1.0 first' })]);
      const proxy = await startForward({ target: upstream.url, transport });
      expect((await call(proxy.url)).lines('via')).to.deep.equal(['1.1 resilient-proxy-out']);
      expect((await call(proxy.url)).lines('via').join(', ')).to.equal('1.0 first, 1.1 resilient-proxy-out');
    });

    it('responds to HEAD with the Content-Length of the target and no body', async () => {
      const upstream = await startUpstream(text('hello'));
      const proxy = await startForward({ target: upstream.url, transport });

      for (let i = 0; i < 3; i++) {
        const response = await call(proxy.url, { method: 'HEAD' });
        expect(response.lines('content-length')).to.deep.equal(['5']);
        expect(response.body).to.have.length(0);
      }
      expect(upstream.requests.map(({ method }) => method)).to.deep.equal(['HEAD', 'HEAD', 'HEAD']);
    });

    it('responds to HEAD if the target sends chunks for GET', async () => {
      const { proxy } = await startRaw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const response = await call(proxy.url, { method: 'HEAD' });
      expect(response.status).to.equal(200);
    });

    it('passes 204 on, without a length', async () => {
      const { upstream, proxy } = await startRaw('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n');
      for (let i = 0; i < 2; i++) {
        const response = await call(proxy.url);
        expect(response.status).to.equal(204);
        expect(response.headers).to.not.have.any.keys('content-length', 'transfer-encoding');
      }
      expect(upstream.connections.total).to.equal(1);
    });

    it('passes 304 on', async () => {
      const upstream = await startUpstream(status(304, { etag: '"1"' }));
      const proxy = await startForward({ target: upstream.url, transport });
      const response = await call(proxy.url);
      expect(response.status).to.equal(304);
      expect(response.headers).to.have.property('etag', '"1"').and.not.equal(undefined);
      expect(response.headers).to.not.have.property('transfer-encoding');
    });

    it('passes a 304 on whose Content-Length is that of the body it stands for', async () => {
      const { proxy } = await startRaw(
        'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: "1"\r\n\r\n',
      );
      for (let i = 0; i < 3; i++) {
        const response = await call(proxy.url, { agent: keepAliveAgent() });
        expect(response.status).to.equal(304);
        expect(response.lines('content-length')).to.deep.equal(['1234']);
      }
      expect(proxy.errors).to.deep.equal([]);
    });

    it('passes 102 and 103 on, each line of Link kept', async () => {
      const { proxy } = await startRaw(
        [
          'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style',
          'Link: </b.css>; rel=preload; as=style\r\nX-Hint: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
        ].join('\r\n'),
      );
      const { information, text } = await call(proxy.url);
      expect(information.map(({ status }) => status)).to.deep.equal([102, 103]);
      expect(valuesOf(information[1]?.rawHeaders ?? [], 'link').join(', ')).to.equal(
        '</a.css>; rel=preload; as=style, </b.css>; rel=preload; as=style',
      );
      expect(valuesOf(information[1]?.rawHeaders ?? [], 'x-hint')).to.deep.equal(['1']);
      expect(text).to.equal('ok');
    });

    it('passes on the response after a 103 that Node refuses to send', async () => {
      const { proxy } = await startRaw(
        'HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: nonsense\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      );
      expect((await call(proxy.url)).text).to.equal('ok');
    });

    it('sends no interim response to an HTTP/1.0 client', async () => {
      const { proxy } = await startRaw(
        'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      );
      const response = await rawCall(proxy.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      expect(response)
        .to.match(/^HTTP\/1\.[01] 200 OK\r\n/)
        .and.match(/\r\n\r\nok$/);
    });

    it('responds to an HTTP/1.0 client without chunks', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.write('one ');
        res.end('two');
      });
      const proxy = await startForward({ target: upstream.url, transport });
      const response = await rawCall(proxy.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      expect(response)
        .to.match(/\r\n\r\none two$/)
        .and.not.match(/transfer-encoding/i);
    });

    it('passes response trailers on', async () => {
      const { proxy } = await startRaw(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\nX-Also: caf\xe9\r\n\r\n',
      );
      const response = await call(proxy.url, { headers: { te: 'trailers' } });
      expect(response.lines('trailer')).to.deep.equal(['X-Sum']);
      expect(valuesOf(response.rawTrailers, 'x-sum')).to.deep.equal(['42']);
      expect(valuesOf(response.rawTrailers, 'x-also')).to.deep.equal(['caf\xe9']);
    });

    it('passes on a response of an HTTP/1.0 origin', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold');
      });
      const proxy = await startForward({ target: upstream.url, transport });
      expect((await call(proxy.url)).text).to.equal('old');
    });

    it('passes redirects and errors of the target on as they are', async () => {
      const upstream = await startUpstream([
        status(302, { location: 'http://else.example/' }),
        status(500),
        status(429),
      ]);
      const proxy = await startForward({ target: upstream.url, transport });
      const redirected = await call(proxy.url);
      expect(redirected.status).to.equal(302);
      expect(redirected.headers.location).to.equal('http://else.example/');
      expect((await call(proxy.url)).status).to.equal(500);
      expect((await call(proxy.url)).status).to.equal(429);
      expect(proxy.errors).to.deep.equal([]);
    });
  });
}
