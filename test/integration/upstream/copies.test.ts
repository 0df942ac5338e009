import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { retry } from '../../../lib/index.js';
import { bigBody, digestOfBigBody, measure } from '../../support/bytes.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, headOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { json, silence, startUpstream, status, text } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`forward() with forward, transport ${transport}`, () => {
    it('sends a copy of each call, headers and body, and responds with the target’s response', async () => {
      const target = await startUpstream(text('the target’s'));
      const copy = await startUpstream(text('nobody’s'));
      const proxy = await startForward({
        target: target.url,
        forward: `${copy.url}/copies`,
        transport,
        changeOrigin: true,
        headers: { 'x-added': '1' },
      });
      expect((await call(`${proxy.url}/x?y=1`)).text).to.equal('the target’s');
      const posted = { method: 'POST', headers: { 'content-length': 5 }, body: 'hello' };
      expect((await call(`${proxy.url}/z`, posted)).text).to.equal('the target’s');
      await until(() => copy.requests.length === 2 && copy.requests.every(({ complete }) => complete));
      expect(copy.requests.map(({ method, url, body }) => [method, url, `${body}`])).to.deep.equal([
        ['GET', '/copies/x?y=1', ''],
        ['POST', '/copies/z', 'hello'],
      ]);
      expect(copy.requests[1]?.headers).to.include({ 'x-added': '1', host: `127.0.0.1:${copy.port}` });
      expect(`${target.requests[1]?.body}`).to.equal('hello');
    });

    it('sends all of a large streamed body to both', async () => {
      const bytes = 8_000_000;
      const seen: Promise<{ bytes: number; digest: string }>[] = [];
      const response = (req: IncomingMessage, res: { end(): unknown }) => {
        const measured = measure(req);
        seen.push(measured);
        void measured.then(() => res.end());
      };
      const target = await startUpstream(response, { readBody: false });
      const copy = await startUpstream(response, { readBody: false });
      const proxy = await startForward({ target: target.url, forward: copy.url, transport });
      expect((await call(proxy.url, { method: 'POST', body: bigBody(bytes) })).status).to.equal(200);
      await until(() => seen.length === 2);
      const whole = { bytes, digest: digestOfBigBody(bytes) };
      expect(await Promise.all(seen)).to.deep.equal([whole, whole]);
    });

    it('loses nothing of a body in two pieces', async () => {
      const target = await startUpstream(json({ ok: true }));
      const copy = await startUpstream(json({ ok: true }));
      const proxy = await startForward({ target: target.url, forward: copy.url, transport });
      const body = new Readable({ read() {} });
      const req = begin(proxy.url, { method: 'POST', body });
      body.push('slow');
      await until(() => target.requests.length === 1);
      body.push('ly.');
      body.push(null);
      expect((await headOf(req)).res.statusCode).to.equal(200);
      await until(() => copy.requests[0]?.complete === true);
      expect([target, copy].map(({ requests }) => `${requests[0]?.body}`)).to.deep.equal([
        'slowly.',
        'slowly.',
      ]);
    });

    it('copies to another protocol', async () => {
      const { key, cert } = credentials();
      const target = await startUpstream(text('plain'));
      const copy = await startUpstream(text('encrypted'), { tls: { key, cert } });
      const proxy = await startForward({ target: target.url, forward: copy.url, secure: false, transport });
      expect((await call(proxy.url)).text).to.equal('plain');
      await until(() => copy.requests.length === 1);
    });

    it('copies once, however often a call is tried', async () => {
      const target = await startUpstream([status(503), status(503), text('third')]);
      const copy = await startUpstream(text('nobody’s'));
      const options = { target: target.url, forward: copy.url, transport };
      const proxy = await startForward(options, retry({ maxAttempts: 3, initialDelayMs: 1 }));
      expect((await call(proxy.url)).text).to.equal('third');
      expect(copy.requests).to.have.length(1);
    });

    it('fails no call when the copy is refused, reset or gets no response', async () => {
      const target = await startUpstream(text('the target’s'));
      const resets = await startUpstream((req) => req.socket.resetAndDestroy());
      const mute = await startUpstream(silence, { readBody: false });
      for (const url of [`http://127.0.0.1:${await unusedPort()}`, resets.url, mute.url]) {
        const proxy = await startForward({ target: target.url, forward: url, transport });
        for (let i = 0; i < 2; i++) {
          const posted = { method: 'POST', body: 'hello' };
          expect((await call(proxy.url, posted)).text).to.equal('the target’s');
        }
      }
    });

    it('drops copies while their receiver hangs, and resumes afterwards', async () => {
      const held: { end(): unknown }[] = [];
      const target = await startUpstream(text('the target’s'));
      const copy = await startUpstream((_req, res) => void held.push(res));
      const proxy = await startForward({ target: target.url, forward: copy.url, transport, connections: 1 });
      for (let i = 0; i < 8; i++) expect((await call(proxy.url)).text).to.equal('the target’s');
      await until(() => {
        for (const res of held.splice(0)) res.end();
        return copy.requests.length === 4;
      });
      for (const res of held.splice(0)) res.end();
      while (copy.requests.length === 4) await call(proxy.url);
      expect(copy.requests.length).to.be.at.least(5);
    });

    it('responds with 200 at once if there is only a copy', async () => {
      const copy = await startUpstream(status(500));
      const proxy = await startForward({ forward: copy.url, transport });
      const response = await call(proxy.url, { method: 'POST', body: 'hello' });
      expect(response).to.include({ status: 200, text: '' });
      await until(() => copy.requests[0]?.complete === true);
      expect(`${copy.requests[0]?.body}`).to.equal('hello');
    });

    it('copies what a refused call would have sent', async () => {
      const copy = await startUpstream(status(200));
      const target = `http://127.0.0.1:${await unusedPort()}`;
      const proxy = await startForward({ target, forward: copy.url, transport });
      expect((await call(proxy.url, { method: 'POST', body: 'hello' })).status).to.equal(502);
      await until(() => copy.requests[0]?.complete === true);
      expect(`${copy.requests[0]?.body}`).to.equal('hello');
    });
  });
}

describe('forward() with forward', () => {
  it('copies into a unix socket', async () => {
    const socketPath = join(tmpdir(), `resilient-copies-${process.pid}.sock`);
    let copies = 0;
    const server = createServer((_req, res) => res.end(String(++copies))).listen(socketPath);
    onCleanup(() => {
      server.close();
      rmSync(socketPath, { force: true });
    });
    await once(server, 'listening');
    const target = await startUpstream(text('hello'));
    const proxy = await startForward({ target: target.url, forward: { socketPath } });
    expect((await call(proxy.url)).text).to.equal('hello');
    await until(() => copies === 1);
  });
});
