// Writes the declarations that users of the package can come to: those of its entry points, and what these import.
// With their comments, which the scripts beside them do without: so the package stays small.
// node lib/build-types.mjs [folder to write to]
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const ENTRIES = ['lib/index.d.ts', 'dashboards/index.d.ts'];

const root = resolve(import.meta.dirname, '..');
const outDir = resolve(process.argv[2] ?? join(root, 'dist'));
const overrides = {
  outDir,
  declaration: true,
  emitDeclarationOnly: true,
  sourceMap: false,
  removeComments: false,
  stripInternal: true,
};
const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail };
const config = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.build.json'), overrides, host);
const program = ts.createProgram(config.fileNames, config.options);

const declared = new Map();
const { diagnostics } = program.emit(undefined, (path, text) => declared.set(resolve(path), text));
for (const diagnostic of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) fail(diagnostic);

const written = new Set();
for (const entry of ENTRIES) write(join(outDir, entry));

function write(path) {
  const text = declared.get(path);
  if (text === undefined || written.has(path)) return;
  written.add(path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  for (const { fileName } of ts.preProcessFile(text).importedFiles) {
    if (fileName.startsWith('.')) write(resolve(dirname(path), fileName.replace(/\.js$/, '.d.ts')));
  }
}

function fail(diagnostic) {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}
