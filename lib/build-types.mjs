// Writes the declarations that users of the package can come to, one file for each entry point and one for what these
// share, with their comments, which the scripts beside them do without: so the package stays small.
// node lib/build-types.mjs [folder to write to]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import ts from 'typescript';

const ENTRIES = ['lib/index', 'dashboards/index'];

const root = resolve(import.meta.dirname, '..');
const outDir = resolve(process.argv[2] ?? join(root, 'dist'));
const declared = mkdtempSync(join(tmpdir(), 'declarations-'));

try {
  declare();
  await bundleTypes();
} finally {
  rmSync(declared, { recursive: true });
}

/** Has the compiler write the declarations of all files. */
function declare() {
  const overrides = {
    outDir: declared,
    declaration: true,
    emitDeclarationOnly: true,
    sourceMap: false,
    removeComments: false,
    stripInternal: true,
  };
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail };
  const config = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.build.json'), overrides, host);
  const program = ts.createProgram(config.fileNames, config.options);
  const { diagnostics } = program.emit();
  for (const diagnostic of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) fail(diagnostic);
}

/** Puts together what is exported, and what that needs. */
async function bundleTypes() {
  const bundle = await rollup({
    input: Object.fromEntries(ENTRIES.map((entry) => [entry, join(declared, `${entry}.d.ts`)])),
    plugins: [dts()],
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  await bundle.write({ dir: outDir, chunkFileNames: 'lib/shared.d.ts' });
  await bundle.close();
}

function fail(diagnostic) {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}
