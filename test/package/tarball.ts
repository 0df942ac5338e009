import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './program.js';

/** The package as `npm publish` would send it. */
export interface Tarball {
  /** Path of the file. */
  readonly file: string;
  /** Bytes, packed. */
  readonly bytes: number;
  /** Paths within it. */
  readonly paths: readonly string[];
}

interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

let built: Promise<string> | undefined;

/** Packs what it builds first, once for all tests. */
export async function pack(folder: string): Promise<Tarball> {
  built ??= run('npm', ['run', 'prepack']);
  await built;
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [report] = JSON.parse(await run('npm', args)) as [PackReport];
  const { filename, size, files } = report;
  return { file: join(folder, filename), bytes: size, paths: files.map(({ path }) => path) };
}

/** A new folder, with the way to take it away again. */
export async function freshFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'resilient-proxy-out-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Installs into a folder; what npm has fetched before is not fetched again. */
export async function install(folder: string, ...args: string[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--no-update-notifier'];
  return run('npm', ['install', '--prefix', folder, ...quick, ...args], { cwd: folder });
}
