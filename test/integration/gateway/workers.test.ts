import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCommandLine, UsageError } from '../../../lib/gateway/command-line.js';
import { workerNotes } from '../../../lib/gateway/worker-notes.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, open } from '../../support/client.js';
import { buildGateway, GATEWAY_PROGRAM } from '../../support/gateway-program.js';
import { rawCall } from '../../support/raw-client.js';
import { startRedis } from '../../support/redis.js';
import { isRunning, type RunningGateway, runGateway } from '../../support/run-gateway.js';
import { until, within } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';

const ADMIN_TOKEN = 'a-token-that-nobody-guesses';
const TOKEN = { authorization: `Bearer ${ADMIN_TOKEN}` };
const WITHIN_MS = 10_000;

describe('the gateway with --workers', function withWorkers() {
  this.timeout(60_000);
  let folder = '';
  before(function build(this: Mocha.Context) {
    buildGateway.call(this);
    folder = mkdtempSync(join(tmpdir(), 'workers-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = join('apis.yaml');
  const configure = (text: string): string => {
    const path = join(folder, file);
    writeFileSync(path, text);
    return path;
  };

  /** A gateway of two workers in front of an upstream, `x`, with options of the API as YAML in one line. */
  async function start({
    api = '',
    top = '',
    server = '',
    transport = 'auto',
    workers = '2',
    detached = false,
    target = '',
  } = {}) {
    const upstream = await startUpstream((req, res) => {
      const { url = '' } = req;
      req
        .resume()
        .on('end', () => (url.startsWith('/slow') ? setTimeout(() => res.end('ok'), 150) : res.end('ok')));
    });
    const text = (more: string) =>
      `${top}\nserver: { port: 0, ${server} }\napis: { x: { target: "${target || upstream.url}", retry: false, transport: ${transport}, ${more} } }`;
    const config = configure(text(api));
    const gateway = await runGateway(['--config', config, '--workers', workers], {
      env: { ADMIN_TOKEN },
      detached,
    });
    await until(() => gateway.workers.length >= Number(workers), 'the workers', WITHIN_MS);
    return { gateway, upstream, text };
  }

  const json = async ({ url }: RunningGateway, path: string) =>
    Object((await call(`${url}${path}`, { headers: TOKEN })).json());
  const metric = async ({ url }: RunningGateway, line: RegExp) =>
    Number(line.exec((await call(`${url}/metrics`, { headers: TOKEN })).text)?.[1]);
  const said = ({ logs }: RunningGateway, message: RegExp) =>
    logs.filter(({ msg }) => message.test(String(msg)));

  it('refuses a number that is none', () => {
    for (const workers of ['0', '-1', 'two', '1.5', '513'])
      expect(() => readCommandLine(['--demo', `--workers=${workers}`])).to.throw(
        UsageError,
        '--workers must be',
      );
    expect(readCommandLine(['--demo', '--workers', 'auto']).workers).to.be.greaterThan(0);
    expect(readCommandLine(['--demo']).workers).to.equal(undefined);
  });

  it('says in --check what workers do not share', () => {
    const config = {
      apis: {
        x: { target: 'http://127.0.0.1:9', cache: {}, concurrency: { limit: 5 }, retry: false as const },
        y: { target: 'http://127.0.0.1:9', rateLimit: { limit: 5 }, retry: false as const },
      },
    };
    expect(workerNotes(config, 3)).to.deep.equal([
      'each worker has a cache of its own, and requests by itself what it has not stored (x)',
      'calls that wait for a place wait in their worker: concurrency.queue is for each (x)',
      'calls that wait for a limit wait in their worker: rateLimit.maxQueue is for each (y)',
    ]);
    expect(workerNotes({ ...config, redis: 'redis://127.0.0.1:1' }, 3)).to.have.length(2);
    expect(workerNotes(config, 1)).to.deep.equal([]);
    const text = configure('apis: { x: { target: "http://127.0.0.1:9", cache: {} } }');
    const checked = execFileSync(process.execPath, [
      ...GATEWAY_PROGRAM,
      '--config',
      text,
      '--check',
      '--workers',
      '2',
    ]);
    expect(String(checked))
      .to.match(/^2 workers: circuits, limits and statistics are kept for all of them by the primary/m)
      .and.match(/^ {2}not shared: each worker has a cache of its own/m);
  });

  it('tells the id of a request once, whichever process responds', async () => {
    const { gateway } = await start();
    const wrong = { authorization: 'Bearer wrong' };
    for (const [path, headers, expected] of [
      ['/health', {}, 200],
      ['/metrics', TOKEN, 200],
      ['/metrics', wrong, 401],
      ['/api/nobody/a', {}, 404],
      ['/metrics', { origin: 'https://evil.example' }, 403],
    ] as const) {
      const response = await call(`${gateway.url}${path}`, {
        headers: { ...headers, 'x-request-id': 'mine' },
      });
      expect([response.status, response.lines('x-request-id')]).to.deep.equal([expected, ['mine']]);
      if (expected >= 400) expect(response.json()).to.include({ requestId: 'mine' });
    }
  });

  for (const transport of ['undici', 'node'])
    it(`counts the calls of all workers on one page, by the transport ${transport}`, async () => {
      const { gateway } = await start({ transport });
      // Each comes over a connection of its own: they are dealt out.
      for (let i = 0; i < 20; i++) expect((await call(`${gateway.url}/api/x/a`)).text).to.equal('ok');
      const { stats } = await json(gateway, '/api-stats?api=x');
      expect([stats.total, stats.success]).to.deep.equal([20, 20]);
      expect(await metric(gateway, /calls_total\{api="x",method="GET",code="200"\} (\d+)/)).to.equal(20);
      expect(
        await metric(
          gateway,
          /call_duration_seconds_count\{api="x",verdict="none",status_class="2xx"\} (\d+)/,
        ),
      ).to.equal(20);
    });

  it('serves its pages from one process, whichever worker is asked', async () => {
    const { gateway } = await start();
    for (let i = 0; i < 4; i++) {
      const page = await call(`${gateway.url}/stats-dashboard/`, { headers: TOKEN });
      expect([page.status, page.headers['content-type']]).to.deep.equal([200, 'text/html; charset=utf-8']);
      expect((await call(`${gateway.url}/stats-dashboard/`)).status).to.equal(401);
      expect((await call(`${gateway.url}/health`)).json()).to.deep.equal({ status: 'ok' });
    }
    const openMetrics = { ...TOKEN, accept: 'application/openmetrics-text; version=1.0.0' };
    const scraped = await call(`${gateway.url}/metrics`, { headers: openMetrics });
    expect(scraped.headers['content-type']).to.match(/^application\/openmetrics-text/);
    expect(scraped.text).to.match(/# EOF\s*$/);
  });

  it('responds to the check of a balancer that speaks HTTP/1.0 and names no host', async () => {
    const { gateway } = await start();
    const port = Number(new URL(gateway.url).port);
    const check = (version: string) =>
      within(rawCall(port, `GET /health/ready HTTP/${version}\r\nConnection: close\r\n\r\n`), 'a response');
    expect(await check('1.0')).to.match(/^HTTP\/1\.1 200 [\s\S]*\{"status":"ok"\}$/);
    expect(await check('1.1')).to.match(/^HTTP\/1\.1 400 /);
  });

  it('keeps a limit over all workers, and shows what is left of it', async () => {
    const { gateway, upstream } = await start({
      api: 'rateLimit: { limit: 10, windowMs: 60000}',
    });
    const calls = Array.from({ length: 30 }, () => call(`${gateway.url}/api/x/a`));
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).to.have.length(10);
    expect(statuses.filter((status) => status === 429)).to.have.length(20);
    expect(upstream.requests).to.have.length(10);
    expect((await json(gateway, '/egress-status')).quotas[0]).to.include({ limit: 10, remaining: 0 });
  });

  it('counts on where a limit changes, whichever of its options do', async () => {
    const { gateway, text } = await start({ api: 'rateLimit: { limit: 4, windowMs: 60000 }' });
    const statuses = async (calls: number) => {
      const all = Array.from({ length: calls }, () => call(`${gateway.url}/api/x/a`));
      return (await Promise.all(all)).map(({ status }) => status).sort();
    };
    const left = async () => (await json(gateway, '/egress-status')).quotas[0];
    // The primary reads the file first, and the workers after it.
    const change = async (options: string) => {
      const reloads = said(gateway, /^configuration reloaded$/).length;
      configure(text(`rateLimit: { ${options} }`));
      await until(() => said(gateway, /^configuration reloaded$/).length > reloads, 'the reload', WITHIN_MS);
    };
    expect(await statuses(5)).to.deep.equal([200, 200, 200, 200, 429]);
    await change('limit: 6, windowMs: 60000');
    expect(await left()).to.include({ limit: 6, remaining: 2 });
    expect(await statuses(1)).to.deep.equal([200]);
    expect(await left()).to.include({ limit: 6, remaining: 1 });
    await change('limit: 6, windowMs: 60000, maxQueue: 7');
    expect(await statuses(3)).to.deep.equal([200, 429, 429]);
    expect(await left()).to.include({ limit: 6, remaining: 0 });
  });

  it('keeps a limit that the API advertises over all workers', async () => {
    let served = 0;
    const api = await startUpstream((req, res) => {
      const left = Math.max(0, 5 - ++served);
      res
        .setHeader('RateLimit', `"default";r=${left};t=60`)
        .setHeader('RateLimit-Policy', '"default";q=5;w=60');
      req.resume().on('end', () => res.end('ok'));
    });
    const { gateway } = await start({ api: 'rateLimit: {}', target: api.url });
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await call(`${gateway.url}/api/x/a`)).status);
    expect(statuses.filter((status) => status === 200)).to.have.length(5);
    expect(api.requests).to.have.length(5);
  });

  it('keeps a limit of requests in flight over all workers', async () => {
    let most = 0;
    let open = 0;
    const api = await startUpstream((req, res) => {
      most = Math.max(most, ++open);
      req.resume().on('end', () =>
        setTimeout(() => {
          open--;
          res.end('ok');
        }, 20),
      );
    });
    const { gateway } = await start({ api: 'concurrency: { limit: 4 }', target: api.url });
    const calls = Array.from({ length: 40 }, () => call(`${gateway.url}/api/x/a`));
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(new Set(statuses)).to.deep.equal(new Set([200]));
    expect(most).to.be.within(3, 4);
  });

  it('opens and closes the circuit of all workers together, and obeys the page', async () => {
    let fails = true;
    const api = await startUpstream((req, res) => {
      req.resume().on('end', () => res.writeHead(fails ? 500 : 200).end());
    });
    const { gateway } = await start({ api: 'breaker: { resetTimeoutMs: 600 }', target: api.url });
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) statuses.push((await call(`${gateway.url}/api/x/a`)).status);
    expect(statuses.slice(0, 5)).to.deep.equal([500, 500, 500, 500, 500]);
    // The news of a failure may be on its way while the next call comes in.
    expect(new Set(statuses.slice(8))).to.deep.equal(new Set([503]));
    expect(api.requests.length).to.be.within(5, 8);
    const { circuits } = await json(gateway, '/circuit-status');
    expect(circuits[0]).to.include({ target: 'x', state: 'OPEN', scope: 'fleet' });
    expect(said(gateway, /^circuit "x" opened/)).to.have.length(1);
    const health = await json(gateway, '/health?verbose=1');
    expect(health.processes).to.equal(2);
    expect(health.apis.x).to.include({ state: 'OPEN', scope: 'machine' });
    fails = false;
    const closed = async () => (await json(gateway, '/circuit-status')).circuits[0].state === 'CLOSED';
    while (!(await closed())) await call(`${gateway.url}/api/x/a`);
    const later = Array.from({ length: 6 }, () => call(`${gateway.url}/api/x/a`));
    expect((await Promise.all(later)).map(({ status }) => status)).to.deep.equal([
      200, 200, 200, 200, 200, 200,
    ]);
    const forced = await call(`${gateway.url}/cb-dashboard/actions/open?circuit=x`, {
      method: 'POST',
      headers: { ...TOKEN, 'x-dashboard-action': '1' },
    });
    expect(forced.status).to.equal(200);
    const refused = Array.from({ length: 6 }, () => call(`${gateway.url}/api/x/a`));
    expect((await Promise.all(refused)).map(({ status }) => status)).to.deep.equal([
      503, 503, 503, 503, 503, 503,
    ]);
  });

  it('divides a limit among the workers, and counts them, where Redis is lost', async () => {
    const redis = await startRedis();
    const { gateway, upstream } = await start({
      top: `redis: { url: "${redis.url}", onStoreLoss: divided }`,
      api: 'rateLimit: { limit: 10, windowMs: 60000 }, breaker: false',
    });
    const health = () => json(gateway, '/health?verbose=1');
    const heardAt = async (): Promise<number[]> => {
      const all = await redis.control.zrange('{rpo}processes', '0', '-1', 'WITHSCORES');
      return all.filter((_, at) => at % 2 === 1).map(Number);
    };
    let heard: number[] = [];
    while (heard.length < 2) heard = await heardAt();
    const bothAt = Math.max(...heard);
    // What a worker has heard since then has the other one in it. The primary does not serve.
    while (Math.min(...heard) <= bothAt) heard = await heardAt();
    expect(heard).to.have.length(2);
    while ((await health()).redis.processes !== 2);
    expect((await health()).processes).to.equal(2);
    await redis.kill();
    while ((await health()).redis.state !== 'down');
    const calls = Array.from({ length: 40 }, () => call(`${gateway.url}/api/x/a`));
    await Promise.all(calls);
    expect(upstream.requests).to.have.length(10);
  });

  it('removes what is stored from the caches of all workers', async () => {
    const { gateway, upstream } = await start({ api: 'cache: { ttlMs: 60000 }' });
    const ten = () => Promise.all(Array.from({ length: 10 }, () => call(`${gateway.url}/api/x/a`)));
    for (let i = 0; i < 3; i++) await ten();
    // Each worker has a cache of its own.
    expect(upstream.requests).to.have.length(2);
    const purge = await call(`${gateway.url}/cache/purge`, {
      method: 'POST',
      headers: { ...TOKEN, 'content-type': 'application/json' },
      body: '{"api":"x","prefix":"/"}',
    });
    expect(purge.json()).to.deep.equal({ api: 'x', purged: 2 });
    await ten();
    expect(upstream.requests).to.have.length(4);
    const unsafe = await call(`${gateway.url}/api/x/a`, { method: 'DELETE' });
    expect(unsafe.status).to.equal(200);
    // The worker that had the request tells the others of it.
    for (let rounds = 0; upstream.requests.length < 7 && rounds < 50; rounds++) await ten();
    expect(upstream.requests).to.have.length(7);
    const { caches } = await json(gateway, '/cache-status');
    expect(caches).to.have.length(1);
    expect(caches[0]).to.include({ api: 'x', misses: 6, entries: 2 });
  });

  it('lets workers have no more threads of V8 than there are cores, unless told how many', async () => {
    const config = configure('server: { port: 0 }\napis: { x: { target: "http://127.0.0.1:1" } }');
    const workers = availableParallelism();
    const optionsOf = async (nodeOptions: string) => {
      const env = { NODE_OPTIONS: nodeOptions };
      const gateway = await runGateway(['--config', config, '--workers', `${workers}`], { env });
      await until(() => gateway.workers.length === workers, 'the workers', WITHIN_MS);
      const options = gateway.workers.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
      return new Set(options.map((words) => words.filter((word) => word.startsWith('--v8')).join()));
    };
    expect([...(await optionsOf(''))]).to.deep.equal(['--v8-pool-size=1']);
    expect([...(await optionsOf('--v8-pool-size=2'))]).to.deep.equal(['']);
  });

  it('replaces a worker that was killed, and forgets nothing that was read', async () => {
    const { gateway } = await start();
    for (let i = 0; i < 10; i++) await call(`${gateway.url}/api/x/a`);
    const counted = /calls_total\{api="x",method="GET",code="200"\} (\d+)/;
    expect(await metric(gateway, counted)).to.equal(10);
    expect((await json(gateway, '/api-stats?api=x')).stats.total).to.equal(10);
    const [killed = 0] = gateway.workers;
    process.kill(killed, 'SIGKILL');
    await until(() => gateway.workers.length === 3, 'another worker', WITHIN_MS);
    const [ended] = said(gateway, /^a worker ended by SIGKILL; another one starts at once$/);
    expect(ended).to.include({ level: 'error', worker: killed });
    for (let i = 0; i < 10; i++) expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
    expect(await metric(gateway, counted)).to.equal(20);
    expect((await json(gateway, '/api-stats?api=x')).stats.total).to.equal(20);
  });

  it('waits longer each time before it replaces a worker that ends again and again', async () => {
    const { gateway } = await start({ workers: '1' });
    for (let life = 1; life <= 4; life++) {
      await until(() => gateway.workers.length === life, 'a worker', WITHIN_MS);
      process.kill(gateway.workers.at(-1) ?? 0, 'SIGKILL');
    }
    await until(() => gateway.workers.length === 5, 'a worker', WITHIN_MS);
    const pauses = said(gateway, /^a worker ended/).map(({ pauseMs }) => pauseMs);
    expect(pauses).to.deep.equal([0, 100, 200, 400]);
    expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
  });

  for (const transport of ['undici', 'node'])
    it(`replaces all workers on SIGUSR2 without losing a call, by the transport ${transport}`, async () => {
      const { gateway, upstream } = await start({ transport });
      const agent = new Agent({ keepAlive: true });
      let over = false;
      const results: string[] = [];
      const client = async (method: string, path: string): Promise<void> => {
        while (!over) {
          const body = method === 'POST' ? 'body' : undefined;
          const done = call(`${gateway.url}${path}`, { agent, method, ...(body && { body }) });
          results.push(await done.then(({ status, text }) => `${status} ${text}`, String));
        }
      };
      const clients = [
        ...['/api/x/a', '/api/x/slow'].flatMap((path) => [client('GET', path), client('POST', path)]),
      ];
      process.kill(gateway.pid, 'SIGUSR2');
      await until(() => said(gateway, /^the workers were replaced$/).length > 0, 'the end', 20_000);
      over = true;
      await Promise.all(clients);
      agent.destroy();
      expect(new Set(results)).to.deep.equal(new Set(['200 ok']));
      expect(gateway.workers).to.have.length(4);
      expect(gateway.workers.map(isRunning)).to.deep.equal([false, false, true, true]);
      expect(upstream.requests).to.have.length(results.length);
      expect((await json(gateway, '/api-stats?api=x')).stats.total).to.equal(results.length);
      expect(await metric(gateway, /attempts_total\{api="x",proxy="direct",outcome="200"\} (\d+)/)).to.equal(
        results.length,
      );
      expect(said(gateway, /./).filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal(
        [],
      );
    });

  for (const which of [0, 1]) {
    it(`has as many as before when worker ${which} ends while they are being replaced`, async () => {
      const { gateway } = await start();
      const [first = 0, second = 0] = [...gateway.workers].sort((a, b) => a - b);
      process.kill(gateway.pid, 'SIGUSR2');
      await until(() => said(gateway, /^replacing the workers/).length > 0, 'the signal', WITHIN_MS);
      process.kill(which === 0 ? first : second, 'SIGKILL');
      await until(() => said(gateway, /^the workers were replaced$/).length > 0, 'the end', WITHIN_MS);
      await until(() => gateway.workers.filter(isRunning).length === 2, 'two workers', WITHIN_MS);
      expect([first, second].map(isRunning)).to.deep.equal([false, false]);
      const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(gateway.pid)]);
      expect(String(children).trim().split(/\s+/)).to.have.length(2);
    });
  }

  it('goes on starting a worker whose port another program has taken meanwhile, and says why', async () => {
    const { gateway } = await start({ workers: '1' });
    process.kill(gateway.workers[0] ?? 0, 'SIGKILL');
    const other = createServer();
    onCleanup(() => other.close());
    const take = () => other.listen({ port: gateway.port, host: '127.0.0.1' });
    // Until the primary has closed its own.
    other.on('error', () => setImmediate(take));
    take();
    await until(() => other.listening, 'the port', WITHIN_MS);
    const refused = /^a worker could not start: port \d+ of 127\.0\.0\.1 is in use.*another one starts/;
    await until(() => said(gateway, refused).length > 1, 'lines about the port', WITHIN_MS);
    other.close();
    await until(() => gateway.workers.length === 2, 'a worker', WITHIN_MS);
    expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
  });

  it('goes on starting a worker that lacks a file which the configuration names, and says so', async () => {
    const secret = join(folder, 'secret');
    writeFileSync(secret, 'k1');
    const { gateway } = await start({ api: `headers: { k: "\${file:${secret}}" }` });
    rmSync(secret);
    await until(() => said(gateway, /was not reloaded/).length > 0, 'a refused reload', WITHIN_MS);
    process.kill(gateway.workers[0] ?? 0, 'SIGKILL');
    const lacking = /^a worker could not start: .*needs the file .*secret, which does not exist/;
    await until(() => said(gateway, lacking).length > 1, 'lines about the file', WITHIN_MS);
    expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
    writeFileSync(secret, 'k2');
    await until(() => gateway.workers.filter(isRunning).length === 2, 'a worker', WITHIN_MS);
  });

  it('replaces a worker that was told to end, which ends behind its calls', async () => {
    const { gateway, upstream } = await start({ workers: '1' });
    const slow = call(`${gateway.url}/api/x/slow`);
    await until(() => upstream.requests.length === 1);
    const [old = 0] = gateway.workers;
    process.kill(old, 'SIGTERM');
    expect((await slow).text).to.equal('ok');
    await until(() => gateway.workers.length === 2 && !isRunning(old), 'another worker', WITHIN_MS);
    expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
  });

  it('loads a changed file in every worker, and a new worker what is in service', async () => {
    const { gateway, text } = await start();
    configure(`${text('')}\n# changed\n  `.replace('x: {', 'x: { headers: { x-now: two },'));
    await until(() => said(gateway, /^configuration reloaded$/).length === 1, 'the reload', WITHIN_MS);
    configure('apis: { x: { ');
    await until(() => said(gateway, /^the configuration was not reloaded/).length === 1, 'it', WITHIN_MS);
    process.kill(gateway.workers[0] ?? 0, 'SIGKILL');
    await until(() => gateway.workers.length === 3, 'another worker', WITHIN_MS);
    for (let i = 0; i < 6; i++) expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
    expect((await json(gateway, '/health?verbose=1')).config).to.include({ reloads: 1, failedReloads: 1 });
  });

  it('lets the calls in progress end at SIGTERM, and leaves no process behind', async () => {
    const { gateway } = await start();
    const slow = [1, 2, 3, 4].map(() => call(`${gateway.url}/api/x/slow`));
    const stream = await open(`${gateway.url}/stats-dashboard/events`, { headers: TOKEN });
    stream.res.resume();
    process.kill(gateway.pid, 'SIGTERM');
    expect((await Promise.all(slow)).map(({ text }) => text)).to.deep.equal(['ok', 'ok', 'ok', 'ok']);
    expect(await within(gateway.ended, 'the end', WITHIN_MS)).to.equal(0);
    expect(gateway.workers.map(isRunning)).to.deep.equal([false, false]);
    expect(said(gateway, /./).filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('ends at SIGTERM without delay while a new worker starts', async () => {
    const { gateway } = await start();
    process.kill(gateway.pid, 'SIGUSR2');
    await until(() => said(gateway, /^replacing the workers/).length > 0, 'the signal', WITHIN_MS);
    process.kill(gateway.pid, 'SIGTERM');
    expect(await within(gateway.ended, 'the end', WITHIN_MS)).to.equal(0);
    expect(said(gateway, /./).filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([]);
  });

  it('kills a worker that hangs when it is to be replaced, and says so', async () => {
    const { gateway } = await start({ workers: '1', server: 'drainDelayMs: 0, shutdownTimeoutMs: 1' });
    const [hanging = 0] = gateway.workers;
    process.kill(hanging, 'SIGSTOP');
    process.kill(gateway.pid, 'SIGUSR2');
    await until(() => said(gateway, /^replacing the workers/).length > 0, 'the signal', WITHIN_MS);
    process.kill(gateway.pid, 'SIGUSR2');
    await until(() => said(gateway, /^the workers were replaced$/).length > 0, 'the end', 20_000);
    expect(said(gateway, /is killed$/).map(({ worker }) => worker)).to.deep.equal([hanging]);
    expect(said(gateway, /being replaced already/)).to.have.length(1);
    expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
  });

  it('tells of a worker that does not respond, for as long as that lasts', async () => {
    const { gateway } = await start();
    const [stopped = 0] = gateway.workers;
    // One of the two may be dealt to the worker that is stopped.
    const problems = () =>
      Promise.any([1, 2].map(async () => (await json(gateway, '/health?verbose=1')).problems));
    process.kill(stopped, 'SIGSTOP');
    await until(() => said(gateway, /^a worker does not respond: /).length > 0, 'the silence', 30_000);
    const why = 'its event loop is blocked, or it is stopped';
    expect(said(gateway, /^a worker does not respond/)).to.have.length(1);
    expect(said(gateway, /^a worker does not respond/)[0]).to.include({ worker: stopped, level: 'warn' });
    const [problem, ...others] = await problems();
    expect(problem.replace(/ \d+ s/, ' N s')).to.equal(`worker ${stopped} has not responded for N s: ${why}`);
    expect(others).to.deep.equal([]);
    process.kill(stopped, 'SIGCONT');
    await until(() => said(gateway, /^a worker responds again$/).length > 0, 'its response', WITHIN_MS);
    expect(await problems()).to.deep.equal([]);
    expect(gateway.workers).to.have.length(2);
  });

  it('says 503 for its health while it leaves, and still serves', async () => {
    const { gateway } = await start({ server: 'drainDelayMs: 1000' });
    process.kill(gateway.pid, 'SIGTERM');
    await until(() => said(gateway, /^shutting down$/).length > 0, 'the signal');
    const ready = await call(`${gateway.url}/health/ready`);
    expect([ready.status, ready.headers.connection]).to.deep.equal([503, 'close']);
    expect((await call(`${gateway.url}/api/x/a`)).status).to.equal(200);
    expect(await within(gateway.ended, 'the end', WITHIN_MS)).to.equal(0);
  });

  it('ends at Ctrl-C, which all processes of a terminal get', async () => {
    const { gateway, upstream } = await start({ detached: true });
    const slow = call(`${gateway.url}/api/x/slow`);
    await until(() => upstream.requests.length === 1);
    process.kill(-gateway.pid, 'SIGINT');
    expect((await slow).text).to.equal('ok');
    expect(await within(gateway.ended, 'the end', WITHIN_MS)).to.equal(0);
    expect(gateway.workers.map(isRunning)).to.deep.equal([false, false]);
  });

  it('takes its workers with it when it is killed', async () => {
    const { gateway } = await start();
    process.kill(gateway.pid, 'SIGKILL');
    await until(() => !gateway.workers.some(isRunning), 'the end of the workers', WITHIN_MS);
  });

  it('says what is wrong with its port once, and ends', async () => {
    const { gateway } = await start();
    const second = runGateway(['--demo', '--workers', '2', '--port', String(gateway.port)]);
    const message = await second.then(() => '', String);
    expect(message.match(/port \d+ of 127\.0\.0\.1 is in use; choose another with --port/g)).to.have.length(
      1,
    );
  });
});
