import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onCleanup } from './cleanup.js';
import { until } from './until.js';

/** A forward proxy that is a program of its own. */
export interface ProxyProgram {
  readonly name: string;
  /** Lines of its configuration file. */
  readonly configuration: readonly string[];
  /** @param folder is empty but for the configuration file */
  args(file: string, folder: string): string[];
  /** What it prints once it serves. */
  readonly ready: string;
}

/** Runs it until the end of the test. */
export async function startProxyProgram({ name, configuration, args, ready }: ProxyProgram): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `resilient-proxy-out-${name}-`));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, `${configuration.join('\n')}\n`);
  // Debian keeps some of them where only root looks.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn(name, args(file, folder), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
  }
  const ended = new Promise((resolve) => child.once('close', resolve));
  onCleanup(async () => {
    child.kill();
    await ended;
  });
  await until(() => child.exitCode !== null || log.includes(ready), `${name} to start`);
  if (child.exitCode !== null) throw new Error(`${name} did not start: ${log}`);
}
