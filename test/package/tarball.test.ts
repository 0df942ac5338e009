import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { expect } from 'chai';
import { run } from './program.js';
import { freshFolder, install, pack, type Tarball } from './tarball.js';

/** Packed, in bytes; the dashboards are in it. */
const MAX_BYTES = 540_000;
/** Without the optional ones, those of OpenTelemetry. */
const MAX_PACKAGES = 126;
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^schema\/apis\.schema\.json$/,
  /^dist\/(lib|dashboards)\/.+\.(js|d\.ts)$/,
];

/** A source map, and what it leads to. */
async function sourcesOf(root: string, map: string): Promise<string[]> {
  const { sources, sourceRoot = '' } = JSON.parse(await readFile(join(root, map), 'utf8'));
  return [map, ...sources.map((source: string) => posix.join(dirname(map), sourceRoot, source))];
}

describe('the tarball', () => {
  let folder: Awaited<ReturnType<typeof freshFolder>>;
  let tarball: Tarball;

  before(async () => {
    folder = await freshFolder();
    tarball = await pack(folder.path);
  });
  after(() => folder.remove());

  it('has nothing that publint objects to', async () => {
    await run('node_modules/.bin/publint', ['run', tarball.file, '--strict']);
  });

  it('has types that resolve wherever the package does', async () => {
    // The one exception: CommonJS gets an ES module, which every Node that is supported can require().
    const exceptions = ['--ignore-rules', 'cjs-resolves-to-esm'];
    await run('node_modules/.bin/attw', [tarball.file, '--no-color', ...exceptions]);
  });

  it('stays within 540 KB', () => {
    expect(tarball.bytes).to.be.below(MAX_BYTES);
  });

  it('holds what is for users, and nothing else', () => {
    expect(tarball.paths.filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))).to.deep.equal([]);
    expect(tarball.paths).to.include.members(['README.md', 'LICENSE', 'CHANGELOG.md', 'package.json']);
    expect(tarball.paths).to.include.members([
      'dist/lib/gateway/main.js',
      'dist/dashboards/index.js',
      'dist/lib/index.js',
    ]);
  });

  it('leads nobody to a source that is not in it', async () => {
    const scripts = tarball.paths.filter((path) => /^dist\/.+\.(js|d\.ts)$/.test(path));
    expect(scripts.length).to.be.above(50);
    const astray = [];
    for (const script of scripts) {
      const map = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(
        await readFile(join(tarball.root, script), 'utf8'),
      )?.[1];
      if (map) astray.push(...(await sourcesOf(tarball.root, posix.join(dirname(script), map))));
    }
    expect(astray.filter((path) => !tarball.paths.includes(path))).to.deep.equal([]);
  });

  it('adds at most 126 packages, and of OpenTelemetry the API alone', async () => {
    const consumer = join(folder.path, 'consumer');
    await install(consumer, '--omit=dev', tarball.file);
    const lock = JSON.parse(await readFile(join(consumer, 'node_modules/.package-lock.json'), 'utf8'));
    expect(await readdir(join(consumer, 'node_modules/resilient-proxy-out'))).to.include('dist');
    expect(Object.keys(lock.packages)).to.have.length.within(2, MAX_PACKAGES);
    expect(await readdir(join(consumer, 'node_modules/@opentelemetry'))).to.deep.equal(['api']);
  });
});
