import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ForwardOptions } from '../../lib/upstream/options/forward-options.js';
import { onCleanup } from './cleanup.js';
import { within } from './until.js';

/**
 * Serves `forward()` with each of these options, in a separate process that trusts these authorities, since Node reads
 * its list of authorities only once. Ended after the test.
 * @returns the ports they listen on
 */
export async function forwardsThatTrust(
  authorities: readonly string[],
  ...options: ForwardOptions[]
): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'resilient-proxy-out-ca-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ca.pem');
  writeFileSync(file, authorities.join('\n'));
  const child = fork(
    fileURLToPath(new URL('forward-process.ts', import.meta.url)),
    [JSON.stringify(options)],
    {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
    },
  );
  onCleanup(() => child.kill());
  const ports = new Promise<number[]>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number[]));
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}`)));
  });
  return within(ports, 'the process to listen', 15_000);
}
