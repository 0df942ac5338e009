// Writes the declarations that users of the package can come to, one file for each entry point and one for what these
// share, with their comments, which the scripts beside them do without: so the package stays small.
// node lib/build-types.mjs [folder to write to]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import ts from 'typescript';

/** What these export has declarations of its own. */
const ENTRIES = ['lib/index', 'dashboards/index', 'lib/gateway/index', 'lib/testing/index'];

const root = resolve(import.meta.dirname, '..');
const outDir = resolve(process.argv[2] ?? join(root, 'dist'));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports).flatMap(
  ({ types }) => types?.replace(/^\.\/dist\/|\.d\.ts$/g, '') ?? [],
);
const declared = mkdtempSync(join(tmpdir(), 'declarations-'));

try {
  const program = declare();
  await bundleTypes();
  for (const entry of entries.filter((entry) => !ENTRIES.includes(entry))) writeNames(program, entry);
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
  return program;
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

/** The declarations of an entry point, all of which the index exports too. */
function writeNames(program, entry) {
  const checker = program.getTypeChecker();
  const exported = (path) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, `${path}.ts`)));
    return new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]));
  };
  const all = exported('lib/index');
  const names = [...exported(entry)].map(([name, symbol]) => {
    if (!all.has(name)) throw new Error(`lib/index.ts does not export ${name}, which ${entry}.ts does`);
    const { flags } = checker.getAliasedSymbol(symbol);
    return flags & ts.SymbolFlags.Value ? name : `type ${name}`;
  });
  writeFileSync(join(outDir, `${entry}.d.ts`), `export { ${names.join(', ')} } from '../index.js';\n`);
}

function fail(diagnostic) {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}
