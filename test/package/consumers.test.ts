import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { call } from '../support/client.js';
import { startUpstream, text } from '../support/upstream.js';
import { NODES, nodeBinary } from './node-binary.js';
import { printed, run, start } from './program.js';
import { freshFolder, install, pack } from './tarball.js';

/** Each resolution of modules that TypeScript has, by the folder of what it compiles. */
const RESOLUTIONS = {
  nodenext: ['--module', 'nodenext'],
  bundler: ['--module', 'esnext', '--moduleResolution', 'bundler'],
  // Of before `exports`: of what the package says of itself, only `types`, `typesVersions` and `main` are read.
  node: ['--module', 'commonjs', '--moduleResolution', 'node10'],
};
type Compilation = readonly [typescript: string, resolution: keyof typeof RESOLUTIONS];

/** Versions of Express, and what compiles the programs that use it. */
const EXPRESS: Readonly<Record<string, readonly Compilation[]>> = {
  5: [
    ['5.4', 'nodenext'],
    ['5.9', 'node'],
    ['6', 'bundler'],
    ['7', 'nodenext'],
  ],
  4: [
    ['5.4', 'node'],
    ['7', 'bundler'],
    ['7', 'nodenext'],
  ],
};
const PROGRAMS = {
  'TypeScript (nodenext)': 'build/nodenext/app.js',
  'TypeScript (bundler)': 'build/bundler/app.js',
  'TypeScript (node)': 'build/node/app.js',
  'JavaScript (import)': 'app.mjs',
  'JavaScript (require)': 'app.cjs',
};

const CONFIGURATION = 'apis:\n  one:\n    target: https://api.example.com\n';
const BIN = 'node_modules/.bin/resilient-proxy-out';
const STRICTEST = [
  '--strict',
  '--exactOptionalPropertyTypes',
  '--noUncheckedIndexedAccess',
  '--noImplicitOverride',
  '--noImplicitReturns',
  '--isolatedModules',
  // Declarations of the package are checked as well.
  ...['--skipLibCheck', 'false', '--esModuleInterop', '--target', 'es2022', '--types', 'node'],
];

/** The package of a version of TypeScript; of the one that builds this package, its own is taken. */
const packageOf = (typescript: string) => `typescript-${typescript}`;
const compilerOf = (typescript: string, project: string): string =>
  typescript === '6'
    ? resolve('node_modules/typescript/bin/tsc')
    : join(project, 'node_modules', packageOf(typescript), 'bin/tsc');

/** A project of a user's: package and Express installed, programs and type tests copied into it. */
async function makeProject(folder: string, tarball: string, express: string): Promise<void> {
  const versions = new Set((EXPRESS[express] ?? []).map(([typescript]) => typescript));
  versions.delete('6');
  const compilers = [...versions].map((version) => `${packageOf(version)}@npm:typescript@${version}`);
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await writeFile(join(folder, 'apis.yaml'), CONFIGURATION);
  const types = [`@types/express@${express}`, '@types/node@20'];
  await install(folder, tarball, `express@${express}`, ...types, ...compilers);
  await mkdir(join(folder, 'build/node'), { recursive: true });
  await writeFile(join(folder, 'build/node/package.json'), JSON.stringify({ type: 'commonjs' }));
  const names = await entryPoints();
  await copyFile('test/package/consumer/app.mjs', join(folder, 'app.mjs'));
  await copyFile('test/package/consumer/app.cjs', join(folder, 'app.cjs'));
  for (const source of ['test/package/consumer/app.ts', ...(await typeTests())]) {
    const program = (await readFile(source, 'utf8')).replaceAll(
      /'(?:\.\.\/)+((?:lib|dashboards)\/(?:[\w-]+\/)?index\.js)'/g,
      (_path, file) => `'${names.get(file)}'`,
    );
    await writeFile(join(folder, source.replace(/.*\//, '')), program);
  }
}

/** Names of the entry points, by the sources that they are built from. */
async function entryPoints(): Promise<ReadonlyMap<string, string>> {
  const { name, exports } = JSON.parse(await readFile('package.json', 'utf8'));
  const entries = Object.entries<{ default?: string }>(exports);
  return new Map(
    entries.map(([path, to]) => [to.default?.replace('./dist/', '') ?? '', path.replace('.', name)]),
  );
}

async function typeTests(): Promise<string[]> {
  return (await readdir('test/types')).map((name) => `test/types/${name}`);
}

for (const [express, compilations] of Object.entries(EXPRESS)) {
  describe(`a project with Express ${express}`, () => {
    let folder: Awaited<ReturnType<typeof freshFolder>>;
    let project: string;

    before(async () => {
      folder = await freshFolder();
      project = join(folder.path, 'project');
      const { file } = await pack(folder.path);
      await makeProject(project, file, express);
    });
    after(() => folder.remove());

    for (const [typescript, resolution] of compilations) {
      it(`compiles with TypeScript ${typescript} by the resolution ${resolution}`, async () => {
        const sources = (await readdir(project)).filter((name) => name.endsWith('.ts'));
        const flags = [...RESOLUTIONS[resolution], ...STRICTEST, '--outDir', `build/${resolution}`];
        const tsc = compilerOf(typescript, project);
        await run(process.execPath, [tsc, ...flags, ...sources], { cwd: project });
      });
    }

    for (const version of NODES) {
      describe(`on Node ${version}`, () => {
        let node: string;

        before(async () => {
          node = await nodeBinary(version);
        });

        for (const [kind, file] of Object.entries(PROGRAMS)) {
          it(`serves calls and a dashboard from ${kind}`, async () => {
            const upstream = await startUpstream(text('from upstream'));
            const program = start(node, [file], { cwd: project, env: { UPSTREAM: upstream.url } });
            const url = await printed(program, /http:\S+/);
            const answer = await call(`${url}/api/hello?a=1`);
            const page = await call(`${url}/stats/`);
            const script = /<script[^>]* src="([^"]+)"/.exec(page.text)?.[1] ?? '';
            const asset = await call(new URL(script, `${url}/stats/`).href);
            program.child.kill('SIGTERM');

            expect([answer.status, answer.text]).to.deep.equal([200, 'from upstream']);
            expect(upstream.requests.map((request) => request.url)).to.deep.equal(['/hello?a=1']);
            expect([page.status, asset.status]).to.deep.equal([200, 200]);
            expect(asset.headers['content-type']).to.match(/^text\/javascript/);
            expect(await program.ended, program.output).to.equal(0);
          });
        }

        it('has a command that says its version and checks a configuration', async () => {
          const said = await run(node, [BIN, '--version'], { cwd: project });
          expect(said).to.equal(`${JSON.parse(await readFile('package.json', 'utf8')).version}\n`);
          const checked = await run(node, [BIN, '--config', 'apis.yaml', '--check'], { cwd: project });
          expect(checked).to.include('one').and.to.include('https://api.example.com');
        });

        it('has a command that serves', async () => {
          const program = start(node, [BIN, '--demo', '--port', '0'], { cwd: project });
          const url = await printed(program, /http:\S+/);
          expect((await call(`${url}/api/demo/json`)).status).to.equal(200);
          expect((await call(`${url}/stats-dashboard/`)).status).to.equal(200);
          program.child.kill('SIGTERM');
          expect(await program.ended, program.output).to.equal(0);
        });
      });
    }
  });
}
