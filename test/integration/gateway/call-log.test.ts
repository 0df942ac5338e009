import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, open } from '../../support/client.js';
import { until } from '../../support/until.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** A gateway with one API, `x`, and what it logs of calls. */
async function startGateway(response: UpstreamResponse, api: string, server = '') {
  const upstream = await startUpstream(response);
  const config = parseConfig(
    `server: { port: 0, ${server} }\ndefaults: { breaker: false, retry: false }\napis: { x: { target: "${upstream.url}", ${api} } }`,
    { env: {} },
  );
  const lines: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void lines.push(JSON.parse(line)) });
  const gateway = createGateway({ ...config, logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  return {
    gateway,
    upstream,
    url: `${url}/api/x`,
    get calls() {
      return lines.filter(({ path }) => path !== undefined);
    },
  };
}

/** Sends a part of a response, and breaks off. */
const breaksOff =
  (headers: Record<string, string>): UpstreamResponse =>
  (_req, res) => {
    res.writeHead(200, headers);
    res.write('part');
    setTimeout(() => res.destroy(), 20);
  };

const failing = (sent: Promise<unknown>): Promise<'failed' | 'complete'> =>
  sent.then(
    () => 'complete',
    () => 'failed',
  );

for (const transport of ['undici', 'node']) {
  describe(`the log line of a response that breaks off (${transport})`, () => {
    for (const [framing, headers] of [
      ['of a known length', { 'content-length': '1000' }],
      ['in chunks', {}],
    ] as const) {
      it(`says whose doing it was, for a response ${framing}`, async () => {
        const gateway = await startGateway(breaksOff(headers), `transport: ${transport}`);
        expect(await failing(call(`${gateway.url}/a`))).to.equal('failed');
        await until(() => gateway.calls.length > 0);
        expect(gateway.calls[0]).to.include({
          level: 'warn',
          path: '/api/x/a',
          status: 200,
          upstreamStatus: 200,
          aborted: true,
          code: 'ERR_UPSTREAM_RESET',
          by: 'target',
          attempts: 1,
        });
        expect(gateway.calls[0]?.msg).to.match(/^the response broke off: ./);
      });
    }

    it('is there for one that stops without an end', async () => {
      const stops: UpstreamResponse = (_req, res) =>
        void res.writeHead(200, { 'content-length': 9 }).write('part');
      const gateway = await startGateway(stops, `transport: ${transport}, bodyTimeoutMs: 100`);
      expect(await failing(call(`${gateway.url}/a`))).to.equal('failed');
      await until(() => gateway.calls.length > 0);
      expect(gateway.calls[0]).to.include({
        level: 'warn',
        status: 200,
        code: 'ERR_UPSTREAM_TIMEOUT',
        by: 'target',
      });
    });

    it('is there for each client that shared it', async () => {
      const gateway = await startGateway(
        breaksOff({ 'cache-control': 'max-age=60' }),
        `transport: ${transport}, cache: {}`,
      );
      const both = [failing(call(`${gateway.url}/a`)), failing(call(`${gateway.url}/a`))];
      expect(await Promise.all(both)).to.deep.equal(['failed', 'failed']);
      expect(gateway.upstream.requests).to.have.length(1);
      await until(() => gateway.calls.length === 2);
      for (const line of gateway.calls)
        expect(line).to.include({ level: 'warn', code: 'ERR_UPSTREAM_RESET', by: 'target', aborted: true });
    });

    it('is not there where the client has left', async () => {
      const waits: UpstreamResponse = (_req, res) => void res.writeHead(200).write('part');
      const gateway = await startGateway(waits, `transport: ${transport}`);
      const { req } = await open(`${gateway.url}/a`);
      req.destroy();
      const second = begin(`${gateway.url}/b`);
      await until(() => gateway.upstream.requests.length === 2);
      second.destroy();
      await until(() => gateway.upstream.connections.open === 0);
      expect(gateway.calls).to.deep.equal([]);
    });

    it('is there for one that a shutdown cuts', async () => {
      const waits: UpstreamResponse = (_req, res) => void res.writeHead(200).write('part');
      const gateway = await startGateway(
        waits,
        `transport: ${transport}`,
        'drainDelayMs: 0, shutdownTimeoutMs: 50',
      );
      await open(`${gateway.url}/a`);
      await gateway.gateway.close();
      expect(gateway.calls).to.have.length(1);
      expect(gateway.calls[0]).to.include({
        level: 'warn',
        status: 200,
        code: 'ERR_SHUTTING_DOWN',
        by: 'self',
      });
    });
  });
}

describe('the log line of a call', () => {
  const line = ({ calls }: Awaited<ReturnType<typeof startGateway>>, i = 0) => calls[i];
  const logged = async (gateway: Awaited<ReturnType<typeof startGateway>>, count: number) => {
    await until(() => gateway.calls.length === count, `${count} lines`);
    return line(gateway, count - 1);
  };

  it('says who made it, how much was sent, and what its time went to', async () => {
    const echoes: UpstreamResponse = (_req, res) =>
      void res.writeHead(200, { 'x-request-id': 'theirs' }).end('12345');
    const gateway = await startGateway(echoes, 'cache: {}', 'accessLog: true');
    const headers = { 'X-Request-Id': 'req-1', 'X-Forwarded-For': '203.0.113.9' };
    await call(`${gateway.url}/a?key=s3cret`, { method: 'GET', headers });
    const miss = await logged(gateway, 1);
    expect(miss).to.include({
      level: 'info',
      msg: 'call',
      requestId: 'req-1',
      upstreamRequestId: 'theirs',
      client: '127.0.0.1',
      method: 'GET',
      path: '/api/x/a?key=***',
      status: 200,
      cache: 'miss',
      attempts: 1,
      bytesIn: 0,
      bytesOut: 5,
    });
    expect(miss?.phases).to.have.all.keys('cache', 'attempt-1');
    await call(`${gateway.url}/a?key=s3cret`, { headers });
    const hit = await logged(gateway, 2);
    expect(hit).to.include({ cache: 'hit', attempts: 0, bytesOut: 5 });
    expect(hit).not.to.have.any.keys('upstreamRequestId', 'upstreamStatus', 'aborted', 'by', 'code');
    expect(hit?.phases).to.have.all.keys('cache');
    await call(`${gateway.url}/b`, { method: 'POST', body: 'abc' });
    expect(await logged(gateway, 3)).to.include({ method: 'POST', bytesIn: 3, bytesOut: 5 });
  });

  it('is there for a call that an open circuit refused', async () => {
    const fails: UpstreamResponse = (_req, res) => void res.writeHead(500).end();
    const options = 'breaker: { failureThreshold: 1, resetTimeoutMs: 60000 }';
    const gateway = await startGateway(fails, options, 'accessLog: true');
    await call(`${gateway.url}/a`);
    expect(await logged(gateway, 1)).to.include({ level: 'warn', status: 500 });
    await call(`${gateway.url}/b`);
    expect(await logged(gateway, 2)).to.include({
      level: 'info',
      path: '/api/x/b',
      status: 503,
      code: 'ERR_CIRCUIT_OPEN',
      attempts: 0,
    });
  });

  it('names each attempt and the pauses between them', async () => {
    let calls = 0;
    const gateway = await startGateway(
      (_req, res) => void res.writeHead(++calls < 3 ? 503 : 200).end(),
      'retry: { maxAttempts: 3, initialDelayMs: 20, maxDelayMs: 20, budgetRatio: false }',
      'accessLog: true',
    );
    await call(`${gateway.url}/a`);
    const { phases, attempts } = (await logged(gateway, 1)) ?? {};
    expect(attempts).to.equal(3);
    expect(phases).to.have.all.keys('attempt-1', 'attempt-2', 'attempt-3', 'backoff');
    expect(Reflect.get(phases as object, 'backoff')).to.be.above(0);
  });

  it('knows the client behind proxies that are trusted', async () => {
    const ok: UpstreamResponse = (_req, res) => void res.end('ok');
    const gateway = await startGateway(ok, '', 'accessLog: true, trustProxy: [loopback, 10.0.0.0/8]');
    const from = (chain: string) => call(`${gateway.url}/a`, { headers: { 'X-Forwarded-For': chain } });
    await from('198.51.100.1, 203.0.113.9, 10.1.2.3');
    expect(await logged(gateway, 1)).to.include({ client: '203.0.113.9' });
    await from('<script>, 10.1.2.3');
    expect(await logged(gateway, 2)).to.include({ client: '10.1.2.3' });
  });

  it('knows a client that has left, too', async () => {
    const waits: UpstreamResponse = (_req, res) => void res.writeHead(200).write('part');
    const gateway = await startGateway(waits, '', 'accessLog: true');
    const { req } = await open(`${gateway.url}/a`);
    req.destroy();
    expect(await logged(gateway, 1)).to.include({
      level: 'info',
      client: '127.0.0.1',
      aborted: true,
      bytesOut: 4,
    });
  });

  it('refuses a trusted proxy that is no address', () => {
    expect(() => parseConfig('server: { trustProxy: [10.0.0.0/33] }\napis: {}', { env: {} })).to.throw(
      /trustProxy\[0\] must be an address, a range/,
    );
  });
});
