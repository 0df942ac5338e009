import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { unusedPort } from '../../support/listening.js';
import { until } from '../../support/until.js';
import { startUpstream, status, text } from '../../support/upstream.js';

/** A gateway with one API, `x`. */
async function startGateway(target: string, api: string) {
  const configOf = (api: string) =>
    parseConfig(`server: { port: 0 }\napis: { x: { target: "${target}", ${api} } }`, { env: {} });
  const logs: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const gateway = createGateway({ ...configOf(api), logger });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  return {
    proxy: gateway.proxy,
    reload: (api: string) => gateway.reload(() => configOf(api)),
    url,
    get: () => call(`${url}/api/x/`),
    /** Waits for a line with this text. */
    logged: async (message: string | RegExp) => {
      const matches = ({ msg }: Record<string, unknown>) =>
        typeof message === 'string' ? msg === message : message.test(String(msg));
      await until(() => logs.some(matches), `${message} in ${JSON.stringify(logs)}`);
      return logs.find(matches);
    },
    count: (message: RegExp) => logs.filter(({ msg }) => message.test(String(msg))).length,
  };
}

describe('the log of a gateway', () => {
  it('has a line for each change of a circuit, by the name of the API', async () => {
    const upstream = await startUpstream([status(503), status(503), status(200)]);
    const { get, logged, proxy } = await startGateway(
      upstream.url,
      'retry: false, breaker: { failureThreshold: 2, resetTimeoutMs: 1, successThreshold: 1 }',
    );
    await get();
    await get();
    const opened = await logged('circuit "x" opened: 2 failures in a row (last: status 503); probe in 1 s');
    expect(opened).to.include({ level: 'warn', api: 'x', failures: 2 });
    await until(() => proxy.circuits.list()[0]?.timeToResetMs === 0);
    await get();
    expect(await logged('circuit "x" is half open: the next requests are probes')).to.include({
      level: 'info',
      api: 'x',
    });
    expect(await logged(/^circuit "x" closed: \w+s succeeded$/)).to.include({ level: 'info', api: 'x' });
    proxy.apis.get('x')?.breaker?.forceOpen();
    await logged('circuit "x" was forced open');
  });

  it('has the changes of a circuit that a reload has created', async () => {
    const upstream = await startUpstream(status(200));
    const { reload, logged, proxy } = await startGateway(upstream.url, 'breaker: { failureThreshold: 2 }');
    reload('breaker: { failureThreshold: 3 }');
    proxy.apis.get('x')?.breaker?.forceOpen();
    await logged('circuit "x" was forced open');
  });

  it('says what a list of egress proxies holds, which of its lines are wrong, and that it is gone', async () => {
    const upstream = await startUpstream(text('ok'));
    const proxy = await startForwardProxy();
    const folder = await mkdtemp(join(tmpdir(), 'proxies-'));
    onCleanup(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'proxies.txt');
    await writeFile(file, `# ours\n${proxy.url}\nnonsense secret\n`);
    const { get, logged, count } = await startGateway(
      upstream.url,
      `proxyRotate: { proxies: { file: ${file} } }`,
    );
    expect((await get()).status).to.equal(200);
    expect(
      await logged(`the list of egress proxies ${file} was read: 1 in use, 1 added, 0 removed`),
    ).to.include({
      level: 'info',
      api: 'x',
    });
    const wrong = await logged(/^\/.*: line 3 must be a URL, .*; left out$/);
    expect(wrong).to.include({ level: 'warn', wrongLines: 1 });
    await writeFile(file, `${proxy.url}\n127.0.0.1:1\n`);
    await logged(/ was read: 2 in use, 1 added, 0 removed$/);
    await rm(file);
    await logged(`the list of egress proxies ${file} cannot be read: ENOENT; 2 stay in use`);
    expect(count(/secret/)).to.equal(0);
  });

  it('has the name of the egress proxy of a call, without its credentials', async () => {
    const upstream = await startUpstream(status(500));
    const proxy = await startForwardProxy({ credentials: 'me:secret' });
    const { get, logged, count } = await startGateway(
      upstream.url,
      `retry: false, proxyRotate: { proxies: ["${proxy.url}"] }`,
    );
    expect((await get()).status).to.equal(500);
    expect(await logged(/^the upstream responded with 500/)).to.include({ proxy: proxy.name, attempts: 1 });
    expect(count(/secret/)).to.equal(0);
  });

  it('says once that no egress proxy is left', async () => {
    const upstream = await startUpstream(text('ok'));
    const { get, logged, count } = await startGateway(
      upstream.url,
      `retry: false, proxyRotate: { proxies: ["http://127.0.0.1:${await unusedPort()}"] }`,
    );
    for (let i = 0; i < 3; i++) expect((await get()).status).to.equal(503);
    const line = await logged(
      /^no egress proxy of "x" can be used for http:.*: calls get 503; retry in \d+ s$/,
    );
    expect(line).to.include({ level: 'warn', api: 'x', direct: false });
    expect(count(/^no egress proxy of/)).to.equal(1);
  });

  it('says that an egress proxy is cooling down and why', async () => {
    const upstream = await startUpstream(status(200));
    const name = `127.0.0.1:${await unusedPort()}`;
    const { get, logged } = await startGateway(
      upstream.url,
      `retry: false, proxyRotate: { proxies: ["http://user:secret@${name}"] }`,
    );
    await get();
    const line = await logged(`egress proxy "${name}" is cooling down for 30 s: ECONNREFUSED`);
    expect(line).to.include({ level: 'warn', api: 'x', proxy: name, cooldownMs: 30_000 });
    expect(JSON.stringify(line)).not.to.include('secret');
  });

  it('says that an egress proxy has recovered, and for which target', async () => {
    const upstream = await startUpstream([status(429), status(200)]);
    const { url, name } = await startForwardProxy();
    const { get, logged } = await startGateway(
      upstream.url,
      `retry: false, breaker: false, proxyRotate: { proxies: ["${url}"], cooldownMs: 1 }`,
    );
    await get();
    await logged(
      `egress proxy "${name}" to ${upstream.url} is cooling down for 1 s: status 429 of ${new URL(upstream.url).host}`,
    );
    for (let code = 0; code !== 200; ) code = (await get()).status;
    const line = await logged(`egress proxy "${name}" to ${upstream.url} has recovered`);
    expect(line).to.include({ level: 'info', api: 'x', proxy: name, origin: upstream.url });
  });

  it('says that an advertised rate limit is exhausted, and available again', async () => {
    const limited = text('1', {
      'RateLimit-Limit': '1',
      'RateLimit-Remaining': '0',
      'RateLimit-Reset': '0.2',
    });
    const upstream = await startUpstream([limited, text('2')]);
    const { get, logged } = await startGateway(upstream.url, 'retry: false, rateLimit: {}');
    await get();
    expect(await logged('the advertised rate limit of "x" is exhausted; it resets in 1 s')).to.include({
      level: 'warn',
      api: 'x',
      credential: '',
    });
    for (let code = 0; code !== 200; ) code = (await get()).status;
    expect(await logged('the advertised rate limit of "x" is available again')).to.include({ level: 'info' });
  });

  it('says once that the retry budget is spent', async () => {
    const upstream = await startUpstream(status(503));
    const { get, logged, count } = await startGateway(
      upstream.url,
      'breaker: false, retry: { maxAttempts: 10, initialDelayMs: 1, maxDelayMs: 1, budgetRatio: 0.1 }',
    );
    for (let i = 0; i < 5; i++) await get();
    const message = /^the retry budget of "x" is spent: some failed calls are not retried$/;
    expect(await logged(message)).to.include({ level: 'warn', api: 'x' });
    expect(count(message)).to.equal(1);
  });

  it('has the status of the upstream and the number of attempts of a failed call', async () => {
    const upstream = await startUpstream([status(502), status(503)]);
    const { get, logged } = await startGateway(upstream.url, 'retry: { maxAttempts: 2, initialDelayMs: 1 }');
    await get();
    const line = await logged('the upstream responded with 503 after 2 attempts');
    expect(line).to.include({ level: 'warn', api: 'x', status: 503, upstreamStatus: 503, attempts: 2 });
  });

  it('has the request id that the response of a failed admin route names', async () => {
    const { url, proxy, logged } = await startGateway('http://127.0.0.1:9', '');
    const list = () => {
      throw new Error('broken');
    };
    Object.assign(proxy.circuits, { list });
    const headers = { 'X-Request-Id': 'req-7' };
    const response = await call(`${url}/circuit-status`, { headers });
    expect([response.status, response.json()]).to.deep.equal([
      500,
      {
        error: 'The gateway failed (request id req-7; see the log)',
        code: 'ERR_INTERNAL',
        requestId: 'req-7',
      },
    ]);
    const line = await logged('an admin route failed');
    expect(line).to.include({ level: 'error', requestId: 'req-7', path: '/circuit-status' });
  });
});
