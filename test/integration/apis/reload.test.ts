import { spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { InvalidOptionError } from '../../../lib/core/errors.js';
import { type ManyApisConfig, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, open, responseOf } from '../../support/client.js';
import { buildGateway, GATEWAY_PROGRAM } from '../../support/gateway-program.js';
import { listening } from '../../support/listening.js';
import { serve } from '../../support/serve.js';
import { eventOf, until } from '../../support/until.js';
import { json, startUpstream, status, text } from '../../support/upstream.js';

async function startProxy(config: ManyApisConfig) {
  const proxy = resilientProxy(config);
  onCleanup(() => proxy.close());
  return { proxy, ...(await serve(proxy, { upgrade: proxy.upgrade })) };
}

const quiet = { retry: false } as const;

describe('resilientProxy().update()', () => {
  it('adds and removes APIs, and lists them', async () => {
    const upstream = await startUpstream(text('hello'));
    const { proxy, url } = await startProxy({ apis: { a: { target: upstream.url, ...quiet } } });
    const report = proxy.update({ apis: { b: { target: upstream.url, ...quiet } } });
    expect(report).to.deep.equal({ added: ['b'], removed: ['a'], changed: {}, needsRestart: [] });
    expect((await call(`${url}/b/x`)).text).to.equal('hello');
    expect((await call(`${url}/a/x`)).status).to.equal(404);
    expect(proxy.circuits.list().map(({ circuit }) => circuit)).to.deep.equal(['b']);
    expect(await proxy.stats?.apis()).to.deep.equal(['b', '(unknown)']);
  });

  it('keeps an API whose options are as they were, though in another order and in other objects', async () => {
    const options = () => ({ target: 'http://127.0.0.1:9', breaker: { windowMs: 5000, minimumRequests: 3 } });
    const { proxy } = await startProxy({ apis: { a: options() } });
    const before = proxy.apis.get('a');
    const turned = {
      breaker: { minimumRequests: 3, windowMs: 5000 },
      target: 'http://127.0.0.1:9',
      retry: undefined,
    };
    expect(proxy.update({ apis: { a: turned } }).changed).to.deep.equal({});
    expect(proxy.apis.get('a')).to.equal(before);
  });

  it('keeps an open circuit and stored responses when another part changed', async () => {
    const upstream = await startUpstream(text('stored'));
    const a = { target: upstream.url, cache: { ttlMs: 60_000 } };
    const { proxy, url } = await startProxy({ apis: { a } });
    await call(`${url}/a/x`);
    proxy.apis.get('a')?.breaker?.forceOpen();
    const report = proxy.update({ apis: { a: { ...a, retry: { maxAttempts: 2 } } } });
    expect(report.changed).to.deep.equal({ a: ['retry'] });
    expect(proxy.apis.get('a')?.breaker?.state).to.equal('OPEN');
    expect((await call(`${url}/a/x`)).text).to.equal('stored');
    expect((await call(`${url}/a/y`)).status).to.equal(503);
    expect(upstream.requests).to.have.length(1);
  });

  it('keeps an open circuit if its options changed, and starts everything anew for another target', async () => {
    const first = await startUpstream(text('first'));
    const second = await startUpstream(text('second'));
    const a = { target: first.url, cache: { ttlMs: 60_000 }, rateLimit: {} };
    const { proxy, url } = await startProxy({ apis: { a } });
    await call(`${url}/a/x`);
    proxy.apis.get('a')?.breaker?.forceOpen();
    expect(proxy.update({ apis: { a: { ...a, breaker: { failureThreshold: 9 } } } }).changed).to.deep.equal({
      a: ['breaker'],
    });
    expect(proxy.circuits.list().map(({ state }) => state)).to.deep.equal(['OPEN']);
    const moved = proxy.update({ apis: { a: { ...a, target: second.url } } });
    expect(moved.changed.a).to.deep.equal(['cache', 'breaker', 'rateLimit', 'retry', 'forward']);
    expect((await call(`${url}/a/x`)).text).to.equal('second');
  });

  it('lets an open circuit stay so no longer than by its new options, and keeps what an operator has forced', async () => {
    const upstream = await startUpstream(status(503));
    const a = { target: upstream.url, ...quiet, breaker: { failureThreshold: 1, resetTimeoutMs: 60_000 } };
    const { proxy, url } = await startProxy({ apis: { a } });
    const circuit = () => proxy.circuits.list()[0];
    const update = (breaker: object) => proxy.update({ apis: { a: { ...a, breaker } } });
    await call(`${url}/a/x`);
    update({ failureThreshold: 2, resetTimeoutMs: 600_000 });
    expect(circuit()).to.include({ state: 'OPEN', lastFailure: 'status 503' });
    expect(circuit()?.timeToResetMs).to.be.within(1, 60_000);
    expect(circuit()?.transitions.map(({ to }) => to)).to.deep.equal(['OPEN']);
    expect((await call(`${url}/a/x`)).json()).to.include({ code: 'ERR_CIRCUIT_OPEN' });
    update({ failureThreshold: 2, resetTimeoutMs: 1 });
    await until(() => circuit()?.timeToResetMs === 0);
    // The probe, which fails.
    expect((await call(`${url}/a/x`)).text).to.equal('');
    expect(upstream.requests).to.have.length(2);
    proxy.apis.get('a')?.breaker?.forceOpen();
    update({ failureThreshold: 3, resetTimeoutMs: 1 });
    expect(circuit()).to.include({ state: 'OPEN', timeToResetMs: null });
    proxy.apis.get('a')?.breaker?.forceClose();
    expect(circuit()?.state).to.equal('CLOSED');
  });

  for (const algorithm of ['sliding', 'fixed', 'spaced'] as const)
    it(`counts on after a change of a limit: ${algorithm}`, async () => {
      const upstream = await startUpstream(text('x'));
      const a = { target: upstream.url, ...quiet };
      const limited = (limit: number) => ({
        apis: { a: { ...a, rateLimit: { limit, windowMs: 60_000, algorithm } } },
      });
      const { proxy, url } = await startProxy(limited(2));
      const statuses = async (calls: number) => {
        const all: number[] = [];
        for (let i = 0; i < calls; i++) all.push((await call(`${url}/a/x`)).status);
        return all;
      };
      await statuses(3);
      expect(proxy.update(limited(3)).changed).to.deep.equal({ a: ['rateLimit'] });
      // Evenly spaced, the next one would have to wait.
      expect(await statuses(2)).to.deep.equal(algorithm === 'spaced' ? [429, 429] : [200, 429]);
      proxy.update(limited(1));
      expect(await statuses(1)).to.deep.equal([429]);
      expect(proxy.apis.get('a')?.rateLimit?.quotas()).to.have.length(1);
      const other = await startUpstream(text('other'));
      proxy.update({ apis: { a: { ...limited(2).apis.a, target: other.url } } });
      expect((await statuses(1))[0]).to.equal(200);
    });

  it('goes on to keep what an API has said of its limit, unless how that is read has changed', async () => {
    const upstream = await startUpstream((req, res) => {
      res.writeHead(429, { 'retry-after': '60' });
      req.resume().on('end', () => res.end());
    });
    const a = { target: upstream.url, ...quiet, breaker: false as const };
    const { proxy, url } = await startProxy({ apis: { a: { ...a, rateLimit: {} } } });
    const exhausted: (string | undefined)[] = [];
    const listen = () =>
      proxy.apis.get('a')?.rateLimit?.on('limitExhausted', ({ limit }) => exhausted.push(limit));
    await call(`${url}/a/x`);
    proxy.update({ apis: { a: { ...a, rateLimit: { limit: 100, windowMs: 60_000 } } } });
    listen();
    expect((await call(`${url}/a/x`)).status).to.equal(429);
    expect(upstream.requests).to.have.length(1);
    // What is learned from now on is told by the one in service.
    await call(`${url}/a/y`);
    expect(upstream.requests).to.have.length(2);
    expect(exhausted).to.have.length(1);
    proxy.update({ apis: { a: { ...a, rateLimit: { limit: 100, windowMs: 60_000, maxPauseMs: 1000 } } } });
    await call(`${url}/a/x`);
    expect(upstream.requests).to.have.length(3);
  });

  it('counts on for calls that an update has met on their way', async () => {
    const held: (() => void)[] = [];
    const upstream = await startUpstream((req, res) => {
      req.resume();
      held.push(() => res.end('late'));
    });
    const limited = (limit: number) => ({
      apis: { a: { target: upstream.url, ...quiet, rateLimit: { limit, windowMs: 60_000 } } },
    });
    const { proxy, url } = await startProxy(limited(2));
    const under = [call(`${url}/a/1`), call(`${url}/a/2`)];
    await until(() => held.length === 2);
    proxy.update(limited(3));
    const third = call(`${url}/a/3`);
    await until(() => held.length === 3);
    expect((await call(`${url}/a/4`)).status).to.equal(429);
    for (const end of held) end();
    expect((await Promise.all([...under, third])).map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    // The part that was replaced has been closed by now.
    expect((await call(`${url}/a/5`)).status).to.equal(429);
  });

  it('detects a change made inside the object that it was given before', async () => {
    const config = { apis: { a: { target: 'http://127.0.0.1:9', breaker: { failureThreshold: 2 } } } };
    const { proxy } = await startProxy(config);
    config.apis.a.breaker.failureThreshold = 3;
    expect(proxy.update(config).changed).to.deep.equal({ a: ['breaker'] });
  });

  it('forgets stored responses when the requests to the target change, but not for another limit on connections', async () => {
    const upstream = await startUpstream(text('x'));
    const a = { target: upstream.url, cache: { ttlMs: 60_000 }, ...quiet };
    const { proxy, url } = await startProxy({ apis: { a } });
    await call(`${url}/a/x`);
    expect(proxy.update({ apis: { a: { ...a, connections: 3 } } }).changed).to.deep.equal({ a: ['forward'] });
    await call(`${url}/a/x`);
    expect(upstream.requests).to.have.length(1);
    const headers = { 'X-Key': 'other' };
    expect(proxy.update({ apis: { a: { ...a, headers } } }).changed).to.deep.equal({
      a: ['cache', 'forward'],
    });
    await call(`${url}/a/x`);
    expect(upstream.requests).to.have.length(2);
  });

  it('changes nothing if any part of the configuration is not valid', async () => {
    const upstream = await startUpstream(text('hello'));
    const a = { target: upstream.url, ...quiet };
    const { proxy, url } = await startProxy({ apis: { a } });
    const before = [...proxy.apis.entries()];
    const wrong = { apis: { a: { ...a, retry: {} }, b: { ...a, breaker: { failureThreshold: 0 } } } };
    expect(() => proxy.update(wrong)).to.throw(InvalidOptionError, /^apis\.b\.breaker\.failureThreshold /);
    const plugin = () => {
      throw new Error('a plugin that fails');
    };
    expect(() => proxy.update({ apis: { a: { ...a, retry: {} }, b: { ...a, plugins: [plugin] } } })).to.throw(
      'a plugin that fails',
    );
    expect([...proxy.apis.entries()]).to.deep.equal(before);
    expect((await call(`${url}/a/x`)).text).to.equal('hello');
  });

  it('lets a call in progress end, and then closes the connections of a removed API', async () => {
    let finish = () => {};
    const upstream = await startUpstream((_req, res) => {
      res.write('begun ');
      finish = () => res.end('and ended');
    });
    const { proxy, url } = await startProxy({
      apis: { a: { target: upstream.url, keepAliveTimeoutMs: 60_000, ...quiet } },
    });
    const opened = await open(`${url}/a/x`);
    proxy.update({ apis: { b: { target: upstream.url } } });
    expect((await call(`${url}/a/x`)).status).to.equal(404);
    expect(upstream.connections.open).to.equal(1);
    finish();
    expect((await responseOf(opened)).text).to.equal('begun and ended');
    await until(() => upstream.connections.open === 0, 'the connection to be closed');
  });

  it('lets the revalidation of a stale response end before it closes', async () => {
    let finish = () => {};
    let finished: boolean | undefined;
    const upstream = await startUpstream([
      text('old'),
      (_req, res) => {
        finish = () => res.end('new');
        res.on('close', () => {
          finished = res.writableFinished;
        });
      },
    ]);
    const cache = { ttlMs: 1, staleWhileRevalidateMs: 60_000 };
    const { proxy, url } = await startProxy({
      apis: { a: { target: upstream.url, keepAliveTimeoutMs: 60_000, cache, ...quiet } },
    });
    await call(`${url}/a/x`);
    const storedAt = Date.now();
    await until(() => Date.now() > storedAt + 2);
    expect((await call(`${url}/a/x`)).text).to.equal('old');
    await until(() => upstream.requests.length === 2);
    proxy.update({ apis: { b: { target: upstream.url } } });
    // After one more round through the proxy.
    await call(`${url}/a/x`);
    finish();
    await until(() => upstream.connections.open === 0, 'the connection to be closed');
    expect(finished).to.equal(true);
  });

  it('leaves WebSockets of a removed API open until they close', async () => {
    const server = createServer();
    new WebSocketServer({ server }).on('connection', (socket) =>
      socket.on('message', (data) => socket.send(String(data))),
    );
    const { port } = await listening(server);
    const target = `http://127.0.0.1:${port}`;
    const { proxy, url } = await startProxy({ apis: { a: { target } } });
    const socket = new WebSocket(`${url.replace('http', 'ws')}/a/chat`);
    onCleanup(() => socket.terminate());
    await eventOf(socket, 'open');
    proxy.update({ apis: { b: { target } } });
    socket.send('still here');
    expect(String(await eventOf(socket, 'message'))).to.equal('still here');
  });

  it('keeps what all APIs share, and reports that it differs', async () => {
    const apis = { a: { target: 'http://127.0.0.1:9' } };
    const { proxy } = await startProxy({ apis, metrics: {} });
    const { stats } = proxy;
    const redis = 'redis://127.0.0.1:1';
    expect(proxy.update({ apis, metrics: {}, stats: false, redis }).needsRestart).to.deep.equal([
      'redis',
      'stats',
    ]);
    expect(proxy.stats).to.equal(stats);
  });

  it('is refused once the proxy is closed', async () => {
    const config = { apis: { a: { target: 'http://127.0.0.1:9' } } };
    const { proxy } = await startProxy(config);
    await proxy.close();
    expect(() => proxy.update(config)).to.throw('The proxy is shutting down');
  });
});

describe('the gateway with a file that changes', function changingFile() {
  this.timeout(40_000);
  before(buildGateway);

  async function startGateway(content: string) {
    const folder = mkdtempSync(join(tmpdir(), 'reload-'));
    onCleanup(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'apis.yaml');
    writeFileSync(file, content);
    const child = spawn(process.execPath, [...GATEWAY_PROGRAM, '--config', file, '--port', '0'], {
      env: { PATH: process.env.PATH, KEY: 's3cret' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onCleanup(() => child.kill('SIGKILL'));
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output.stderr += chunk;
    });
    await until(() => /http:\S+\n/.test(output.stdout), 'a URL', 15_000);
    const url = /http:\S+/.exec(output.stdout)?.[0] ?? '';
    const logged = (pattern: RegExp) =>
      until(() => pattern.test(output.stderr), `${pattern} in the log: ${output.stderr}`, 10_000);
    const health = async () => (await call(`${url}/health?verbose=1`)).json() as Record<string, unknown>;
    /** As editors do: a new file is renamed over it. */
    const replace = (next: string) => {
      writeFileSync(`${file}.new`, next);
      renameSync(`${file}.new`, file);
    };
    return { child, url, file, output, logged, health, replace };
  }

  const apis = (target: string, name: string, server = '') =>
    `server: { ${server} }\napis: { ${name}: { target: "${target}", retry: false } }\n`;

  it('takes a file that is renamed over the old one, and one that is written in place', async () => {
    const upstream = await startUpstream(json({ ok: true }));
    const { url, file, logged, health, replace } = await startGateway(apis(upstream.url, 'a'));
    replace(apis(upstream.url, 'b', 'port: 1'));
    await logged(/configuration reloaded/);
    expect([(await call(`${url}/api/a/`)).status, (await call(`${url}/api/b/`)).status]).to.deep.equal([
      404, 200,
    ]);
    expect((await health()).warnings).to.deep.equal([]);
    writeFileSync(file, apis(upstream.url, 'c', 'headersTimeoutMs: 1000'));
    await logged(/configuration reloaded[\s\S]*configuration reloaded/);
    expect((await call(`${url}/api/c/`)).status).to.equal(200);
    expect((await health()).warnings).to.deep.equal([
      'server.headersTimeoutMs takes effect at the next start',
    ]);
  });

  it('keeps the current configuration if the file is not valid, missing or a directory, and says so', async () => {
    const upstream = await startUpstream(status(200));
    const { child, url, file, output, logged, health, replace } = await startGateway(apis(upstream.url, 'a'));
    replace(`apis:\n  a:\n    target: "${upstream.url}"\n    connections: \${KEY}\n`);
    await logged(/apis\.yaml: line 4: apis\.a\.connections must be/);
    const { config } = (await health()) as { config: { lastReload: { ok: boolean; message: string } } };
    expect(config).to.deep.include({ reloads: 0, failedReloads: 1 });
    expect(config.lastReload).to.include({ ok: false });
    expect(config.lastReload.message).to.include('line 4');
    rmSync(file);
    await logged(/does not exist/);
    replace('apis:\n\ta: 1\n');
    await logged(/tab in the indentation/);
    replace('apis: { a: { target: "http://x" }, a: { target: "http://y" } }\n');
    await logged(/duplicate key/);
    const page = (await call(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text' } })).text;
    expect(page).to.match(/^resilient_proxy_config_reloads_total\{result="failed"\} 4$/m);
    expect(page).to.match(/^resilient_proxy_config_last_reload_success 0$/m);
    expect((await call(`${url}/api/a/`)).status).to.equal(200);
    replace(apis(upstream.url, 'a'));
    await logged(/configuration reloaded/);
    child.kill('SIGHUP');
    await logged(/configuration reloaded[\s\S]*configuration reloaded/);
    const last = (await call(`${url}/metrics`)).text;
    expect(last).to.match(/^resilient_proxy_config_reloads_total\{result="ok"\} 2$/m);
    expect(output.stderr).not.to.include('s3cret');
  });

  it('reads the file only on SIGHUP if server.watch is false', async () => {
    const upstream = await startUpstream(status(200));
    const { child, url, logged, replace } = await startGateway(apis(upstream.url, 'a', 'watch: false'));
    replace(apis(upstream.url, 'b', 'watch: false'));
    child.kill('SIGHUP');
    await logged(/configuration reloaded/);
    expect((await call(`${url}/api/b/`)).status).to.equal(200);
  });
});
