// Builds the pages' client: one script and one style sheet for each, with uPlot in it.
// node dashboards/build-assets.mjs [folder to write to]
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const source = join(import.meta.dirname, 'client');
const target = process.argv[2] ?? join(import.meta.dirname, '../dist/dashboards/client');
const pages = ['statistics', 'circuits'];

await build({
  entryPoints: pages.flatMap((page) => [join(source, page, 'main.ts'), join(source, page, `${page}.css`)]),
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
