import { once } from 'node:events';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { cache } from '../../../lib/cache/cache.js';
import { begin, call, endingOf, headOf, valuesOf } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { type RawConnection, rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { rotating } from '../../support/rotating.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

const GZIP = gzipSync('hello').toString('latin1');
const CHUNKED = `${GZIP.length.toString(16)}\r\n${GZIP}\r\n0\r\n\r\n`;

describe('insecureHTTPParser', () => {
  // Both lengths in one head (RFC 9112 §6.3).
  const BOTH =
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';

  it('is off: a response that is not valid HTTP is 502', async () => {
    const upstream = await startRawUpstream(rawResponse(BOTH));
    for (const transport of TRANSPORTS) {
      const proxy = await startForward({ target: upstream.url, transport });
      expect((await call(proxy.url)).status).to.equal(502);
    }
  });

  it('takes it where it is on, with a warning', async () => {
    const upstream = await startRawUpstream(rawResponse(BOTH));
    const warned = once(process, 'warning');
    const proxy = await startForward({ target: upstream.url, insecureHTTPParser: true });
    expect((await call(proxy.url, { method: 'POST', body: 'x' })).status).to.equal(200);
    expect(Reflect.get(Object((await warned)[0]), 'code')).to.equal('RESILIENT_PROXY_INSECURE');
  });
});

for (const transport of TRANSPORTS) {
  describe(`framing, transport ${transport}`, () => {
    describe('transfer codings other than chunked (RFC 9112 §6.1)', () => {
      for (const [what, lines] of [
        ['gzip, chunked', 'Transfer-Encoding: gzip, chunked'],
        ['gzip and chunked on lines of their own', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked'],
        ['identity, chunked', 'Transfer-Encoding: identity, chunked'],
      ] as const) {
        it(`refuses a request of ${what} with 501, and closes its connection`, async () => {
          const upstream = await startUpstream(text('up'));
          const proxy = await startForward({ target: upstream.url, transport });
          const got = await rawCall(proxy.port, `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n${CHUNKED}`);
          expect(got)
            .to.match(/^HTTP\/1\.1 501 /)
            .and.match(/"ERR_TRANSFER_CODING"/);
          expect(upstream.requests).to.have.length(0);
        });
      }

      it('refuses a request of HTTP/1.0 with a transfer coding', async () => {
        const upstream = await startUpstream(text('up'));
        const proxy = await startForward({ target: upstream.url, transport });
        const got = await rawCall(
          proxy.port,
          'POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        );
        expect(got).to.match(/^HTTP\/1\.[01] 400 /);
        expect(upstream.requests).to.have.length(0);
      });

      it('takes chunked in any letter case', async () => {
        const upstream = await startUpstream(text('up'));
        const proxy = await startForward({ target: upstream.url, transport });
        const got = await rawCall(
          proxy.port,
          'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n',
        );
        expect(got).to.match(/^HTTP\/1\.1 200 /);
        expect(upstream.requests[0]?.body.toString()).to.equal('ok');
      });

      for (const [what, lines] of [
        ['gzip, chunked', 'Transfer-Encoding: gzip, chunked'],
        ['gzip, which its close ends', 'Transfer-Encoding: gzip'],
        ['gzip and chunked on lines of their own', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked'],
      ] as const) {
        it(`refuses a response of ${what} with 502`, async () => {
          const upstream = await startRawUpstream(
            rawResponse(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${lines}\r\n\r\n${CHUNKED}`),
          );
          const proxy = await startForward({ target: upstream.url, transport });
          const response = await call(proxy.url);
          expect(response.status).to.equal(502);
          expect(response.json()).to.include({ code: 'ERR_UPSTREAM_PROTOCOL' });
        });
      }

      it('passes on a response to HEAD that tells how its body would be coded', async () => {
        const upstream = await startRawUpstream(
          rawResponse('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'),
        );
        const proxy = await startForward({ target: upstream.url, transport });
        const response = await call(proxy.url, { method: 'HEAD' });
        expect(response.status).to.equal(200);
        expect(response.lines('transfer-encoding')).to.not.include('gzip, chunked');
      });
    });

    describe('a body that its close ends (RFC 9112 §6.3, §8)', () => {
      const startBreaking = (end: (connection: RawConnection) => void) =>
        startRawUpstream(async (connection) => {
          await connection.heads();
          connection.write('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nhalf');
          end(connection);
        });
      const resetSoon = (connection: RawConnection) => void setTimeout(() => connection.reset(), 30);

      it('is cut off where it ends by a reset', async () => {
        const upstream = await startBreaking(resetSoon);
        const proxy = await startForward({ target: upstream.url, transport });
        const { res } = await headOf(begin(proxy.url));
        expect(await endingOf(res)).to.deep.equal({ bytes: 4, clean: false });
      });

      it('is not stored where it ends by a reset', async () => {
        const upstream = await startBreaking(resetSoon);
        const proxy = await startForward({ target: upstream.url, transport }, cache());
        for (let i = 0; i < 2; i++) {
          const { res } = await headOf(begin(proxy.url));
          expect((await endingOf(res)).clean).to.equal(false);
        }
        expect(upstream.received).to.have.length(2);
      });

      it('is complete where it ends by a close', async () => {
        const upstream = await startBreaking((connection) => connection.end(' and half'));
        const proxy = await startForward({ target: upstream.url, transport });
        expect((await call(proxy.url)).text).to.equal('half and half');
      });
    });

    it('uses no connection again that is older than maxConnectionAgeMs', async () => {
      const upstream = await startUpstream(text('up'));
      const proxy = await startForward({ target: upstream.url, transport, maxConnectionAgeMs: 20 });
      const beganAt = performance.now();
      while (upstream.connections.total < 3) {
        await call(proxy.url);
        if (performance.now() - beganAt > 4000) break;
      }
      expect(upstream.connections.total).to.equal(3);
      expect(upstream.requests.length).to.be.above(3);
    });

    it('uses no connection through an egress proxy again that is older than maxConnectionAgeMs', async () => {
      const upstream = await startUpstream(text('up'));
      const forwardProxy = await startForwardProxy();
      for (const [maxConnectionAgeMs, lastsMs] of [
        [20, 4000],
        [0, 200],
      ]) {
        const before = upstream.connections.total;
        const { rotate } = rotating({ proxies: [forwardProxy.url] });
        const proxy = await startForward({ target: upstream.url, transport, maxConnectionAgeMs }, rotate);
        const beganAt = performance.now();
        const opened = () => upstream.connections.total - before;
        while (opened() < 3 && performance.now() - beganAt < Number(lastsMs)) await call(proxy.url);
        expect(opened()).to.equal(maxConnectionAgeMs === 0 ? 1 : 3);
      }
    });

    describe('a target that gets HTTP wrong (RFC 9112 §11.2)', () => {
      const LENGTH = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

      /** Takes every head for a request, and sends what `speak` makes of its request line. */
      const startConfused = async (speak: (line: string, write: (bytes: string) => void) => void) => {
        const server = createServer((socket) => {
          let received = '';
          socket.on('data', (data) => {
            received += data.toString('latin1');
            for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
              const [line = ''] = received.split('\r\n', 1);
              received = received.slice(end + 4);
              speak(line, (bytes) => void (socket.destroyed || socket.write(bytes)));
            }
          });
        });
        const { port, connections } = await listening(server);
        return { url: `http://127.0.0.1:${port}`, connections };
      };

      it('gives no client the body that it sends to the HEAD of another', async () => {
        const upstream = await startConfused((line, write) => {
          if (!line.startsWith('HEAD')) return setTimeout(write, 60, LENGTH('good'));
          write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
          return setTimeout(write, 30, LENGTH('poison'));
        });
        const proxy = await startForward({ target: upstream.url, transport });
        await call(`${proxy.url}/warm`);
        await call(`${proxy.url}/head`, { method: 'HEAD' });
        expect((await call(`${proxy.url}/next`)).text).to.equal('good');
      });

      for (const method of ['GET', 'DELETE', 'OPTIONS']) {
        it(`gives no client the response to what the body of another's ${method} asked for`, async () => {
          const upstream = await startConfused((line, write) => {
            setTimeout(write, line.includes('/admin') ? 60 : 5, LENGTH(line.split(' ')[1] ?? ''));
          });
          const proxy = await startForward({ target: upstream.url, transport });
          await call(`${proxy.url}/warm`);
          const body = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n';
          const client = await rawClient(proxy.port);
          client.send(
            `${method} /attack HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          );
          await client.until(/\/attack$/);
          expect((await call(`${proxy.url}/next`)).text).to.equal('/next');
        });
      }

      it('closes a connection on which it sends a response more, which no client gets', async () => {
        const upstream = await startConfused((line, write) => {
          write(LENGTH(line.split(' ')[1] ?? ''));
          if (line.includes('/first')) setTimeout(write, 20, LENGTH('poison'));
        });
        const proxy = await startForward({ target: upstream.url, transport });
        await call(`${proxy.url}/first`);
        await until(() => upstream.connections.open === 0, 'the connection with more on it to close');
        expect((await call(`${proxy.url}/next`)).text).to.equal('/next');
      });

      it('keeps the connection of a GET without a body, and of a POST', async () => {
        const upstream = await startUpstream(text('up'));
        const proxy = await startForward({ target: upstream.url, transport });
        for (const method of ['GET', 'POST', 'GET', 'PUT', 'GET']) {
          await call(proxy.url, method === 'GET' ? {} : { method, body: 'x' });
        }
        expect(upstream.connections.total).to.equal(1);
      });

      it('is told of it by Connection: close on a HEAD (RFC 9112 §9.6)', async () => {
        const upstream = await startUpstream(text('up'));
        const proxy = await startForward({ target: upstream.url, transport });
        await call(proxy.url, { method: 'HEAD' });
        expect(valuesOf(upstream.requests[0]?.rawHeaders ?? [], 'connection')).to.deep.equal(['close']);
      });
    });
  });
}
