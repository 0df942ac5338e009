import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './program.js';
import { install } from './tarball.js';

/** The oldest Node that is supported, and the lines after it. */
export const NODES: readonly string[] = ['20.19.0', '22', '24', '26'];

/**
 * A Node of this version, from the npm registry; kept for the next run.
 * @param version a major version, or one with more parts
 * @throws where there is none for this machine, or it is of another version
 */
export async function nodeBinary(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(tmpdir(), 'resilient-proxy-out-nodes', version);
  const binary = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(binary)) {
    await install(folder, '--ignore-scripts', `${name}@${version}`).catch((error: Error) => {
      throw new Error(`No Node ${version} to test with: ${error.message}`);
    });
  }
  const says = (await run(binary, ['--version'])).trim();
  if (`${says}.`.startsWith(`v${version}.`)) return binary;
  throw new Error(`No Node ${version} to test with: ${binary} is ${says}`);
}
