import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'chai';
import { exchangeOf } from '../../../lib/core/exchange.js';
import { retry } from '../../../lib/retry/retry.js';
import { call } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { type RawConnection, rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { standstill, until } from '../../support/until.js';

const PLAIN = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain';
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LARGE = 8_000_000;

/** Speaks on its first connection as it is told, and responds to all requests on the others. */
const first = (speak: (connection: RawConnection) => unknown) =>
  startRawUpstream((connection, number) =>
    number === 1 ? speak(connection) : rawResponse(PLAIN)(connection),
  );

/** Whether a condition holds now, and still does a moment later. */
async function lasts(condition: () => boolean): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve));
  if (!condition()) return false;
  await new Promise((resolve) => setTimeout(resolve, 50));
  return condition();
}

// What ends the process fails the test: mocha hears of what nobody catches.
for (const transport of TRANSPORTS) {
  describe(`forward() survives, transport ${transport}`, () => {
    for (const [what, head] of [
      ['an event stream that its close ends', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'],
      ['an HTTP/1.0 response', 'HTTP/1.0 200 OK\r\n\r\n'],
      [
        'a response with Connection: close and a length',
        'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99\r\n\r\n',
      ],
      [
        'a response with Connection: close and chunks',
        'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n',
      ],
    ] as const) {
      it(`a client that leaves ${what}`, async () => {
        const upstream = await first(async (connection) => {
          await connection.heads();
          connection.write(`${head}begin`);
        });
        const proxy = await startForward({ target: upstream.url, transport });
        const client = await rawClient(proxy.port);
        client.send(GET);
        await client.until(/begin/);
        client.socket.resetAndDestroy();

        await until(() => upstream.connections.open === 0);
        expect((await call(proxy.url)).text).to.equal('plain');
      });
    }

    for (const [what, head] of [
      ['its close ends', 'HTTP/1.1 200 OK\r\n\r\n'],
      [
        'has a length and Connection: close',
        `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${LARGE}\r\n\r\n`,
      ],
    ] as const) {
      const stalled = async (end: (connection: RawConnection) => void) => {
        const upstream = await first(async (connection) => {
          await connection.heads();
          connection.write(head);
          connection.write(Buffer.alloc(LARGE, 'x'));
          end(connection);
        });
        const proxy = await startForward({ target: upstream.url, transport });
        const client = await rawClient(proxy.port);
        client.socket.pause();
        client.send(GET);
        await until(() => upstream.received.length === 1);
        const [connection] = upstream.received;
        await standstill(() => connection?.socket.bytesWritten ?? 0);
        return { upstream, proxy, client };
      };

      it(`a client that leaves without having read a response that ${what}`, async () => {
        const { upstream, proxy, client } = await stalled(() => {});
        client.socket.resetAndDestroy();
        await until(() => upstream.connections.open === 0);
        expect((await call(proxy.url)).text).to.equal('plain');
      });

      it(`a target that resets a response that ${what} while its client does not read`, async () => {
        const { upstream, proxy, client } = await stalled(() => {});
        upstream.received[0]?.reset();
        client.socket.resume();
        await client.untilClosed();
        expect(client.text.length).to.be.below(LARGE);
        expect((await call(proxy.url)).text).to.equal('plain');
      });

      it(`a client that reads late a response that ${what}, and gets all of it`, async () => {
        const { proxy, client } = await stalled((connection) => connection.end());
        client.socket.resume();
        await until(() => client.text.length > LARGE, 'all of the body', 15_000);
        expect((await call(proxy.url)).text).to.equal('plain');
      });
    }

    it('a small response that its close ends, whose client does not read', async () => {
      // All of it is in the proxy when its connection ends: what ends then is a parser that is paused.
      const upstream = await first(async (connection) => {
        await connection.heads();
        connection.write('HTTP/1.1 200 OK\r\n\r\n');
        for (let i = 0; i < 400; i++) {
          connection.write(Buffer.alloc(16_384, 'x'));
          await new Promise((resolve) => setImmediate(resolve));
        }
        connection.end();
      });
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.socket.pause();
      client.send(GET);
      await until(() => upstream.received.length === 1);
      await standstill(() => upstream.received[0]?.socket.bytesWritten ?? 0);
      client.socket.resume();
      await until(() => client.text.split('x').length > 400 * 16_384, 'all of the body', 15_000);
      expect((await call(proxy.url)).text).to.equal('plain');
    });

    it('a response that its close ends just when its client takes no more', async () => {
      let res: ServerResponse | undefined;
      const holds = (_req: IncomingMessage, response: ServerResponse, next: () => void) => {
        res = response;
        next();
      };
      const held = () => res?.writableNeedDrain === true;
      const upstream = await first(async (connection) => {
        await connection.heads();
        connection.write('HTTP/1.1 200 OK\r\n\r\n');
        // One piece at a time, each small enough to be read at once: the last is read, and none follows.
        while (!(await lasts(held))) connection.write(Buffer.alloc(8192, 'x'));
        connection.end();
      });
      const proxy = await startForward({ target: upstream.url, transport }, holds);
      const client = await rawClient(proxy.port);
      client.socket.pause();
      client.send(GET);
      await until(() => upstream.received[0]?.socket.writableFinished === true, 'the end', 15_000);
      await standstill(() => client.socket.bytesRead);
      client.socket.resume();
      await client.until(/x\r\n0\r\n\r\n$/);
      expect((await call(proxy.url)).text).to.equal('plain');
    });

    it('a client that leaves while responses wait in line behind another', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        if (connection.received.startsWith('GET /first')) return;
        if (connection.received.startsWith('GET /plain')) return connection.write(PLAIN);
        connection.write('HTTP/1.1 200 OK\r\n\r\n');
        connection.write(Buffer.alloc(300_000, 'x'));
      });
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send(['/first', ...Array(12).fill('/next')].map((path) => GET.replace('/', path)).join(''));
      await until(() => upstream.received.filter(({ received }) => received !== '').length === 13);
      client.socket.resetAndDestroy();
      await until(() => upstream.connections.open === 0);
      expect((await call(`${proxy.url}/plain`)).text).to.equal('plain');
    });

    it('a client that leaves after a response in line was broken off', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        if (connection.received.startsWith('GET /first')) return;
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart');
        connection.socket.end();
      });
      let open = 0;
      let brokenOff = false;
      const proxy = await startForward({ target: upstream.url, transport }, (req, res, next) => {
        open++;
        exchangeOf(req, res).onSettled(() => open--);
        void until(() => res.destroyed).then(() => {
          brokenOff = true;
        });
        next();
      });
      const client = await rawClient(proxy.port);
      client.send(`${GET.replace('/', '/first')}${GET}`);
      await until(() => brokenOff);
      client.socket.resetAndDestroy();
      await until(() => open === 0);
    });

    it('a retry after a long refusal that its close ends', async () => {
      const upstream = await first(async (connection) => {
        await connection.heads();
        connection.write(`HTTP/1.1 503 Busy\r\n\r\n${'x'.repeat(200_000)}`);
      });
      const proxy = await startForward({ target: upstream.url, transport }, retry({ initialDelayMs: 1 }));
      expect((await call(proxy.url)).text).to.equal('plain');
    });

    it('a retry after a refusal whose body drips on, which holds no connection up', async () => {
      let drip: NodeJS.Timeout | undefined;
      const upstream = await first(async (connection) => {
        await connection.heads();
        connection.write('HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n');
        drip = setInterval(() => connection.write('1\r\n.\r\n'), 20);
      });
      const proxy = await startForward(
        { target: upstream.url, transport, connections: 1, requestTimeoutMs: 2000 },
        retry({ initialDelayMs: 1 }),
      );
      try {
        expect((await call(proxy.url)).text).to.equal('plain');
      } finally {
        clearInterval(drip);
      }
    });

    for (const [what, line] of [
      ['status 000', '000 X'],
      ['status 099', '099 X'],
      [
        'status 101 that nobody has requested',
        '101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x',
      ],
      ['status 101 that names no protocol', '101 Switching Protocols'],
    ] as const) {
      it(`a response of ${what}: 502 ERR_UPSTREAM_PROTOCOL`, async () => {
        const upstream = await first(rawResponse(`HTTP/1.1 ${line}\r\nContent-Length: 5\r\n\r\nhello`));
        const proxy = await startForward({ target: upstream.url, transport });
        const response = await call(proxy.url);
        expect(response.status).to.equal(502);
        expect(response.json()).to.include({ code: 'ERR_UPSTREAM_PROTOCOL' });
        await until(() => upstream.connections.open === 0);
        expect((await call(proxy.url)).text).to.equal('plain');
      });
    }

    for (const [what, reason] of [
      ['a control character', 'a\x01b'],
      ['a DEL', 'a\x7fb'],
    ] as const) {
      it(`a reason phrase with ${what}, which is left out`, async () => {
        const upstream = await first(rawResponse(`HTTP/1.1 200 ${reason}\r\nContent-Length: 2\r\n\r\nok`));
        const proxy = await startForward({ target: upstream.url, transport });
        const response = await call(proxy.url);
        expect([response.status, response.text]).to.deep.equal([200, 'ok']);
        expect(response.statusMessage).to.be.oneOf(['', 'OK']);
      });
    }

    const CHUNKED = 'Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n';
    for (const [what, request, response, expected] of [
      [
        'for an HTTP/1.0 client',
        'GET / HTTP/1.0\r\n\r\n',
        `HTTP/1.1 200 OK\r\n${CHUNKED}2\r\nok\r\n0\r\nX-T: 1\r\n\r\n`,
        /^HTTP\/1\.1 200 [\s\S]*ok$/,
      ],
      ['on HEAD', 'HEAD / HTTP/1.1\r\nHost: a\r\n', `HTTP/1.1 200 OK\r\n${CHUNKED}`, /^HTTP\/1\.1 200 /],
      [
        'on a 304',
        'GET / HTTP/1.1\r\nHost: a\r\n',
        'HTTP/1.1 304 No\r\nTrailer: X-T\r\n\r\n',
        /^HTTP\/1\.1 304 /,
      ],
      [
        'beside a Content-Length',
        'GET / HTTP/1.1\r\nHost: a\r\n',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: X-T\r\n\r\nok',
        /^HTTP\/1\.1 200 [\s\S]*ok$/,
      ],
    ] as const) {
      it(`a Trailer ${what}, and leaves it out`, async () => {
        const upstream = await startRawUpstream(rawResponse(response));
        const proxy = await startForward({ target: upstream.url, transport });
        const bytes = request.endsWith('\r\n\r\n') ? request : `${request}Connection: close\r\n\r\n`;
        const got = await rawCall(proxy.port, bytes);
        expect(got)
          .to.match(expected)
          .and.not.match(/trailer/i);
      });
    }
  });
}
