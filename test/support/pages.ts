import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

/** A fenced block of a page. */
export interface CodeBlock {
  readonly page: string;
  /** Line of its fence. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** A file that a page shows, in one block or several consecutive ones. */
export interface ShownFile {
  readonly page: string;
  readonly name: string;
  readonly text: string;
}

/** Its blocks in `javascript` need packages of their own: test/package installs these, and runs the blocks. */
export const TEST_RUNNERS_PAGE = 'recipes/tests-with-a-fake-upstream.md';

/** Every page of the project, by its path. */
export async function pages(): Promise<string[]> {
  const folders = ['.', 'recipes', 'docs', 'examples', 'examples/docker'];
  const found = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(folder)).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)),
    ),
  );
  return found.flat();
}

/** The fenced blocks of a page. */
export async function blocksOf(page: string): Promise<CodeBlock[]> {
  const text = await readFile(page, 'utf8');
  const fences = text.matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...fences].map(({ 1: language = '', 2: block = '', index }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    language,
    text: block,
  }));
}

const NAMED = /^(?:\/\/|#) ([\w.-]+\.[a-z]+)\b/;

/** File name of a block, from its first line. */
export const nameOf = ({ text }: CodeBlock): string | undefined => NAMED.exec(text)?.[1];

/** Programs of a page. A block without a name continues the one before. */
export async function programsOf(page: string): Promise<ShownFile[]> {
  const files: { page: string; name: string; text: string }[] = [];
  for (const block of (await blocksOf(page)).filter(({ language }) => /^(?:ts|js)$/.test(language))) {
    const name = nameOf(block);
    const last = files.at(-1);
    if (name) files.push({ page, name, text: block.text });
    else if (last) last.text += block.text;
    else throw new Error(`${page}:${block.line} has no name: begin it with a comment such as // app.ts`);
  }
  return files;
}

/** A folder in which programs can import this package, and all packages it is tested with, as if installed. */
async function makeProject(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rpo-pages-'));
  const modules = join(path, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir('node_modules')) {
    if (!name.startsWith('.')) await symlink(resolve('node_modules', name), join(modules, name));
  }
  await symlink(resolve('.'), join(modules, 'resilient-proxy-out'));
  await writeFile(join(path, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  return path;
}

const STRICT = {
  target: 'es2023',
  module: 'nodenext',
  strict: true,
  noUncheckedIndexedAccess: true,
  allowJs: true,
  checkJs: true,
  skipLibCheck: true,
  types: ['node', 'mocha'],
  rootDir: '.',
  outDir: 'build',
};

/** Folder of a page's programs in a project. */
export const folderOf = (page: string): string => basename(page, '.md').toLowerCase();

/** Compiles the programs of pages as a user would. @returns the compiler's errors */
async function compile(project: string, files: readonly ShownFile[]): Promise<string> {
  const written = files.map(({ page, name, text }) => ({ path: join(folderOf(page), name), text }));
  for (const { path, text } of written) {
    await mkdir(join(project, path, '..'), { recursive: true });
    await writeFile(join(project, path), text);
  }
  const config = { compilerOptions: STRICT, files: written.map(({ path }) => path) };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config));
  const compiler = resolve('node_modules/typescript/bin/tsc');
  return new Promise((done) => {
    execFile(process.execPath, [compiler, '-p', '.'], { cwd: project }, (_error, stdout) => done(stdout));
  });
}

let compiled: Promise<{ readonly path: string; readonly objections: string }> | undefined;

/** The programs of all pages, compiled once for all tests into a folder for each page below `build`. */
export function compiledPages(): Promise<{ readonly path: string; readonly objections: string }> {
  compiled ??= (async () => {
    const project = await makeProject();
    process.once('exit', () => rmSync(project, { recursive: true, force: true }));
    const files = (await Promise.all((await pages()).map(programsOf))).flat();
    return { path: project, objections: await compile(project, files) };
  })();
  return compiled;
}

/** Replaces each of these texts. @throws if one of them is not found */
export function swap(text: string, swaps: Readonly<Record<string, string>>): string {
  return Object.entries(swaps).reduce((swapped, [from, to]) => {
    if (!swapped.includes(from)) throw new Error(`${from} is not in it:\n${swapped}`);
    return swapped.replaceAll(from, to);
  }, text);
}
