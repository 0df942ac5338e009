import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ForwardOptions } from '../../lib/upstream/options/forward-options.js';
import { onCleanup } from './cleanup.js';
import { within } from './until.js';

/**
 * Serves `forward()` in a separate process that trusts this authority, since Node reads its list of authorities only
 * once. Ended after the test.
 * @returns the port it listens on
 */
export async function forwardThatTrusts(ca: string, options: ForwardOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'resilient-proxy-out-ca-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ca.pem');
  writeFileSync(file, ca);
  const child = fork(
    fileURLToPath(new URL('forward-process.ts', import.meta.url)),
    [JSON.stringify(options)],
    {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
    },
  );
  onCleanup(() => child.kill());
  const port = new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)));
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}`)));
  });
  return within(port, 'the process to listen', 15_000);
}
