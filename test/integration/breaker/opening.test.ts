import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type ApiOptions, type CircuitSnapshot, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, endingOf, open } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { startSocksProxy } from '../../support/socks-proxy.js';
import { until } from '../../support/until.js';
import { json, silence, startUpstream, status } from '../../support/upstream.js';

async function start(options: ApiOptions) {
  const proxy = resilientProxy({ name: 'api', retry: false, ...options });
  onCleanup(() => proxy.close());
  const circuit = (): CircuitSnapshot | undefined => proxy.circuits.list()[0];
  return { ...(await serve(proxy)), proxy, circuit };
}

for (const transport of TRANSPORTS) {
  describe(`a circuit, transport ${transport}`, () => {
    it('counts several streams that one restart cuts as one failure, and the next restart as another', async () => {
      const streaming: ServerResponse[] = [];
      const upstream = await startUpstream((_req, res) => {
        streaming.push(res);
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      });
      const { url, circuit } = await start({
        target: upstream.url,
        transport,
        breaker: { failureThreshold: 3 },
      });
      for (const restarts of [1, 2]) {
        const streams = await Promise.all(Array.from({ length: 6 }, () => open(url)));
        for (const res of streaming.splice(0)) res.destroy();
        for (const { res } of streams) expect((await endingOf(res)).clean).to.equal(false);
        await until(() => circuit()?.windowTotal === restarts);
        expect(circuit()).to.include({ state: 'CLOSED', failures: 1, failureRatio: 1 });
        expect(circuit()?.failureText).to.equal('1 failure: 1 reset');
      }
    });

    it('opens by slow calls, which clients leave that give up on a target that hangs', async () => {
      const upstream = await startUpstream(silence);
      const { url, circuit } = await start({
        target: upstream.url,
        transport,
        breaker: { slowCallMs: 50, minimumRequests: 2, failureThreshold: 100 },
      });
      const giveUp = async (number: number): Promise<void> => {
        const req = begin(url, { method: 'POST', body: 'x' });
        await until(() => upstream.requests[number]?.complete === true);
        const sentAt = performance.now();
        await until(() => performance.now() - sentAt > 80);
        req.destroy();
        await until(() => circuit()?.notCounted.client === number + 1);
      };
      await giveUp(0);
      expect(circuit()).to.include({ state: 'CLOSED', slowCallRatio: 1 });
      await giveUp(1);
      expect(circuit()).to.include({ state: 'OPEN', failureText: '2 slow calls' });
      expect((await call(url)).json()).to.have.property('code', 'ERR_CIRCUIT_OPEN');
      expect(upstream.requests).to.have.length(2);
    });

    it('counts no slow call where a client gives up at once', async () => {
      const upstream = await startUpstream(silence);
      const { url, circuit } = await start({
        target: upstream.url,
        transport,
        breaker: { slowCallMs: 5000, minimumRequests: 1 },
      });
      const req = begin(url);
      await until(() => upstream.requests.length === 1);
      req.destroy();
      await until(() => circuit()?.notCounted.client === 1);
      expect(circuit()).to.include({ state: 'CLOSED', slowCallRatio: 0 });
    });

    for (const way of ['directly', 'through an egress proxy', 'through a SOCKS proxy']) {
      it(`stays closed when this process has no descriptors left, ${way}`, async () => {
        const upstream = await startUpstream(json({ ok: true }));
        const proxy =
          way === 'through a SOCKS proxy'
            ? `socks5h://${(await startSocksProxy()).name}`
            : (await startForwardProxy()).url;
        const proxies = way === 'directly' ? [] : [proxy];
        const options = {
          target: upstream.url,
          transport,
          breaker: { failureThreshold: 1 },
          retry: false,
          ...(proxies.length > 0 && { proxyRotate: { proxies } }),
        };
        const program = fileURLToPath(new URL('exhausted-process.ts', import.meta.url));
        const args = ['--import', 'tsx', program, JSON.stringify(options)];
        const child = spawn('sh', ['-c', 'ulimit -n 256; exec "$0" "$@"', process.execPath, ...args], {
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        });
        onCleanup(() => child.kill('SIGKILL'));
        const told = async <T>(wish?: string): Promise<T> => {
          if (wish) child.send(wish);
          return (await once(child, 'message'))[0] as T;
        };
        const url = `http://127.0.0.1:${await told<number>()}`;
        await told('exhaust');
        const refused = await call(url);
        expect([refused.status, refused.json()]).to.deep.equal([
          502,
          { error: 'This process could not open a connection', code: 'ERR_UPSTREAM_CONNECT' },
        ]);
        expect(refused.headers['proxy-status']).to.equal('resilient-proxy-out; error=proxy_internal_error');
        const circuit = await told<CircuitSnapshot>('release');
        expect(circuit).to.include({ state: 'CLOSED', failures: 0 });
        expect(circuit.notCounted).to.deep.equal({ client: 0, egress: 0, self: 1 });
        // The egress proxy, too, goes on at once.
        expect((await call(url)).json()).to.deep.equal({ ok: true });
      });
    }
  });
}

describe('an open circuit', () => {
  it('refuses before a call waits for quota', async () => {
    const upstream = await startUpstream([status(500), json({ ok: true })]);
    const { url } = await start({
      target: upstream.url,
      breaker: { failureThreshold: 1 },
      rateLimit: { limit: 1, windowMs: 60_000, maxWaitMs: 60_000 },
    });
    expect((await call(url)).status).to.equal(500);
    expect((await call(url)).json()).to.have.property('code', 'ERR_CIRCUIT_OPEN');
  });
});
