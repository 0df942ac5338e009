import { expect } from 'chai';
import { type Exchange, exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { call, keepAliveAgent, type TargetResponse } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { json, startUpstream } from '../../support/upstream.js';

function expectError(response: TargetResponse, status: number, code: string, proxyStatus: string): void {
  expect(response.status).to.equal(status);
  expect(response.headers['content-type']).to.match(/^application\/json/);
  expect(response.json()).to.have.all.keys('error', 'code').and.include({ code });
  expect(response.headers['proxy-status']).to.equal(`resilient-proxy-out; error=${proxyStatus}`);
}

for (const transport of TRANSPORTS) {
  describe(`forward() when there is no response, transport ${transport}`, () => {
    const responseTo = async (target: string): Promise<TargetResponse> =>
      call((await startForward({ target, transport })).url);
    const responseToBytes = async (bytes: string): Promise<TargetResponse> =>
      responseTo((await startRawUpstream(rawResponse(bytes))).url);

    it('answers 502 ERR_UPSTREAM_CONNECT when the connection is refused', async () => {
      const response = await responseTo(`http://127.0.0.1:${await unusedPort()}`);
      expectError(response, 502, 'ERR_UPSTREAM_CONNECT', 'connection_refused');
    });

    it('answers 502 ERR_UPSTREAM_CONNECT when every address of a name refuses', async () => {
      const response = await responseTo(`http://localhost:${await unusedPort()}`);
      expectError(response, 502, 'ERR_UPSTREAM_CONNECT', 'connection_refused');
    });

    it('answers 502 ERR_UPSTREAM_CONNECT when the host name is not found', async () => {
      const response = await responseTo('http://nowhere.invalid');
      expectError(response, 502, 'ERR_UPSTREAM_CONNECT', 'dns_error');
      expect(response.text).to.not.include('nowhere');
    });

    for (const [what, bytes] of [
      ['nonsense', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
      ['a header without a colon', 'HTTP/1.1 200 OK\r\nno colon here\r\n\r\n'],
      ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
      ['a length that is not a number', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
      ['a bare line feed in a header', 'HTTP/1.1 200 OK\r\nX-Bad: a\rb\r\n\r\n'],
    ] as const) {
      it(`answers 502 ERR_UPSTREAM_PROTOCOL when the target sends ${what}`, async () => {
        expectError(await responseToBytes(bytes), 502, 'ERR_UPSTREAM_PROTOCOL', 'http_protocol_error');
      });
    }

    it('answers 502 ERR_UPSTREAM_PROTOCOL when the head of the response is too large', async () => {
      const head = `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(100_000)}\r\nContent-Length: 0\r\n\r\n`;
      expectError(await responseToBytes(head), 502, 'ERR_UPSTREAM_PROTOCOL', 'http_protocol_error');
    });

    it('goes on behind a 100 that nobody has requested (RFC 9110 §15.2)', async () => {
      const response = await responseToBytes(
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      );
      expect(response.text).to.equal('ok');
    });

    it('survives an unsolicited switch of protocols', async () => {
      const response = await responseToBytes(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      );
      expect(response.status).to.equal(502);
    });

    it('never takes bytes after one response as the next one', async () => {
      const upstream = await startRawUpstream(
        rawResponse(
          'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
        ),
      );
      const proxy = await startForward({ target: upstream.url, transport, connections: 1 });
      for (let i = 0; i < 4; i++) expect((await call(proxy.url)).text).to.not.equal('evil');
    });

    it('answers 502 ERR_UPSTREAM_RESET when the target closes in the middle of its head', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.end('HTTP/1.1 200 OK\r\nContent-');
      });
      const response = await responseTo(upstream.url);
      expect(response.status).to.equal(502);
      expect(response.json())
        .to.have.property('code')
        .that.matches(/^ERR_UPSTREAM_(RESET|PROTOCOL)$/);
    });

    it('responds with an error if Node refuses to pass a header of the response on', async () => {
      const response = await responseToBytes(
        'HTTP/1.1 200 OK\r\nX-Bad: a\x01b\r\nContent-Length: 2\r\n\r\nok',
      );
      expect([200, 502]).to.include(response.status);
      if (response.status === 502) expectError(response, 502, 'ERR_UPSTREAM_PROTOCOL', 'http_protocol_error');
    });

    it('writes the failure on the exchange', async () => {
      const seen: Exchange[] = [];
      const watch: Handler = (req, res, next) => {
        seen.push(exchangeOf(req, res));
        next();
      };
      const proxy = await startForward(
        { target: `http://127.0.0.1:${await unusedPort()}`, transport },
        watch,
      );
      await call(proxy.url);
      expect(seen[0]?.error).to.have.property('code', 'ERR_UPSTREAM_CONNECT');
      expect(seen[0]?.attempts).to.have.length(1);
      expect(seen[0]?.attempts[0]?.outcome).to.include({
        kind: 'failure',
        retryClass: 'connection refused',
        unsent: true,
        staleConnection: false,
      });
    });

    it('keeps the client’s connection after an error if its request was complete', async () => {
      const proxy = await startForward({ target: `http://127.0.0.1:${await unusedPort()}`, transport });
      const agent = keepAliveAgent();
      for (let i = 0; i < 15; i++) {
        const response = await call(proxy.url, {
          agent,
          method: i % 2 ? 'POST' : 'GET',
          body: i % 2 ? 'x' : undefined,
        });
        expect(response.status).to.equal(502);
      }
      expect(proxy.connections.total).to.be.below(9);
    });
  });

  describe(`forward() and connections to the target, transport ${transport}`, () => {
    it('keeps one connection for calls in a row', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });
      for (let i = 0; i < 10; i++) await call(proxy.url, i % 2 ? {} : { method: 'POST', body: 'x' });
      expect(upstream.connections.total).to.equal(1);
    });

    it('opens no more connections than allowed', async () => {
      const upstream = await startUpstream((_req, res) => void setTimeout(() => res.end(), 10));
      const proxy = await startForward({ target: upstream.url, transport, connections: 2 });
      const responses = await Promise.all(Array.from({ length: 12 }, () => call(proxy.url)));
      expect(responses.map(({ status }) => status)).to.deep.equal(Array(12).fill(200));
      expect(upstream.connections.total).to.equal(2);
    });

    /** Responds to the first request of its first connection, and closes that one at the second. */
    const closesOnReuse = (how: 'end' | 'reset') =>
      startRawUpstream(async (connection, number) => {
        await connection.heads();
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        if (number > 1) return;
        await connection.heads(2);
        connection[how]();
      });

    for (const how of ['end', 'reset'] as const) {
      it(`sends GET and PUT once more on a fresh connection when an idle one is closed by ${how}`, async () => {
        for (const method of ['GET', 'PUT']) {
          const upstream = await closesOnReuse(how);
          const proxy = await startForward({ target: upstream.url, transport, connections: 1 });
          expect((await call(proxy.url)).text).to.equal('ok');
          const second = await call(proxy.url, { method });
          expect(second.text, method).to.equal('ok');
          expect(upstream.connections.total).to.equal(2);
        }
      });

      it(`does not send POST once more when an idle connection is closed by ${how}`, async () => {
        const upstream = await closesOnReuse(how);
        const proxy = await startForward({ target: upstream.url, transport, connections: 1 });
        expect((await call(proxy.url)).text).to.equal('ok');
        const response = await call(proxy.url, { method: 'POST', body: 'order' });
        expectError(response, 502, 'ERR_UPSTREAM_RESET', 'connection_terminated');
        expect(upstream.received.map(({ received }) => received.includes('order'))).to.deep.equal([true]);
      });
    }

    it('resends a call only once', async () => {
      const upstream = await startRawUpstream(async (connection, number) => {
        await connection.heads();
        if (number > 1) return connection.reset();
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        await connection.heads(2);
        connection.reset();
      });
      const proxy = await startForward({ target: upstream.url, transport, connections: 1 });
      await call(proxy.url);
      expectError(await call(proxy.url), 502, 'ERR_UPSTREAM_RESET', 'connection_terminated');
      expect(upstream.connections.total).to.equal(2);
    });
  });

  describe(`forward() and request smuggling, transport ${transport}`, () => {
    it('refuses a message with both Content-Length and Transfer-Encoding', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });
      const response = await rawCall(
        proxy.port,
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      );
      expect(response).to.match(/^HTTP\/1\.1 400 /);
      expect(upstream.requests).to.have.length(0);
    });

    it('answers 431 to 70 KB of headers', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send(`GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${'x'.repeat(70_000)}\r\n\r\n`);
      await client.until(/^HTTP\/1\.1 431 /);
      expect(upstream.requests).to.have.length(0);
      expect((await call(proxy.url)).status).to.equal(200);
    });
  });
}
