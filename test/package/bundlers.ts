import { resolve } from 'node:path';

/** The bundlers that are installed to be tried; esbuild and rollup are here already. */
export const BUNDLERS = [
  'webpack@5',
  '@vercel/ncc@0',
  '@rollup/plugin-node-resolve@16',
  '@rollup/plugin-commonjs@29',
  '@rollup/plugin-json@6',
];

const ESBUILD = [resolve('node_modules/.bin/esbuild'), 'app.mjs', '--bundle', '--platform=node'];
const ROLLUP = [
  process.execPath,
  resolve('node_modules/rollup/dist/bin/rollup'),
  'app.mjs',
  '-c',
  'rollup.config.mjs',
];

/** How a bundler is run, with the settings of its own first example, and the one file that it makes. */
export const BUNDLES: Readonly<Record<string, { command: readonly string[]; file: string }>> = {
  'esbuild, as an ES module': {
    command: [...ESBUILD, '--format=esm', '--outfile=out/app.mjs'],
    file: 'app.mjs',
  },
  'esbuild, minified': {
    command: [...ESBUILD, '--format=esm', '--minify', '--outfile=out/app.mjs'],
    file: 'app.mjs',
  },
  'esbuild, as CommonJS': {
    command: [...ESBUILD, '--format=cjs', '--outfile=out/app.cjs'],
    file: 'app.cjs',
  },
  webpack: { command: [process.execPath, 'build.mjs'], file: 'app.cjs' },
  'rollup, as an ES module': { command: [...ROLLUP, '-f', 'es', '-o', 'out/app.mjs'], file: 'app.mjs' },
  'rollup, as CommonJS': { command: [...ROLLUP, '-f', 'cjs', '-o', 'out/app.cjs'], file: 'app.cjs' },
  ncc: {
    command: [process.execPath, 'node_modules/@vercel/ncc/dist/ncc/cli.js', 'build', 'app.mjs', '-o', 'out'],
    file: 'index.mjs',
  },
};
