// Builds the pages' client: one script and one style sheet for each, with uPlot in it. Then puts all files of it into the
// built module that serves them: what finds files beside itself does not once it is bundled.
// node dashboards/build-assets.mjs [folder of the built dashboards]
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

const source = join(import.meta.dirname, 'client');
const dashboards = process.argv[2] ?? join(import.meta.dirname, '../dist/dashboards');
const target = join(dashboards, 'client');
const pages = ['statistics', 'circuits'];

await build({
  entryPoints: [
    ...pages.flatMap((page) => [join(source, page, 'main.ts'), join(source, page, `${page}.css`)]),
    join(source, 'shared/stream-worker.ts'),
  ],
  outdir: target,
  outbase: source,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  // uPlot's licence has to go with its code.
  legalComments: 'eof',
  logLevel: 'warning',
});
for (const page of pages) cpSync(join(source, page, 'index.html'), join(target, page, 'index.html'));
cpSync(join(source, 'shared/icon.svg'), join(target, 'shared/icon.svg'));

const names = readdirSync(target, { recursive: true }).map((name) => name.replaceAll('\\', '/'));
const texts = names
  .filter((name) => /\.\w+$/.test(name))
  .sort()
  .map((name) => [name, readFileSync(join(target, name), 'utf8')]);
writeFileSync(
  join(dashboards, 'shared/client-files.js'),
  `import { brotliDecompressSync } from 'node:zlib';
const PACKED = '${brotliCompressSync(JSON.stringify(texts)).toString('base64')}';
export async function clientFiles() {
    return new Map(JSON.parse(brotliDecompressSync(Buffer.from(PACKED, 'base64')).toString()));
}
`,
);
