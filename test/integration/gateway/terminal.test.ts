import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { buildGateway, GATEWAY_PROGRAM } from '../../support/gateway-program.js';
import { unusedPort } from '../../support/listening.js';
import { isRunning } from '../../support/run-gateway.js';
import { until } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';

const PATIENCE_MS = 20_000;
const MAIN = resolve(GATEWAY_PROGRAM[0] ?? '');

/** Runs the gateway in a terminal of its own, by a line of the shell in which `gateway` stands for it. */
async function inTerminal(line: string, env: Record<string, string> = {}) {
  const target = await startUpstream(status(503));
  const folder = mkdtempSync(join(tmpdir(), 'gateway-terminal-'));
  onCleanup(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'apis.yaml'), `apis: { x: { target: "${target.url}", retry: false } }`);
  const port = await unusedPort();
  const gateway = `${process.execPath} ${MAIN} --config apis.yaml --port ${port}`;
  const command = `echo $$ > pid; ${line.replace('gateway', gateway)}`;
  const terminal = spawn('script', ['-qfec', command, 'screen'], {
    cwd: folder,
    env: { PATH: process.env.PATH, SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const text = (name: string): string => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch {
      return '';
    }
  };
  const pid = () => Number(text('pid'));
  onCleanup(() => {
    terminal.kill('SIGKILL');
    if (pid() > 0 && isRunning(pid())) process.kill(pid(), 'SIGKILL');
  });
  let up = false;
  const ask = (): void => {
    call(`http://127.0.0.1:${port}/health`).then(
      () => {
        up = true;
      },
      () => setTimeout(ask, 50),
    );
  };
  ask();
  await until(() => up, 'the gateway to listen', PATIENCE_MS);
  return {
    get: (path: string) => call(`http://127.0.0.1:${port}${path}`),
    text,
    pid,
    /** Its window is closed. */
    close: () => terminal.kill('SIGKILL'),
  };
}

describe('a gateway in a terminal', function gatewayInTerminal() {
  this.timeout(60_000);
  before(buildGateway);

  it('shows lines that can be read, in colors', async () => {
    const { get, text } = await inTerminal('exec gateway', { TERM: 'xterm' });
    await get('/api/x/a?key=s3cret');
    await until(() => text('screen').includes('/api/x/a'));
    const screen = text('screen').replaceAll('\u001b', '^');
    expect(screen).to.match(
      /\d\d:\d\d:\d\d\.\d{3}\^\[39m \^\[33mWARN \^\[39m GET \/api\/x\/a\?key=\*{3} 503 \d+ ms: /,
    );
  });

  it('shows them without colors where none are wanted, and those of workers in the same way', async () => {
    const { get, text } = await inTerminal('exec gateway --workers 2', { NO_COLOR: '1' });
    await get('/api/x/a');
    await until(() => text('screen').includes('/api/x/a'));
    expect(text('screen')).to.match(
      /\d\d:\d\d:\d\d\.\d{3} WARN {2}GET \/api\/x\/a 503 \d+ ms: the upstream.* pid=\d+/,
    );
  });

  it('shows JSON where that is wanted', async () => {
    const { get, text } = await inTerminal('exec gateway', { LOG_FORMAT: 'json' });
    await get('/api/x/a');
    await until(() => /^\{"level":"warn".*"path":"\/api\/x\/a"/m.test(text('screen')));
  });

  it('ends when the terminal is closed', async () => {
    const { close, pid } = await inTerminal('exec gateway');
    close();
    await until(() => !isRunning(pid()), 'the gateway to end', PATIENCE_MS);
  });

  it('ends with it where only its log goes elsewhere', async () => {
    const { close, pid } = await inTerminal('exec gateway > log 2>&1');
    close();
    await until(() => !isRunning(pid()), 'the gateway to end', PATIENCE_MS);
  });

  it('goes on by nohup when the terminal is closed', async () => {
    const { close, get, text, pid } = await inTerminal('exec nohup gateway');
    close();
    await until(() => text('nohup.out').includes('reloaded'), 'the signal', PATIENCE_MS);
    expect((await get('/api/x/after')).status).to.equal(503);
    await until(() => text('nohup.out').includes('/api/x/after'));
    expect(isRunning(pid())).to.equal(true);
  });
});
