import { expect } from 'chai';
import { type Exchange, exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { bigBody } from '../../support/bytes.js';
import { begin, call, endingOf, keepAliveAgent, open } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawClient } from '../../support/raw-client.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { eventOf, standstill, until } from '../../support/until.js';
import { hangUp, json, silence, startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** Sends this much of a response, then closes the connection. */
const broken =
  (headers: Record<string, string>): UpstreamResponse =>
  (req, res) => {
    res.writeHead(200, headers);
    res.write('x'.repeat(1000), () => setImmediate(() => req.socket.destroy()));
  };

const MIB = 1024 * 1024;
const refusal = 'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much';

const endless: UpstreamResponse = (_req, res) => void bigBody(Number.MAX_SAFE_INTEGER).pipe(res);

for (const transport of TRANSPORTS) {
  describe(`forward() when one side disconnects, transport ${transport}`, () => {
    it('breaks the client’s response off when the upstream breaks off one with Content-Length', async () => {
      const upstream = await startUpstream(broken({ 'content-length': '5000' }));
      const proxy = await startForward({ target: upstream.url, transport });

      const { res } = await open(proxy.url);
      expect(await endingOf(res)).to.deep.equal({ bytes: 1000, clean: false });
    });

    it('breaks the client’s response off when the upstream breaks off a chunked one', async () => {
      const upstream = await startUpstream(broken({}));
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');

      const response = await client.untilClosed();
      expect(response).to.include('x'.repeat(1000));
      expect(response).to.not.match(/\r\n0\r\n\r\n$/);
    });

    it('breaks the client’s response off when a chunk is unreadable', async () => {
      const upstream = await startRawUpstream(
        rawResponse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n'),
      );
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');

      expect(await client.untilClosed()).to.match(/hello\r\n$/);
    });

    it('takes the close of the connection as the end of a response without length or chunks', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end');
      });
      const proxy = await startForward({ target: upstream.url, transport });
      expect((await call(proxy.url)).text).to.equal('to the end');
    });

    it('answers 502 ERR_UPSTREAM_RESET when the upstream closes the connection before its head', async () => {
      const upstream = await startUpstream(hangUp);
      const proxy = await startForward({ target: upstream.url, transport });

      const response = await call(proxy.url, { method: 'POST', body: 'x' });
      expect(response.status).to.equal(502);
      expect(response.json()).to.have.property('code', 'ERR_UPSTREAM_RESET');
      expect(response.headers['proxy-status']).to.equal('resilient-proxy-out; error=connection_terminated');
    });

    it('closes the upstream connection at once when the client leaves a download', async () => {
      const upstream = await startUpstream([endless, json({ ok: true })]);
      const proxy = await startForward({ target: upstream.url, transport });

      const { req, res } = await open(proxy.url);
      await eventOf(res, 'data');
      req.destroy();
      await until(() => upstream.connections.closed === 1, 'the upstream connection to close', 1000);
      expect((await call(proxy.url)).json()).to.deep.equal({ ok: true });
    });

    it('closes the upstream connection at once when the client that left was not reading', async () => {
      const upstream = await startUpstream([endless, json({ ok: true })]);
      const proxy = await startForward({ target: upstream.url, transport });

      const { req, res } = await open(proxy.url);
      res.pause();
      await eventOf(res, 'readable');
      req.destroy();
      await until(() => upstream.connections.closed === 1, 'the upstream connection to close', 1000);
      expect((await call(proxy.url)).status).to.equal(200);
    });

    it('closes the upstream connection at once when the client leaves an idle event stream', async () => {
      const upstream = await startUpstream((_req, res) => res.writeHead(200).flushHeaders());
      const proxy = await startForward({ target: upstream.url, transport });

      const { req } = await open(proxy.url);
      req.destroy();
      await until(() => upstream.connections.closed === 1, 'the upstream connection to close', 1000);
    });

    it('closes the upstream connection at once when the client leaves while waiting for the head', async () => {
      const upstream = await startUpstream([silence, json({ ok: true })]);
      const seen: Exchange[] = [];
      const watch: Handler = (req, res, next) => {
        seen.push(exchangeOf(req, res));
        next();
      };
      const proxy = await startForward({ target: upstream.url, transport }, watch);

      const req = begin(proxy.url);
      await until(() => upstream.requests.length === 1);
      req.destroy();
      await until(() => upstream.connections.closed === 1, 'the upstream connection to close', 1000);
      expect(seen[0]?.attempts[0]?.outcome).to.deep.equal({ kind: 'abandoned' });
      expect(seen[0]?.error).to.equal(undefined);
      expect(proxy.errors).to.deep.equal([]);
      expect((await call(proxy.url)).status).to.equal(200);
    });

    it('opens no connection in place of one that a client left', async () => {
      const upstream = await startUpstream(silence);
      const proxy = await startForward({ target: upstream.url, transport });

      const req = begin(proxy.url);
      await until(() => upstream.requests.length === 1);
      req.destroy();
      await until(() => upstream.connections.closed === 1);
      await standstill(() => upstream.connections.total, 100);
      expect(upstream.connections).to.deep.equal({ total: 1, open: 0, closed: 1 });
    });

    it('aborts the upload when the client does', async () => {
      let aborted = false;
      const upstream = await startUpstream([
        (req) => req.on('aborted', () => (aborted = true)).on('error', () => {}),
        json({ ok: true }),
      ]);
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly a part');

      await until(() => upstream.requests[0]?.bytes === 11);
      client.destroy();
      await until(() => aborted, 'the upload to break off', 1000);
      expect(upstream.requests[0]?.complete).to.equal(false);
      await until(() => upstream.connections.open === 0);
      expect((await call(proxy.url)).status).to.equal(200);
    });

    it('never completes a chunked upload that its client broke off', async () => {
      const upstream = await startRawUpstream(() => {});
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n');

      await until(() => upstream.received[0]?.received.includes('part') ?? false);
      client.destroy();
      await until(() => upstream.connections.closed === 1, 'the upstream connection to close', 1000);
      expect(upstream.received[0]?.received).to.not.match(/0\r\n\r\n$/);
    });

    it('passes on a response that refuses a large upload before reading it', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.socket.pause();
        connection.write(refusal);
      });
      const proxy = await startForward({ target: upstream.url, transport });

      const { res } = await open(proxy.url, {
        method: 'PUT',
        body: bigBody(50 * MIB),
        headers: { 'content-length': 50 * MIB },
        agent: keepAliveAgent(),
      });
      expect(res.statusCode).to.equal(413);
      upstream.received[0]?.reset();
      expect((await endingOf(res)).clean).to.equal(true);
    });

    it('passes on a response that refuses a large upload when the upstream closes without a reset', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.end(refusal);
      });
      const proxy = await startForward({ target: upstream.url, transport });

      const response = await call(proxy.url, {
        method: 'POST',
        body: bigBody(50 * MIB),
        agent: keepAliveAgent(),
      });
      expect(response.status).to.equal(413);
      expect(response.text).to.equal('too much');
      await until(() => upstream.connections.open === 0);
    });

    it('responds to a client in the middle of its upload when the upstream disconnects', async () => {
      const upstream = await startUpstream((req) => req.once('data', () => req.socket.destroy()));
      const proxy = await startForward({ target: upstream.url, transport });

      const response = await call(proxy.url, {
        method: 'POST',
        body: bigBody(50 * MIB),
        agent: keepAliveAgent(),
      });
      expect(response.status).to.equal(502);
      expect(response.json()).to.have.property('code', 'ERR_UPSTREAM_RESET');
    });

    it('breaks off a response in progress when it is closed', async () => {
      const upstream = await startUpstream(endless);
      const handler = openForward({ target: upstream.url, transport });
      const proxy = await serve(handler);

      const { res } = await open(proxy.url);
      const ending = endingOf(res);
      await handler.close();
      expect((await ending).clean).to.equal(false);
      await until(() => upstream.connections.open === 0);
    });

    it('fails a call that waits for its head when it is closed', async () => {
      const upstream = await startUpstream(silence);
      const handler = openForward({ target: upstream.url, transport });
      const proxy = await serve(handler);

      const response = call(proxy.url);
      await until(() => upstream.requests.length === 1);
      await handler.close();
      expect((await response).json()).to.have.property('code', 'ERR_SHUTTING_DOWN');
    });
  });
}
