import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from './program.js';

/** The package as `npm publish` would send it. */
export interface Tarball {
  /** Path of the file. */
  readonly file: string;
  /** Bytes, packed. */
  readonly bytes: number;
  /** Folder that it was packed from. */
  readonly root: string;
  /** Paths within it. */
  readonly paths: readonly string[];
}

interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

let built: Promise<string> | undefined;

/** What is packed, and what that is built from. */
const SOURCES = ['lib', 'dashboards', 'schema', 'LICENSE', 'README.md', 'CHANGELOG.md'];
const PROGRAMS = ['test/support/pack-readme.ts', 'test/support/packed-readme.ts'];
const SETTINGS = ['package.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Builds as npm does before it packs, in a folder of its own: other tests use what is built here. */
async function build(): Promise<string> {
  const { path } = await freshFolder();
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  for (const name of [...SOURCES, ...PROGRAMS, ...SETTINGS])
    await cp(name, join(path, name), { recursive: true });
  await symlink(resolve('node_modules'), join(path, 'node_modules'));
  await run('npm', ['run', 'prepack'], { cwd: path });
  return path;
}

/** Packs what it builds first, once for all tests. */
export async function pack(folder: string): Promise<Tarball> {
  built ??= build();
  const cwd = await built;
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [report] = JSON.parse(await run('npm', args, { cwd })) as [PackReport];
  const { filename, size, files } = report;
  return { root: cwd, file: join(folder, filename), bytes: size, paths: files.map(({ path }) => path) };
}

/** A new folder, with the way to take it away again. */
export async function freshFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'resilient-proxy-out-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The package in a file, and beside it a folder for a project of ES modules to install it in. */
export async function freshProject() {
  const folder = await freshFolder();
  const project = join(folder.path, 'project');
  const { file } = await pack(folder.path);
  await mkdir(project);
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  return { folder, project, file };
}

/** Installs into a folder; what npm has fetched before is not fetched again. */
export async function install(folder: string, ...args: string[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--no-update-notifier'];
  return run('npm', ['install', '--prefix', folder, ...quick, ...args], { cwd: folder });
}
