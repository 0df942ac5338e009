import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { type ResilientProxyConfig, resilientProxy } from '../../../lib/index.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { bigBody } from '../../support/bytes.js';
import { onCleanup } from '../../support/cleanup.js';
import { type CallOptions, call } from '../../support/client.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { startScene, startTarget, WAYS } from '../../support/phase-scene.js';
import { rawClient } from '../../support/raw-client.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { json, startUpstream, text, type UpstreamResponse } from '../../support/upstream.js';

type OneApi = Omit<Extract<ResilientProxyConfig, { name: string }>, 'name'>;

/** Twice the rate of the slow clients. */
const LIMITS = { bodyTimeoutMs: 200, minBodyRate: 1000 } satisfies Partial<ForwardOptions>;

async function startApi(options: OneApi) {
  const proxy = resilientProxy({ name: 'api', ...options });
  onCleanup(() => proxy.close());
  return { circuit: () => proxy.circuits.list()[0], ...(await serve(proxy)) };
}

interface Dripping {
  readonly bytes: number;
  readonly everyMs: number;
  readonly times?: number;
}

/** A POST of JSON whose client sends a little again and again. */
function dripping({ bytes, everyMs, times = 100 }: Dripping): CallOptions & { body: PassThrough } {
  const body = new PassThrough();
  body.write('[');
  let left = times;
  const drip = setInterval(() => {
    if (left-- > 0) return void body.write(' '.repeat(bytes));
    clearInterval(drip);
    body.end(']');
  }, everyMs);
  onCleanup(() => clearInterval(drip));
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body };
}

const slow = () => dripping({ bytes: 10, everyMs: 20 });

for (const transport of TRANSPORTS) {
  for (const way of WAYS) {
    describe(`forward() with minBodyRate, ${transport}, ${way}`, () => {
      it('ends the upload of a client that is slower: 408, by the client', async () => {
        const upstream = await startTarget(way, json({ ok: true }));
        const scene = await startScene(way, { target: upstream.url, transport, ...LIMITS });
        const response = await call(scene.url, slow());
        expect(response.status).to.equal(408);
        expect(response.json()).to.have.property('code', 'ERR_REQUEST_TIMEOUT');
        expect(response.headers.connection).to.equal('close');
        expect(scene.ending()).to.equal('ERR_REQUEST_TIMEOUT by client');
        await until(() => upstream.connections.open === 0);
      });

      it('does not hold it against a client that the target takes nothing for a while', async () => {
        const upstream = await startTarget(
          way,
          (req, res) => {
            setTimeout(() => req.on('end', () => res.end('got it')).resume(), 600);
          },
          { readBody: false },
        );
        const limits = { ...LIMITS, minBodyRate: 1024 * 1024 };
        const scene = await startScene(way, { target: upstream.url, transport, ...limits });
        const response = await call(scene.url, { method: 'POST', body: bigBody(24 * 1024 * 1024) });
        expect(response.text).to.equal('got it');
      });
    });
  }

  describe(`resilientProxy() with minBodyRate, ${transport}`, () => {
    const kept: [what: string, options: Partial<OneApi>][] = [
      ['checked', { validateJson: true }],
      ['part of a cache key', { cache: { methods: ['GET', 'POST'] } }],
      ['kept to be sent again', { retry: { methods: ['POST'] } }],
    ];
    for (const [what, options] of kept) {
      it(`ends a body that is ${what} and slower: 408, by the client`, async () => {
        const upstream = await startUpstream(json({ ok: true }));
        const breaker = { failureThreshold: 1 };
        const api = await startApi({ target: upstream.url, transport, breaker, ...LIMITS, ...options });
        const response = await call(api.url, slow());
        expect(response.status).to.equal(408);
        expect(response.json()).to.have.property('code', 'ERR_REQUEST_TIMEOUT');
        expect(response.headers.connection).to.equal('close');
        expect(api.circuit()).to.include({ state: 'CLOSED', failures: 0 });
        expect(upstream.requests.length).to.equal(what.startsWith('kept') ? 1 : 0);
      });

      it(`lets a body that is ${what} pause within its rate`, async () => {
        const upstream = await startUpstream(json({ ok: true }));
        const api = await startApi({ target: upstream.url, transport, ...LIMITS, ...options });
        const response = await call(api.url, dripping({ bytes: 150, everyMs: 100, times: 4 }));
        expect(response.json()).to.deep.equal({ ok: true });
        expect(upstream.requests[0]?.bytes).to.equal(602);
      });
    }

    it('gives a client no new time with each attempt', async () => {
      const early: UpstreamResponse = (_req, res) => void setTimeout(() => res.writeHead(503).end(), 100);
      const upstream = await startUpstream(early, { readBody: false });
      const retry = { methods: ['POST'], initialDelayMs: 1, maxAttempts: 9 };
      const api = await startApi({ target: upstream.url, transport, retry, breaker: false, ...LIMITS });
      expect((await call(api.url, dripping({ bytes: 1, everyMs: 20 }))).status).to.equal(408);
      expect(upstream.requests.length).to.be.within(2, 8);
    });

    it('lets any client that moves take its time where it is not set', async () => {
      const upstream = await startUpstream(text('got it'));
      const api = await startApi({ target: upstream.url, transport, bodyTimeoutMs: 200 });
      const response = await call(api.url, dripping({ bytes: 1, everyMs: 20, times: 25 }));
      expect(response.text).to.equal('got it');
    });

    it('closes the connection of a client that goes on after its 408', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const api = await startApi({ target: upstream.url, transport, ...LIMITS });
      const client = await rawClient(Number(new URL(api.url).port));
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
      const drip = setInterval(() => client.send('x'), 20);
      onCleanup(() => clearInterval(drip));
      expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 408 /);
    });

    it('does not look at the rate once the response has begun', async () => {
      const echo: UpstreamResponse = (req, res) => void req.pipe(res.writeHead(200));
      const upstream = await startUpstream(echo, { readBody: false });
      const api = await startApi({ target: upstream.url, transport, ...LIMITS });
      const response = await call(api.url, dripping({ bytes: 1, everyMs: 20, times: 30 }));
      expect(response.text).to.equal(`[${' '.repeat(30)}]`);
    });
  });
}
