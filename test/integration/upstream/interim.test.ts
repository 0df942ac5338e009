import type { Socket } from 'node:net';
import { expect } from 'chai';
import type { Attempt } from '../../../lib/core/attempt.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { call, valuesOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall, rawClient } from '../../support/raw-client.js';
import { type RawConnection, rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { standstill, until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const HINT = `HTTP/1.1 103 Early Hints\r\nLink: </${'a'.repeat(4000)}>; rel=preload\r\n\r\n`;

for (const transport of TRANSPORTS) {
  describe(`interim responses, transport ${transport}`, () => {
    const startWith = async (bytes: string) => {
      const upstream = await startRawUpstream(rawResponse(bytes));
      return { upstream, proxy: await startForward({ target: upstream.url, transport }) };
    };

    for (const [status, line] of [
      [100, '100 Continue'],
      [102, '102 Processing'],
      [103, '103 Early Hints'],
      [104, '104 Upload Resumption Supported'],
      [110, '110 Whatever'],
      [199, '199 Last'],
    ] as const) {
      it(`passes ${status} on with its headers (RFC 9110 §15.2)`, async () => {
        const { proxy } = await startWith(
          `HTTP/1.1 ${line}\r\nLocation: /u/1\r\nX-Hint: caf\xe9\r\n\r\n${FINAL}`,
        );
        const { information, text: body } = await call(proxy.url, { method: 'POST', body: 'x' });
        expect(information.map((one) => one.status)).to.deep.equal([status]);
        expect(valuesOf(information[0]?.rawHeaders ?? [], 'location')).to.deep.equal(['/u/1']);
        expect(valuesOf(information[0]?.rawHeaders ?? [], 'x-hint')).to.deep.equal(['caf\xe9']);
        expect(body).to.equal('ok');
      });
    }

    it('passes none of the headers on that belong to the connection or the content (RFC 9110 §7.6.1, §8.6)', async () => {
      const { proxy } = await startWith(
        [
          'HTTP/1.1 103 Early Hints',
          'Link: </a>; rel=preload',
          'Connection: X-Hop',
          'X-Hop: 1',
          'Set-Cookie: sid=1',
          'Upgrade: foo',
          'Keep-Alive: timeout=5',
          'Content-Length: 5',
          'Proxy-Authenticate: Basic',
          `\r\n${FINAL}`,
        ].join('\r\n'),
      );
      const { information, text: body } = await call(proxy.url);
      expect(information[0]?.rawHeaders).to.deep.equal(['Link', '</a>; rel=preload']);
      expect(body).to.equal('ok');
    });

    it('writes none into a response that waits for an earlier one of its connection (RFC 9112 §9.3.2)', async () => {
      const upstream = await startRawUpstream((connection, number) => {
        connection.socket.on('data', () => {
          if (number === 1) setTimeout(() => connection.write(FINAL), 60);
          else connection.write(`HTTP/1.1 104 Soon\r\n\r\n${FINAL}`);
        });
      });
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send(GET + GET);
      expect(await client.until(/200 OK[\s\S]*200 OK[\s\S]*\r\n\r\nok$/)).to.not.match(/ 104 /);
    });

    for (const line of [
      '101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x',
      '101 Switching Protocols',
    ]) {
      it(`refuses a 101 that nobody has requested, and closes its connection (RFC 9110 §15.2.2): ${line.length}`, async () => {
        const { upstream, proxy } = await startWith(
          `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 ${line}\r\n\r\n`,
        );
        const { status } = await call(proxy.url);
        expect(status).to.equal(502);
        await until(() => upstream.connections.open === 0);
      });
    }

    /** Sends interim responses for as long as they are taken. */
    const flood = (bytes: string, sent: { bytes: number }) => (connection: RawConnection) => {
      const block = Buffer.from(bytes.repeat(16));
      connection.socket.once('data', function go() {
        while (!connection.socket.destroyed && sent.bytes < 64e6) {
          sent.bytes += block.length;
          if (!connection.socket.write(block)) return void connection.socket.once('drain', go);
        }
      });
    };

    it('sends a client no more of them than a bound', async () => {
      const sent = { bytes: 0 };
      const upstream = await startRawUpstream(flood(HINT, sent));
      const proxy = await startForward({ target: upstream.url, transport });
      const { status } = await call(proxy.url);
      expect(status).to.equal(502);
      expect(sent.bytes).to.be.below(30e6);
      await until(() => upstream.connections.open === 0);
    });

    it('sends a client of HTTP/1.0 none, and reads no more of them either', async () => {
      const sent = { bytes: 0 };
      const upstream = await startRawUpstream(flood(HINT, sent));
      const proxy = await startForward({ target: upstream.url, transport });
      expect(await rawCall(proxy.port, 'GET / HTTP/1.0\r\n\r\n')).to.match(/^HTTP\/1\.[01] 502 /);
    });

    it('reads no further while its client does not read, and goes on when it does', async () => {
      const count = 200;
      const upstream = await startRawUpstream(rawResponse(HINT.repeat(count) + FINAL));
      const proxy = await startForward({ target: upstream.url, transport });
      let pending = 0;
      proxy.server.on('connection', (socket) => {
        // As little as a client's connection takes without its reading.
        const write = socket.write.bind(socket);
        socket.write = (...args: unknown[]) => {
          const flows = Reflect.apply(write, socket, args);
          pending = Math.max(pending, socket.writableLength);
          return flows;
        };
      });
      const client = await rawClient(proxy.port);
      client.socket.pause();
      client.send(GET);
      await until(() => upstream.received.length === 1);
      await standstill(() => client.socket.bytesRead + pending);
      client.socket.resume();
      const got = await client.until(/\r\n\r\nok$/);
      expect(got.split('HTTP/1.1 103').length - 1).to.equal(count);
    });

    it('takes the time in which its client does not read for the client’s, and counts on afterwards', async () => {
      let respond = (_bytes: string): void => {};
      const upstream = await startRawUpstream((connection) => {
        respond = (bytes) => connection.write(bytes);
      });
      const attempts: (readonly Attempt[])[] = [];
      const watch: Handler = (req, res, next) => {
        attempts.push(exchangeOf(req, res).attempts);
        next();
      };
      const requestTimeoutMs = 200;
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs }, watch);
      const sockets: Socket[] = [];
      // A loopback connection takes more than the bound of interim responses; this one takes nothing.
      proxy.server.on('connection', (socket) => {
        socket.cork();
        sockets.push(socket);
      });
      const client = await rawClient(proxy.port);
      client.send(GET);
      await until(() => upstream.received.length === 1);
      await upstream.received[0]?.heads();
      respond(HINT.repeat(240));
      await standstill(() => sockets[0]?.writableLength ?? 0, 2 * requestTimeoutMs);
      expect(attempts[0]?.[0]?.end).to.equal(undefined);
      sockets[0]?.uncork();
      // Not a byte of a response comes, and now it is the target that is waited for.
      expect(await client.until(/HTTP\/1\.1 504 /)).to.match(/ERR_UPSTREAM_TIMEOUT/);
      const [{ durationMs = 0, sentAt = 0, startedAt = 0 } = {}] = attempts[0] ?? [];
      expect(durationMs).to.be.above(3 * requestTimeoutMs);
      expect(durationMs - (sentAt - startedAt)).to.be.within(requestTimeoutMs - 20, 2 * requestTimeoutMs);
    });
  });

  describe(`trailers, transport ${transport}`, () => {
    const CHUNKED =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n\r\n2\r\nok\r\n0\r\n';

    it('passes none on that a head alone may have (RFC 9110 §6.5.1)', async () => {
      const trailers = [
        'Set-Cookie: evil=1',
        'Connection: close',
        'X-Hop: 1',
        'Content-Type: text/html',
        'Content-Encoding: gzip',
        'Cache-Control: max-age=99',
        'Vary: *',
        'Location: /x',
        'WWW-Authenticate: Basic',
        'Access-Control-Allow-Origin: *',
        'X-Sum: 42',
        'Server-Timing: db;dur=1',
      ];
      const upstream = await startRawUpstream(rawResponse(`${CHUNKED}${trailers.join('\r\n')}\r\n\r\n`));
      const proxy = await startForward({ target: upstream.url, transport });
      const { rawTrailers, text: body } = await call(proxy.url);
      expect(rawTrailers).to.deep.equal(['X-Sum', '42', 'Server-Timing', 'db;dur=1']);
      expect(body).to.equal('ok');
    });

    it('are requested with the option that TE needs (RFC 9110 §10.1.4)', async () => {
      const upstream = await startUpstream(text('ok'));
      const proxy = await startForward({ target: upstream.url, transport });
      const te = { te: 'trailers', connection: 'te, keep-alive' };
      await call(proxy.url, { headers: te });
      await call(proxy.url, { headers: te, method: 'POST', body: 'x' });
      await call(proxy.url);
      const connections = upstream.requests.map(({ rawHeaders }) =>
        valuesOf(rawHeaders, 'connection').join(),
      );
      expect(connections).to.deep.equal(['TE, keep-alive', 'TE, keep-alive', 'keep-alive']);
      expect(upstream.requests.map(({ headers }) => headers.te)).to.deep.equal([
        'trailers',
        'trailers',
        undefined,
      ]);
      expect(upstream.connections.total).to.equal(1);
    });
  });
}
