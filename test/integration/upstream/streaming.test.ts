import { expect } from 'chai';
import { bigBody, digestOfBigBody, measure } from '../../support/bytes.js';
import { begin, call, endingOf, open, responseOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawClient } from '../../support/raw-client.js';
import { standstill, until } from '../../support/until.js';
import { json, startUpstream, text, type UpstreamResponse } from '../../support/upstream.js';

const MIB = 1024 * 1024;
/** Most that sockets and streams on the way may hold: far below the body, far above any buffer. */
const IN_FLIGHT = 24 * MIB;

for (const transport of TRANSPORTS) {
  describe(`forward() streams, transport ${transport}`, () => {
    it('passes the first event of an event stream on before the second is sent', async () => {
      let second = (): void => {};
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write('data: 1\n\n');
        second = () => res.end('data: 2\n\n');
      });
      const proxy = await startForward({ target: upstream.url, transport });

      const opened = await open(`${proxy.url}/events`);
      let seen = '';
      opened.res.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
      });
      await until(() => seen === 'data: 1\n\n');
      second();
      await until(() => seen === 'data: 1\n\ndata: 2\n\n' && opened.res.complete);
    });

    it('passes the head of an event stream on before its first event', async () => {
      let finish = (): void => {};
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        finish = () => res.end('data: 1\n\n');
      });
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      const sentAt = performance.now();
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');

      await client.until(/\r\n\r\n/);
      // Node's own response would hold back a head without a body for up to a second.
      expect(performance.now() - sentAt).to.be.below(500);
      finish();
      await client.until(/data: 1/);
    });

    it('passes on the head of a response with Content-Length before its body', async () => {
      let finish = (): void => {};
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-length': '5' }).flushHeaders();
        finish = () => res.end('hello');
      });
      const proxy = await startForward({ target: upstream.url, transport });

      const opened = await open(proxy.url);
      expect(opened.res.headers['content-length']).to.equal('5');
      finish();
      expect((await responseOf(opened)).text).to.equal('hello');
    });

    it('keeps Content-Length and chunks of a response', async () => {
      const chunked: UpstreamResponse = (_req, res) => {
        res.write('one ');
        res.end('two');
      };
      const upstream = await startUpstream([text('counted'), chunked]);
      const proxy = await startForward({ target: upstream.url, transport });

      const counted = await call(proxy.url);
      expect(counted.lines('content-length')).to.deep.equal(['7']);
      expect(counted.lines('transfer-encoding')).to.deep.equal([]);
      const streamed = await call(proxy.url);
      expect(streamed.lines('content-length')).to.deep.equal([]);
      expect(streamed.lines('transfer-encoding')).to.deep.equal(['chunked']);
      expect(streamed.text).to.equal('one two');
    });

    it('sends a body with Content-Length with that length, and a chunked one in chunks', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });

      await call(proxy.url, { method: 'POST', body: 'hello', headers: { 'content-length': 5 } });
      await call(proxy.url, { method: 'PUT', body: bigBody(200_000) });
      const [counted, chunked] = upstream.requests;
      expect(counted?.headers)
        .to.include({ 'content-length': '5' })
        .and.not.have.property('transfer-encoding');
      expect(counted?.body.toString()).to.equal('hello');
      expect(chunked?.headers)
        .to.include({ 'transfer-encoding': 'chunked' })
        .and.not.have.property('content-length');
      expect(chunked?.bytes).to.equal(200_000);
    });

    it('sends an empty body as an empty body', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });

      await call(proxy.url, { method: 'POST', headers: { 'content-length': 0 } });
      await call(proxy.url, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
      expect(
        upstream.requests.map(({ method, bytes, complete }) => ({ method, bytes, complete })),
      ).to.deep.equal([
        { method: 'POST', bytes: 0, complete: true },
        { method: 'POST', bytes: 0, complete: true },
      ]);
      expect(upstream.requests[0]?.headers['content-length']).to.equal('0');
    });

    it('sends a body of GET and DELETE as well', async () => {
      const upstream = await startUpstream(json({}));
      const proxy = await startForward({ target: upstream.url, transport });

      for (const method of ['GET', 'DELETE', 'OPTIONS']) {
        const response = await call(proxy.url, { method, body: 'query', headers: { 'content-length': 5 } });
        expect(response.status, method).to.equal(200);
      }
      expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal(['query', 'query', 'query']);
    });

    it('passes 50 MB down unchanged', async () => {
      const upstream = await startUpstream((_req, res) => void bigBody(50 * MIB).pipe(res));
      const proxy = await startForward({ target: upstream.url, transport });

      const { res } = await open(proxy.url);
      expect(await measure(res)).to.deep.equal({ bytes: 50 * MIB, digest: digestOfBigBody(50 * MIB) });
    });

    it('passes 50 MB up unchanged', async () => {
      const upstream = await startUpstream(
        async (req, res) => void res.end(JSON.stringify(await measure(req))),
        { readBody: false },
      );
      const proxy = await startForward({ target: upstream.url, transport });

      const response = await call(proxy.url, {
        method: 'POST',
        body: bigBody(50 * MIB),
        headers: { 'content-length': 50 * MIB },
      });
      expect(response.json()).to.deep.equal({ bytes: 50 * MIB, digest: digestOfBigBody(50 * MIB) });
    });

    it('sends the whole response to a slow client although the target has closed after it', async () => {
      let length = 0;
      const upstream = await startUpstream((req, res) => {
        const counted = req.url === '/counted' ? { 'content-length': length } : {};
        res.writeHead(200, { connection: 'close', ...counted }).end(Buffer.alloc(length));
      });
      const proxy = await startForward({ target: upstream.url, transport });
      // The amount in transit when the target closes depends on the length.
      for (let i = 0; i < 24; i++) {
        length = 4_000_000 + i * 11_917;
        const { res } = await open(`${proxy.url}${i % 2 ? '/counted' : '/'}`);
        res.pause();
        await standstill(() => res.readableLength, 20);
        expect(await endingOf(res), `${length} bytes`).to.deep.equal({ bytes: length, clean: true });
      }
    });

    it('lets the upstream wait while the client does not read', async () => {
      const body = bigBody(200 * MIB);
      const upstream = await startUpstream((_req, res) => void body.pipe(res));
      const proxy = await startForward({ target: upstream.url, transport });

      const { res } = await open(proxy.url);
      res.pause();
      await until(() => body.made > 0);
      expect(await standstill(() => body.made)).to.be.below(IN_FLIGHT);
      res.resume();
      await until(() => body.made > 2 * IN_FLIGHT);
    });

    it('lets the client wait while the upstream does not read', async () => {
      let resume = (): void => {};
      const upstream = await startUpstream(
        (req) => {
          resume = () => void req.resume();
        },
        { readBody: false },
      );
      const proxy = await startForward({ target: upstream.url, transport });
      const body = bigBody(200 * MIB);
      begin(proxy.url, { method: 'POST', body });

      await until(() => body.made > 0);
      expect(await standstill(() => body.made)).to.be.below(IN_FLIGHT);
      resume();
      await until(() => body.made > 2 * IN_FLIGHT);
    });

    it('echoes both ways at once', async () => {
      const upstream = await startUpstream((req, res) => void req.pipe(res), { readBody: false });
      const proxy = await startForward({ target: upstream.url, transport });
      const client = await rawClient(proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n');

      await client.until(/ping/);
      client.send('4\r\npong\r\n0\r\n\r\n');
      await client.until(/pong\r\n0\r\n\r\n/);
    });
  });
}
