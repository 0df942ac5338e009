import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, call, endingOf, open } from '../../support/client.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { until } from '../../support/until.js';
import { silence, startUpstream, status } from '../../support/upstream.js';
import { readPage } from '../../unit/metrics/metrics-page.js';

/** A gateway on a free port with one API, `x`, and the lines that it logs. */
async function startGateway(target: string, { api = '', server = '', file = '' } = {}) {
  const text = `
server: { port: 0, drainDelayMs: 0, ${server} }
${file}
apis: { x: { target: "${target}", retry: false, breaker: false, ${api} } }`;
  const logs: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const gateway = createGateway({ ...parseConfig(text, { env: {} }), logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  const calls = () => logs.filter(({ path }) => path !== undefined);
  return { url, logs, calls };
}

describe('the lines that a gateway logs of calls', () => {
  for (const transport of TRANSPORTS) {
    it(`tell of a response that the API breaks off, over the ${transport} transport`, async () => {
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-length': 1000 }).write('x', () => res.destroy());
      });
      const { url, calls } = await startGateway(upstream.url, { api: `transport: ${transport}` });
      for (let i = 0; i < 3; i++) {
        const { res } = await open(`${url}/api/x/a`);
        expect((await endingOf(res)).clean).to.equal(false);
      }
      await until(() => calls().length === 3, 'the lines');
      for (const line of calls()) {
        expect(line).to.include({
          ...{ level: 'warn', api: 'x', path: '/api/x/a', status: 200, upstreamStatus: 200 },
          ...{ outcome: 'failure', aborted: true, code: 'ERR_UPSTREAM_RESET', by: 'target', attempts: 1 },
        });
        expect(line.upstreamMs).to.be.a('number').and.at.most(Number(line.durationMs));
      }
    });

    it(`blame nobody for a client that wants only what is cached, over the ${transport} transport`, async () => {
      const upstream = await startUpstream(status(200));
      const { url, calls } = await startGateway(upstream.url, {
        api: `transport: ${transport}, cache: { ttlMs: 60000 }`,
        server: 'accessLog: true',
      });
      await call(`${url}/api/x/a`, { headers: { 'cache-control': 'only-if-cached' } });
      await until(() => calls().length === 1, 'the line');
      expect(calls()[0]).to.include({ level: 'info', status: 504, outcome: 'refused', attempts: 0 });
      expect(calls()[0]).to.not.have.property('by');
    });

    it(`tell both times and what the cache did, over the ${transport} transport`, async () => {
      const upstream = await startUpstream((_req, res) => void setTimeout(() => res.end('ok'), 40));
      const { url, calls } = await startGateway(upstream.url, {
        api: `transport: ${transport}, cache: { ttlMs: 60000 }`,
        server: 'accessLog: true',
      });
      for (let i = 0; i < 2; i++) await call(`${url}/api/x/a`);
      await until(() => calls().length === 2, 'the lines');
      const [miss, hit] = calls();
      expect(miss).to.include({ outcome: 'success', cache: 'miss', attempts: 1 });
      expect(miss?.upstreamMs).to.be.within(39, Number(miss?.durationMs));
      expect(hit).to.include({ outcome: 'success', cache: 'hit', attempts: 0 });
      expect(hit).not.to.have.property('upstreamMs');
    });

    it(`warn of an API that its clients wait for in vain, over the ${transport} transport`, async () => {
      const upstream = await startUpstream(silence);
      const { url, logs } = await startGateway(upstream.url, { api: `transport: ${transport}` });
      const waiting = Array.from({ length: 6 }, () => begin(`${url}/api/x/a`));
      await until(() => upstream.requests.length === 6, 'the calls to arrive');
      for (const req of waiting) req.destroy();
      await until(() => logs.some(({ level }) => level === 'warn'), 'the warning');
      const [warning] = logs.filter(({ level }) => level === 'warn');
      expect(warning).to.include({ api: 'x', calls: 5, gaveUp: 5 });
      expect(warning?.msg).to.match(/^"x" does not respond in time: 5 of 5 clients left before its response/);
    });
  }

  it('are none of calls that were refused by the API', async () => {
    const upstream = await startUpstream([status(401), status(503)]);
    const { url, calls } = await startGateway(upstream.url);
    for (let i = 0; i < 2; i++) await call(`${url}/api/x/a`);
    await until(() => calls().length === 1, 'the line');
    expect(calls()[0]).to.include({ status: 503, outcome: 'failure' });
  });
});

describe('the block metrics of a file', () => {
  const bounds = async (url: string, prefix = 'resilient_proxy_') => {
    const page = readPage((await call(`${url}/metrics`)).text);
    const name = `${prefix}upstream_duration_seconds_bucket`;
    return page.lines.filter((line) => line.name === name).map(({ labels }) => labels.le);
  };

  it('sets the buckets and the prefix, and leaves the rest', async () => {
    const upstream = await startUpstream(status(200));
    const file = 'metrics: { bucketsMs: [0.25, 750], prefix: out_ }';
    const { url } = await startGateway(upstream.url, { file });
    await call(`${url}/api/x/a`);
    expect(await bounds(url, 'out_')).to.deep.equal(['0.00025', '0.75', '+Inf']);
    expect((await call(`${url}/metrics`)).text).to.include('out_event_loop_lag_seconds');
  });

  it('has buckets from half a millisecond by default', async () => {
    const upstream = await startUpstream(status(200));
    const { url } = await startGateway(upstream.url);
    await call(`${url}/api/x/a`);
    expect((await bounds(url)).slice(0, 3)).to.deep.equal(['0.0005', '0.001', '0.0025']);
  });

  it('turns metrics off', async () => {
    const { url } = await startGateway('http://127.0.0.1:9', { file: 'metrics: false' });
    expect((await call(`${url}/metrics`)).status).to.equal(404);
  });

  it('is refused where it is wrong', () => {
    const wrong = (block: string) => () =>
      parseConfig(`metrics: ${block}\napis: { x: { target: 'http://127.0.0.1:9' } }`, { env: {} });
    expect(wrong('{ bucketsMs: [2, 1] }')).to.throw(/metrics\.bucketsMs must ascend/);
    expect(wrong('{ bucketsMs: [0] }')).to.throw(/metrics\.bucketsMs\[0\]/);
    expect(wrong('3')).to.throw(/metrics must be a block of options, true or false/);
  });
});
