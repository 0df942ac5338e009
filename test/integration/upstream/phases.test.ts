import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { bigBody } from '../../support/bytes.js';
import { call, endingOf, open } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { hasProxy, startScene, startTarget, unreachable, WAYS } from '../../support/phase-scene.js';
import { until } from '../../support/until.js';
import { json, silence, text, type UpstreamResponse } from '../../support/upstream.js';

const SHORT = 150;
/** None of the limits of the other phases may be what ends an attempt. */
const LONG = { queueTimeoutMs: 15_000, connectTimeoutMs: 15_000, requestTimeoutMs: 15_000 };
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Begins a body that is never complete. */
const half: UpstreamResponse = (_req, res) => void res.writeHead(200).write('half');

/** A body that begins and stops. */
function stalled(): PassThrough {
  const body = new PassThrough();
  body.write('abc');
  return body;
}

/** A body of ten chunks. */
function flowing(everyMs: number): PassThrough {
  const body = new PassThrough();
  let left = 10;
  const drip = setInterval(() => {
    if (left-- > 0) return void body.write('x'.repeat(1000));
    clearInterval(drip);
    body.end();
  }, everyMs);
  return body;
}

for (const transport of TRANSPORTS) {
  for (const way of WAYS) {
    describe(`forward() and the phases of an attempt, ${transport}, ${way}`, () => {
      it('waits queueTimeoutMs for a free connection: 503, by self, and nothing is sent', async () => {
        const upstream = await startTarget(way, half);
        const limits = { ...LONG, queueTimeoutMs: SHORT };
        const scene = await startScene(way, { target: upstream.url, transport, connections: 1, ...limits });
        await open(scene.url);
        const response = await call(scene.url, { method: 'POST', body: 'x'.repeat(5000) });
        expect(response.status).to.equal(503);
        expect(response.json()).to.have.property('code', 'ERR_NO_CONNECTION');
        expect(response.headers['proxy-status']).to.include('error=connection_limit_reached');
        expect(scene.ending()).to.equal('ERR_NO_CONNECTION by self');
        expect(scene.exchanges[1]?.attempts[0]?.outcome).to.have.property('unsent', true);
        expect(upstream.requests).to.have.length(1);
      });

      it('waits for a free connection as long as for the target, unless queueTimeoutMs says otherwise', async () => {
        const upstream = await startTarget(way, half);
        const limits = { connectTimeoutMs: 15_000, requestTimeoutMs: 400 };
        const scene = await startScene(way, { target: upstream.url, transport, connections: 1, ...limits });
        await open(scene.url);
        expect((await call(scene.url)).status).to.equal(503);
        expect(scene.ending()).to.equal('ERR_NO_CONNECTION by self');
      });

      it('waits connectTimeoutMs for a connection: by the target, or by the egress proxy', async () => {
        const { target, proxyUrl } = await unreachable(way);
        const limits = { ...LONG, connectTimeoutMs: SHORT };
        const scene = await startScene(way, { target, transport, ...limits }, { proxyUrl, dialMs: SHORT });
        const response = await call(scene.url);
        const [attempt] = scene.exchanges[0]?.attempts ?? [];
        expect(attempt?.outcome).to.have.property('unsent', true);
        if (hasProxy(way)) return expect(scene.ending()).to.equal('ERR_PROXY_CONNECT by egress');
        expect(scene.ending()).to.equal('ERR_UPSTREAM_TIMEOUT by target');
        expect(response.status).to.equal(504);
        expect(response.headers['proxy-status']).to.include('error=connection_timeout');
      });

      if (hasProxy(way))
        it('has its egress proxy open a connection for longer than queueTimeoutMs', async () => {
          const upstream = await startTarget(way, text('there'));
          const slow = await startForwardProxy({ before: () => wait(400) });
          const limits = { ...LONG, queueTimeoutMs: SHORT };
          const scene = await startScene(
            way,
            { target: upstream.url, transport, ...limits },
            { proxyUrl: slow.url },
          );
          expect((await call(scene.url)).text).to.equal('there');
        });

      it('waits bodyTimeoutMs for a client that stops sending: 408, by the client', async () => {
        const upstream = await startTarget(way, json({ ok: true }));
        const scene = await startScene(way, {
          target: upstream.url,
          transport,
          ...LONG,
          requestTimeoutMs: 50,
          bodyTimeoutMs: SHORT,
        });
        const response = await call(scene.url, { method: 'POST', body: stalled() });
        expect(response.status).to.equal(408);
        expect(response.json()).to.have.property('code', 'ERR_REQUEST_TIMEOUT');
        expect(scene.ending()).to.equal('ERR_REQUEST_TIMEOUT by client');
        await until(() => upstream.connections.open === 0);
      });

      it('lets an upload flow for longer than all limits', async () => {
        const upstream = await startTarget(way, text('got it'));
        const limits = { ...LONG, requestTimeoutMs: 350, bodyTimeoutMs: 350 };
        const scene = await startScene(way, { target: upstream.url, transport, ...limits });
        const response = await call(scene.url, { method: 'POST', body: flowing(60) });
        expect(response.text).to.equal('got it');
        expect(upstream.requests[0]?.bytes).to.equal(10_000);
      });

      it('waits requestTimeoutMs for a target that does not take the upload: 504, by the target', async () => {
        const upstream = await startTarget(way, silence, { readBody: false });
        const limits = { ...LONG, requestTimeoutMs: SHORT, bodyTimeoutMs: 15_000 };
        const scene = await startScene(way, { target: upstream.url, transport, ...limits });
        const response = await call(scene.url, { method: 'POST', body: bigBody(100 * 1024 * 1024) });
        expect(response.status).to.equal(504);
        expect(scene.ending()).to.equal('ERR_UPSTREAM_TIMEOUT by target');
      });

      it('waits requestTimeoutMs for the head, from the end of the upload on: 504, by the target', async () => {
        const upstream = await startTarget(way, [
          silence,
          silence,
          (req, res) => void req.on('end', () => setTimeout(() => res.end('late'), 250)),
        ]);
        const limits = { ...LONG, requestTimeoutMs: 400, bodyTimeoutMs: 0 };
        const scene = await startScene(way, { target: upstream.url, transport, ...limits });
        for (const options of [{}, { method: 'POST', body: 'abc' }]) {
          const response = await call(scene.url, options);
          expect(response.status).to.equal(504);
          expect(response.headers['proxy-status']).to.include('error=http_response_timeout');
          expect(scene.ending()).to.equal('ERR_UPSTREAM_TIMEOUT by target');
        }
        const body = stalled();
        const late = call(scene.url, { method: 'POST', body });
        await wait(600);
        body.end('def');
        expect((await late).text).to.equal('late');
      });

      it('waits bodyTimeoutMs for the rest of a body: cut, by the target', async () => {
        const upstream = await startTarget(way, half);
        const limits = { ...LONG, bodyTimeoutMs: SHORT };
        const scene = await startScene(way, { target: upstream.url, transport, ...limits });
        const { res } = await open(scene.url);
        expect(await endingOf(res)).to.deep.equal({ bytes: 4, clean: false });
        expect(scene.ending()).to.equal('ERR_UPSTREAM_TIMEOUT by target');
        await until(() => upstream.connections.open === 0);
      });

      it('does not count the time in which the client does not read the body', async () => {
        const upstream = await startTarget(way, (_req, res) => void bigBody(16 * 1024 * 1024).pipe(res));
        const limits = { ...LONG, bodyTimeoutMs: 300 };
        const scene = await startScene(way, { target: upstream.url, transport, ...limits });
        const { res } = await open(scene.url);
        res.pause();
        await wait(900);
        expect(await endingOf(res)).to.deep.equal({ bytes: 16 * 1024 * 1024, clean: true });
      });

      it('leaves quiet event streams open, and ends them after streamIdleTimeoutMs without a failure', async () => {
        const upstream = await startTarget(way, (_req, res) => {
          res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).write('data: hello\n\n');
          setTimeout(() => res.write('data: again\n\n'), 400).unref();
        });
        const limits = { ...LONG, bodyTimeoutMs: SHORT, streamIdleTimeoutMs: 0 };
        const quiet = await startScene(way, { target: upstream.url, transport, ...limits });
        const { res } = await open(quiet.url);
        let got = '';
        res.on('data', (chunk: Buffer) => {
          got += chunk;
        });
        await until(() => got.includes('again'));
        expect(quiet.ending()).to.equal('undefined');

        for (const limit of [{ streamIdleTimeoutMs: 200 }, { bodyTimeoutMs: 200 }]) {
          const scene = await startScene(way, { target: upstream.url, transport, ...LONG, ...limit });
          expect((await endingOf((await open(scene.url)).res)).clean).to.equal(false);
          expect(scene.ending()).to.equal('cancelled');
        }
      });
    });
  }
}
