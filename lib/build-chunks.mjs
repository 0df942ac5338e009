// Puts the compiled modules together, in as few files as the entry points allow: Node takes half a millisecond for each
// module that it loads. zod comes with them, or what is used of it, which is a file in place of ninety. All other
// packages stay outside.
// node lib/build-chunks.mjs [folder of the build]
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import * as zod from 'zod';

const root = resolve(import.meta.dirname, '..');
const folder = resolve(process.argv[2] ?? join(root, 'dist'));
const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = [
  ...Object.values(exports).flatMap((entry) => entry.default ?? []),
  ...Object.values(bin),
  // A program that nobody names, but runs by its path.
  'dist/lib/gateway/health-check.js',
].map((path) => path.replace(/^(\.\/)?dist\//, ''));
/** As they are. */
const KEPT = /^(lib\/core\/packages\/(bundled|on-demand)\/|dashboards\/client\/)/;

const compiled = readdirSync(folder, { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /\.js(\.map)?$/.test(name) && !KEPT.test(name));
const scripts = compiled
  .filter((name) => name.endsWith('.js'))
  .map((name) => readFileSync(join(folder, name), 'utf8'));

const { outputFiles } = await build({
  entryPoints: entries.map((entry) => join(folder, entry)),
  outdir: folder,
  outbase: folder,
  chunkNames: 'lib/chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'es2023',
  // A hundredth of the tarball; lines and names stay, for stacks.
  minifySyntax: true,
  sourcemap: true,
  sourcesContent: false,
  // Licences stay where their code is.
  legalComments: 'inline',
  logLevel: 'warning',
  write: false,
  allowOverwrite: true,
  plugins: [{ name: 'packages', setup: separatePackages }],
});
for (const name of compiled) rmSync(join(folder, name));
for (const { path, text } of outputFiles) {
  if (isBlank(path, text)) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, path.endsWith('.js') ? withoutBareImports(text) : mapOf(path, text));
}
for (const name of compiled.map(dirname).sort().reverse()) removeIfEmpty(join(folder, name));

/** They are there to keep the order of evaluation, which does not matter here, and other bundlers warn of them. */
function withoutBareImports(script) {
  return script.replace(/^import "\.[^"]+";$/gm, '');
}

/** A chunk that was there for the order alone. */
function isBlank(path, text) {
  return (
    path.endsWith('.js') &&
    withoutBareImports(text)
      .replace(/^\/\/.*$/gm, '')
      .trim() === ''
  );
}

/** What is made by the build has no source that a map could lead to. */
function mapOf(path, text) {
  const { sources, ...map } = JSON.parse(text);
  const known = sources.map((source) => (existsSync(join(dirname(path), source)) ? source : null));
  return JSON.stringify({ ...map, sources: known });
}

function removeIfEmpty(name) {
  if (existsSync(name) && readdirSync(name).length === 0) rmdirSync(name);
}

function separatePackages(chunks) {
  chunks.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
    if (kind === 'entry-point') return undefined;
    return path === 'zod' ? { path, namespace: 'zod', sideEffects: false } : { path, external: true };
  });
  chunks.onLoad({ filter: /.*/, namespace: 'zod' }, async () => ({ contents: await usedOfZod() }));
}

/** As one module; with all of it there would be the messages of fifty languages. */
async function usedOfZod() {
  const used = new Set(
    scripts.flatMap((script) => [...script.matchAll(/\bz\.(\w+)/g)].map(([, name]) => name)),
  );
  const names = [...used].filter((name) => name in zod);
  const { outputFiles } = await build({
    stdin: { contents: `export { ${names.join(', ')} } from 'zod';`, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    write: false,
  });
  const licence = readFileSync(join(root, 'node_modules/zod/LICENSE'), 'utf8').trim();
  return `/*! zod (https://zod.dev)\n\n${licence}\n*/\n${outputFiles[0].text}`;
}
