import { spawn } from 'node:child_process';
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
const MORE_THAN_WAITS = 1200;

function full(): number {
  const fd = openSync('/dev/full', 'w');
  onCleanup(() => closeSync(fd));
  return fd;
}

/** Runs the gateway with one API, whose every call is logged, and these for its standard output and error. */
async function startProgram(stdout: number | 'pipe', stderr: number | 'pipe') {
  const { url } = await startUpstream(status(503));
  const folder = mkdtempSync(join(tmpdir(), 'gateway-log-'));
  onCleanup(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'apis.yaml');
  writeFileSync(file, `apis: { x: { target: "${url}", retry: false, breaker: false } }`);
  const port = await unusedPort();
  const args = ['--config', file, '--port', String(port), '--access-log'];
  const child = spawn(process.execPath, [...GATEWAY_PROGRAM, ...args], { stdio: ['ignore', stdout, stderr] });
  onCleanup(() => child.kill('SIGKILL'));
  const agent = keepAliveAgent();
  const get = (path: string) => call(`http://127.0.0.1:${port}${path}`, { agent });
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
  return { child, get, ended: () => within(ended, 'the gateway to end', 10_000) };
}

describe('the log of the gateway', function gatewayLog() {
  this.timeout(40_000);
  before(buildGateway);

  it('is on a full disk: calls go on', async () => {
    const { get, child, ended } = await startProgram('pipe', full());
    for (let i = 0; i < 5; i++) expect((await get('/api/x/a')).status).to.equal(503);
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
    let text = '';
    child.stderr?.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr?.resume();
    await until(() => /log lines could not be written/.test(text), 'the count of dropped lines', 10_000);
    for (const line of text.trim().split('\n')) JSON.parse(line);
    const [, dropped] = /"dropped":(\d+)/.exec(text) ?? [];
    expect(Number(dropped)).to.be.above(10);
    child.kill('SIGTERM');
    expect(await ended()).to.equal(0);
    expect(text).to.include('shutting down');
  });

  it('has a reader that stops for good: the gateway still ends', async () => {
    const { get, child, ended } = await startProgram('pipe', 'pipe');
    child.stderr?.pause();
    for (let i = 0; i < 60; i++) await get(`/api/x/${'q'.repeat(7000)}`);
    child.kill('SIGTERM');
    expect(await ended()).to.equal(0);
  });

  it('has a reader that has gone: calls go on', async () => {
    const { get, child } = await startProgram('pipe', 'pipe');
    child.stderr?.destroy();
    for (let i = 0; i < 5; i++) expect((await get('/api/x/a')).status).to.equal(503);
  });
});
