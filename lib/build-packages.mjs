// Builds the modules of core/packages, by which all others come to the packages that they use. As they are written they
// import their packages, which is what a bundler can follow. Node loads most when they are used for the first time:
// applications need few of them, and together they take longer to load than all that is our own.
// node lib/build-packages.mjs [folder of the build]
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const folder = join(process.argv[2] ?? join(root, 'dist'), 'lib/core/packages');
const REQUIRE = 'node-require.js';

for (const kind of ['bundled', 'on-demand']) mkdirSync(join(folder, kind));
for (const file of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
  const code = readFileSync(join(folder, file), 'utf8').replace(/\n?\/\/# sourceMappingURL=.*/, '');
  rmSync(join(folder, `${file}.map`));
  if (file === REQUIRE) {
    writeFileSync(join(folder, 'bundled', file), code);
    rmSync(join(folder, file));
    continue;
  }
  // Nothing is used of the other variant. But tools that collect the files of a program for Node find it by this, even
  // if they take this variant for the one that Node runs.
  const other = `import * as unused from '../on-demand/${file}';`;
  writeFileSync(join(folder, 'bundled', file), `import './${REQUIRE}';\n${other}\n${code}\n`);
  writeFileSync(join(folder, 'on-demand', file), onDemand(code, file));
  // Which of the two, is said by `imports` of package.json: by a condition that Node has, and no bundler.
  writeFileSync(join(folder, file), `export { ${namesIn(code)} } from '#packages/${file.slice(0, -3)}';\n`);
}

function namesIn(code) {
  return [...code.matchAll(/^export (?:const (\w+)|\{ (.+) \})/gm)]
    .map(([, one, all]) => one ?? all)
    .join(', ');
}

/** The same functions, each of which loads its package when it is called first. */
function onDemand(code, file) {
  const specifiers = new Map();
  // Names that are imported are put into one object: `import * as` is not for bundlers what it is for Node, of CommonJS.
  const statements = code
    .replace(/^import \{[^}]+\} from '(.+)';\s*const (\w+) = \{[^}]+\};$/gm, "import $2 from '$1';")
    .split('\n')
    .flatMap((line) => {
      const [, imported, specifier] = /^import (\w+) from '(.+)';$/.exec(line) ?? [];
      if (imported) specifiers.set(imported, specifier);
      if (imported || line === '') return [];
      // An ES module that its users need at once.
      if (/^export \{ .+ \} from '.+';$/.test(line)) return line;
      const [, name, async, variable] = /^export const (\w+) = (async )?\(\) => (\w+);$/.exec(line) ?? [];
      const loaded = specifiers.get(variable);
      if (!loaded)
        throw new Error(`${file} may import packages and export functions that return them: ${line}`);
      if (async) return `export const ${name} = () => import('${loaded}');`;
      return [`let ${variable};`, `export const ${name} = () => (${variable} ??= require('${loaded}'));`];
    });
  const head = statements.some((statement) => statement.includes('require('))
    ? ["import { createRequire } from 'node:module';", 'const require = createRequire(import.meta.url);']
    : [];
  return `${[...head, ...statements].join('\n')}\n`;
}
