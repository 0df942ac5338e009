import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { onCleanup } from '../../support/cleanup.js';
import { call, keepAliveAgent } from '../../support/client.js';
import { buildGateway, GATEWAY_PROGRAM } from '../../support/gateway-program.js';
import { unusedPort } from '../../support/listening.js';
import { until, within } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';

/** Lines of 7 KB, beyond what waits in memory. */
const MORE_THAN_WAITS = 1400;

function full(): number {
  const fd = openSync('/dev/full', 'w');
  onCleanup(() => closeSync(fd));
  return fd;
}

/** Runs the gateway with one API, whose every call is logged, and these for its standard output and error. */
async function startProgram(stdout: number | 'pipe', stderr: number | 'pipe', more: string[] = []) {
  const target = await startUpstream(status(503));
  const folder = mkdtempSync(join(tmpdir(), 'gateway-log-'));
  onCleanup(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'apis.yaml');
  writeFileSync(file, `apis: { x: { target: "${target.url}", retry: false, breaker: false } }`);
  const port = await unusedPort();
  const args = ['--config', file, '--port', String(port), '--access-log', ...more];
  const child = spawn(process.execPath, [...GATEWAY_PROGRAM, ...args], { stdio: ['ignore', stdout, stderr] });
  onCleanup(() => child.kill('SIGKILL'));
  const agent = keepAliveAgent();
  const url = `http://127.0.0.1:${port}`;
  const get = (path: string) => call(`${url}${path}`, { agent });
  let up = false;
  const ask = (): void => {
    get('/health').then(
      () => {
        up = true;
      },
      () => setTimeout(ask, 50),
    );
  };
  ask();
  await until(() => up, 'the gateway to listen', 15_000);
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  return { child, url, get, ended: () => within(ended, 'the gateway to end', 10_000) };
}

type Get = Awaited<ReturnType<typeof startProgram>>['get'];

/** What the gateway says of its log, by both of its ways. */
async function told(
  get: Get,
): Promise<{ droppedLines: number; waitingBytes: number; problem: string | null }> {
  const { log } = (await get('/health?verbose=1')).json() as { log: Awaited<ReturnType<typeof told>> };
  const { text } = await get('/metrics');
  // Read a moment later, when there may be more.
  const [, dropped] = /^resilient_proxy_log_lines_dropped_total (\d+)$/m.exec(text) ?? [];
  expect(Number(dropped)).to.be.at.least(log.droppedLines);
  return log;
}

function read(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr?.resume();
  return () => text;
}

describe('the log of the gateway', function gatewayLog() {
  this.timeout(40_000);
  before(buildGateway);

  it('is on a full disk: calls go on', async () => {
    const { get, child, ended } = await startProgram('pipe', full());
    for (let i = 0; i < 5; i++) expect((await get('/api/x/a')).status).to.equal(503);
    // Written, and so lost, a moment later.
    let log = await told(get);
    // Writing is tried again every 100 ms.
    const giveUpAt = performance.now() + 5000;
    while (log.droppedLines < 5 && performance.now() < giveUpAt) log = await told(get);
    expect(log.droppedLines).to.be.at.least(5);
    expect(log.problem).to.equal('ENOSPC');
    child.kill('SIGTERM');
    expect(await ended()).to.equal(0);
  });

  it('is served without standard output, where that is on a full disk', async () => {
    const { get } = await startProgram(full(), 'pipe');
    expect((await get('/api/x/a')).status).to.equal(503);
  });

  it('has a reader that stops: calls go on, and it hears how many lines it has missed', async () => {
    const { get, child, ended } = await startProgram('pipe', 'pipe');
    child.stderr?.pause();
    const path = `/api/x/${'q'.repeat(7000)}`;
    for (let i = 0; i < MORE_THAN_WAITS; i++) expect((await get(path)).status).to.equal(503);
    const log = await told(get);
    expect(log.waitingBytes).to.be.within(4_000_000, 16_000_000);
    expect(log.problem).to.equal('slow reader');
    const text = read(child);
    await until(() => /log lines could not be written/.test(text()), 'the count of dropped lines', 10_000);
    for (const line of text().trim().split('\n')) JSON.parse(line);
    const [, dropped] = /"dropped":(\d+)/.exec(text()) ?? [];
    expect(Number(dropped)).to.be.above(10);
    expect((await told(get)).problem).to.equal(null);
    child.kill('SIGTERM');
    expect(await ended()).to.equal(0);
    expect(text()).to.include('shutting down');
  });

  it('has a reader that stops for good: the gateway still ends', async () => {
    const { get, child, ended } = await startProgram('pipe', 'pipe');
    child.stderr?.pause();
    for (let i = 0; i < 60; i++) await get(`/api/x/${'q'.repeat(7000)}`);
    child.kill('SIGTERM');
    expect(await ended()).to.equal(0);
  });

  it('is written in whole lines, whichever worker they are of', async () => {
    const { url, child, ended } = await startProgram('pipe', 'pipe', ['--workers', '2']);
    const text = read(child);
    const workers = () => new Set(text().match(/(?<="pid":)\d+(?=.*"path":"\/api\/x\/up")/g));
    while (workers().size < 2) await call(`${url}/api/x/up`);
    child.stderr?.pause();
    // Each on a connection of its own, which the workers take in turn.
    const calls = Array.from({ length: 300 }, (_, i) => call(`${url}/api/x/${i}${'q'.repeat(5000)}`));
    for (const { status } of await Promise.all(calls)) expect(status).to.equal(503);
    child.stderr?.resume();
    child.kill('SIGTERM');
    expect(await ended()).to.equal(0);
    await until(() => child.stderr?.readableEnded === true);
    const lines = text()
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
    const ofCalls = lines.filter(({ path }) => /^\/api\/x\/\d/.test(String(path)));
    expect(ofCalls).to.have.length(300);
    expect(new Set(ofCalls.map(({ pid }) => pid))).to.have.property('size', 2);
  });

  it('has a reader that stops while workers write: calls go on, and it hears how many lines it has missed', async () => {
    const { get, child } = await startProgram('pipe', 'pipe', ['--workers', '2']);
    child.stderr?.pause();
    const path = `/api/x/${'q'.repeat(7000)}`;
    for (let i = 0; i < MORE_THAN_WAITS; i++) expect((await get(path)).status).to.equal(503);
    expect((await told(get)).droppedLines).to.be.above(10);
    const text = read(child);
    await until(() => /log lines could not be written/.test(text()), 'the count of dropped lines', 10_000);
  });

  it('has a reader that has gone: calls go on', async () => {
    const { get, child } = await startProgram('pipe', 'pipe');
    child.stderr?.destroy();
    for (let i = 0; i < 5; i++) expect((await get('/api/x/a')).status).to.equal(503);
    let log = await told(get);
    // Writing is tried again every 100 ms.
    const giveUpAt = performance.now() + 5000;
    while (log.droppedLines < 5 && performance.now() < giveUpAt) log = await told(get);
    expect(log).to.include({ problem: 'EPIPE' });
    expect(log.droppedLines).to.be.at.least(5);
  });
});
