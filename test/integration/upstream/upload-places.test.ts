import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, headOf, responseOf } from '../../support/client.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawClient } from '../../support/raw-client.js';
import { serve } from '../../support/serve.js';
import { standstill, until } from '../../support/until.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** A POST whose body is written by the test. */
function upload(url: string) {
  const body = new PassThrough();
  const req = begin(url, { method: 'POST', body });
  const response = headOf(req).then(responseOf);
  response.catch(() => {});
  return { req, body, response };
}

/** Responds with the length of what it has received. */
const measure: UpstreamResponse = (req, res) => {
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  req.on('end', () => res.end(`${bytes}`));
};

for (const transport of TRANSPORTS) {
  describe(`forward() and uploads that are on their way, ${transport}`, () => {
    async function start(options: Partial<ForwardOptions> = {}) {
      const upstream = await startUpstream(measure, { readBody: false });
      const last = openForward({ target: upstream.url, transport, connections: 4, ...options });
      const proxy = await serve(last);
      /** Begins so many uploads. Two of them have a place. */
      const uploads = async (count: number) => {
        const begun = Array.from({ length: count }, () => upload(proxy.url));
        for (const { body } of begun) body.write('a');
        await until(() => upstream.requests.length === 2);
        return begun;
      };
      return { upstream, uploads, url: proxy.url, port: Number(new URL(proxy.url).port), close: last.close };
    }

    it('gives them half of the connections, and the others to what is here in full', async () => {
      const { upstream, uploads, url } = await start();
      const begun = await uploads(6);
      const others = await Promise.all([
        ...Array.from({ length: 8 }, () => call(url)),
        ...Array.from({ length: 8 }, () => call(url, { method: 'POST', body: 'x'.repeat(2000) })),
      ]);
      expect(others.map(({ text }) => text)).to.deep.equal([...Array(8).fill('0'), ...Array(8).fill('2000')]);
      expect(upstream.requests.length).to.equal(18);
      for (const { body } of begun) body.end('bc');
      const responses = await Promise.all(begun.map(({ response }) => response));
      expect(responses.map(({ text }) => text)).to.deep.equal(Array(6).fill('3'));
    });

    it('sends one that waits as soon as it is complete', async () => {
      const { upstream, uploads } = await start();
      const [, , third] = await uploads(3);
      third?.body.end('bc');
      expect((await third?.response)?.text).to.equal('3');
      expect(upstream.requests.length).to.equal(3);
    });

    it('sends one that waits when another has ended, large ones first', async () => {
      const { uploads, upstream } = await start();
      const [first, , third, fourth] = await uploads(4);
      const length = 32 * 1024 * 1024;
      fourth?.body.end(Buffer.alloc(length));
      await standstill(() => fourth?.req.socket?.bytesWritten ?? 0);
      first?.body.end();
      await first?.response;
      expect((await fourth?.response)?.text).to.equal(`${length + 1}`);
      await until(() => upstream.requests.length === 4);
      third?.body.end();
      expect((await third?.response)?.text).to.equal('1');
    });

    it('sends an empty one', async () => {
      const { uploads, port } = await start();
      await uploads(2);
      const client = await rawClient(port);
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
      client.send(`${head}0\r\n\r\n`);
      expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 200 /);
      const later = await rawClient(port);
      later.send(head);
      setTimeout(() => later.send('0\r\n\r\n'), 50);
      expect(await later.untilClosed()).to.match(/^HTTP\/1\.1 200 /);
    });

    it('limits the pauses and the rate of one that waits, too: 408', async () => {
      for (const limits of [{ bodyTimeoutMs: 150 }, { bodyTimeoutMs: 150, minBodyRate: 1000 }]) {
        const { uploads, upstream } = await start(limits);
        const [first, second, third] = await uploads(3);
        const flow = setInterval(() => {
          for (const placed of [first, second]) placed?.body.write('a'.repeat(100));
        }, 20);
        onCleanup(() => clearInterval(flow));
        expect((await third?.response)?.status).to.equal(408);
        expect(upstream.requests.length).to.equal(2);
      }
    });

    it('does not let one that is large wait for ever: 503', async () => {
      const { uploads, url, upstream } = await start({ queueTimeoutMs: 200, bodyTimeoutMs: 100 });
      // Of these the clients go on.
      const begun = await uploads(2);
      const flow = setInterval(() => {
        for (const { body } of begun) body.write('a');
      }, 30);
      const large = upload(url);
      large.body.write('x'.repeat(1_000_000));
      const response = await large.response;
      clearInterval(flow);
      expect(response.status).to.equal(503);
      expect(response.json()).to.have.property('code', 'ERR_NO_CONNECTION');
      expect(upstream.requests.length).to.equal(2);
    });

    it('gives the place of a client that has left to the next one', async () => {
      const { uploads, upstream } = await start();
      const [first, , third, fourth] = await uploads(4);
      third?.req.destroy();
      first?.req.destroy();
      await until(() => upstream.requests.length === 3);
      fourth?.body.end('bc');
      expect((await fourth?.response)?.text).to.equal('3');
    });

    it('ends those that wait when it closes', async () => {
      const { uploads, close } = await start();
      const [, , third] = await uploads(3);
      void close();
      expect((await third?.response)?.json()).to.have.property('code', 'ERR_SHUTTING_DOWN');
    });
  });
}
