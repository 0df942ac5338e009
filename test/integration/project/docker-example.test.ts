import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { loadConfig } from '../../../lib/config/load-config.js';
import { readCommandLine } from '../../../lib/gateway/command-line.js';
import { printed, start } from '../../package/program.js';
import { unusedPort } from '../../support/listening.js';

const FOLDER = 'examples/docker';

/** What follows an instruction, for each time it stands there. */
async function instructions(name: string): Promise<string[]> {
  const text = (await readFile(`${FOLDER}/Dockerfile`, 'utf8'))
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ');
  return [...text.matchAll(/^([A-Z]+) +(.*)$/gm)].flatMap(([, one, rest = '']) =>
    one === name ? [rest] : [],
  );
}

/** A command without a shell. */
async function execForm(name: string): Promise<string[]> {
  const [rest = ''] = await instructions(name);
  return JSON.parse(rest.slice(rest.indexOf('[')));
}

const compose = async () => parse(await readFile(`${FOLDER}/compose.yaml`, 'utf8'));

function exitCode(command: readonly string[]): Promise<number> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 15_000 }, (error) => resolve(error ? Number(error.code) : 0));
  });
}

describe('examples/docker', () => {
  it('has a configuration that loads with no variable set', () => {
    const { config, warnings } = loadConfig(`${FOLDER}/config/apis.yaml`, { env: {} });
    expect(Object.keys(config.apis)).to.deep.equal(['github']);
    expect(warnings).to.deep.equal([]);
  });

  it('starts the gateway with the file that is mounted, as nobody special', async () => {
    const { config, host } = readCommandLine(await execForm('CMD'));
    const { gateway } = (await compose()).services;
    const [from, to] = String(gateway.volumes[0]).split(':');
    expect(existsSync(join(FOLDER, from ?? '', posix.basename(config ?? '')))).to.equal(true);
    expect([posix.dirname(config ?? ''), host]).to.deep.equal([to, '0.0.0.0']);
    expect(await instructions('USER')).to.deep.equal(['1000:1000']);
    expect(gateway.read_only).to.equal(true);
  });

  it('copies what is there, and what the build makes', async () => {
    expect((await execForm('ENTRYPOINT'))[1]).to.equal('/app/dist/lib/gateway/main.js');
    const { bin } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(bin['resilient-proxy-out']).to.equal('dist/lib/gateway/main.js');
    const copied = (await instructions('COPY')).flatMap((rest) => rest.split(' ').slice(0, -1));
    const files = copied.filter((file) => !file.startsWith('--')).map((file) => file.replace(/^\/src\//, ''));
    expect(files.filter((file) => !existsSync(file))).to.deep.equal([]);
  });

  it('has a health check that finds the gateway, whatever its arguments are', async () => {
    const [program = '', script = ''] = await execForm('HEALTHCHECK');
    const check = (pid = 0) => exitCode([program, script.replace(/^\/app\//, ''), String(pid)]);
    const [first, second] = [await unusedPort(), await unusedPort()];
    const file = join(mkdtempSync(join(tmpdir(), 'health-')), 'apis.yaml');
    await writeFile(file, `server: { port: ${second} }\napis: { x: { target: "http://127.0.0.1:9" } }`);
    expect(await check()).to.equal(1);
    for (const args of [
      ['--demo', '--port', String(first)],
      ['--config', file],
      ['--config', file, '--host', '0.0.0.0', '--port', '0', '--workers', '2'],
      ['--demo', '--host', '::', '--port', '0'],
    ]) {
      const gateway = start(process.execPath, ['dist/lib/gateway/main.js', ...args]);
      await printed(gateway, /http:\S+/);
      expect([args, await check(gateway.child.pid)]).to.deep.equal([args, 0]);
      gateway.child.kill('SIGKILL');
    }
  });

  it('waits longer for the end of calls than the gateway does, and for Redis before the start', async () => {
    const { gateway, redis } = (await compose()).services;
    const { shutdownTimeoutMs } = loadConfig(`${FOLDER}/config/apis.yaml`, { env: {} }).gateway;
    expect(Number.parseInt(gateway.stop_grace_period, 10) * 1000).to.be.above(shutdownTimeoutMs);
    expect(gateway.depends_on.redis.condition).to.equal('service_healthy');
    expect(redis.healthcheck.test).to.deep.equal(['CMD', 'redis-cli', 'ping']);
    expect(gateway.environment.ADMIN_TOKEN).to.match(/^\$\{ADMIN_TOKEN:\?/);
  });
});
