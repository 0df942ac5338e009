import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import { listening } from '../support/listening.js';
import { packedReadme } from '../support/packed-readme.js';
import { until } from '../support/until.js';
import { run } from './program.js';
import { freshFolder } from './tarball.js';

const REPOSITORY = { type: 'git', url: 'git+https://github.com/owner/name.git' };
const COPIED = ['README.md', 'LICENSE', 'test/support/pack-readme.ts', 'test/support/packed-readme.ts'];

/** The registry's part in `npm publish`. */
async function startRegistry() {
  const published: { readonly versions: Readonly<Record<string, { readonly readme: string }>> }[] = [];
  const server = createServer(async (req, res) => {
    if (req.method !== 'PUT') return res.writeHead(404).end('{}');
    published.push((await json(req)) as (typeof published)[number]);
    res.writeHead(201).end('{}');
  });
  const { port } = await listening(server);
  return { host: `127.0.0.1:${port}`, published };
}

describe('the README of a package', () => {
  let folder: Awaited<ReturnType<typeof freshFolder>>;
  let tarball: string;
  let version: string;
  let readme: string;
  let packed: string;

  /** What is packed, but for what the build makes; `prepack` ends as it does in the package. */
  async function makePackage(settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const own = JSON.parse(await readFile('package.json', 'utf8'));
    const scripts = { ...own.scripts, prepack: own.scripts.prepack.split(' && ').at(-1) };
    await mkdir(join(folder.path, 'test/support'), { recursive: true });
    for (const file of COPIED) await copyFile(file, join(folder.path, file));
    await symlink(resolve('node_modules'), join(folder.path, 'node_modules'));
    await writeFile(join(folder.path, 'package.json'), JSON.stringify({ ...own, scripts, ...settings }));
  }
  // What runs the tests may have told npm to be silent, and so every npm below it.
  const npm = (...args: string[]) =>
    run('npm', args, { cwd: folder.path, env: { npm_config_loglevel: 'notice' } });
  const inTarball = () => run('tar', ['-xzOf', tarball, 'package/README.md']);
  const inFolder = () => readFile(join(folder.path, 'README.md'), 'utf8');
  const isPutBack = () => !existsSync(join(folder.path, '.README.md.kept'));

  beforeEach(async () => {
    folder = await freshFolder();
    const own = JSON.parse(await readFile('package.json', 'utf8'));
    version = own.version;
    tarball = join(folder.path, `${own.name}-${version}.tgz`);
    readme = await readFile('README.md', 'utf8');
    packed = packedReadme(readme, { repository: REPOSITORY, version });
  });
  afterEach(() => folder.remove());

  it('leads into the repository at the tag of the version, and is in the folder as before', async () => {
    await makePackage({ repository: REPOSITORY });
    await npm('pack');
    expect(packed).to.include(`https://github.com/owner/name/blob/v${version}/docs/options.md`);
    expect(packed).to.match(
      /src="https:\/\/raw\.githubusercontent\.com\/owner\/name\/v[\d.]+\/docs\/screenshots\//,
    );
    expect(await inTarball()).to.equal(packed);
    expect([await inFolder(), isPutBack()]).to.deep.equal([readme, true]);
    expect((await run('tar', ['-tzf', tarball])).match(/.*readme.*/gi)).to.deep.equal(['package/README.md']);
  });

  it('is packed as it is without a repository', async () => {
    await makePackage({ repository: undefined });
    await npm('pack');
    expect([await inTarball(), await inFolder()]).to.deep.equal([readme, readme]);
  });

  it('is in the folder as before when npm fails between prepack and postpack', async () => {
    await makePackage({ repository: REPOSITORY });
    const failure = await npm('pack', '--pack-destination', 'nowhere').catch((error: Error) => error.message);
    expect(failure).to.include('ENOENT').and.to.include('nowhere');
    await until(isPutBack);
    expect(await inFolder()).to.equal(readme);
  });

  it('is in the folder as before when its repository has a host that nobody knows', async () => {
    await makePackage({ repository: 'https://git.example.com/owner/name' });
    const failure = await npm('pack').catch((error: Error) => error.message);
    expect(failure).to.include('https://git.example.com/owner/name');
    expect([await inFolder(), isPutBack()]).to.deep.equal([readme, true]);
  });

  it('is put back by the next pack where a machine went down in the middle', async () => {
    await makePackage({ repository: REPOSITORY });
    await writeFile(join(folder.path, '.README.md.kept'), readme);
    await writeFile(join(folder.path, 'README.md'), 'of another version');
    await npm('pack');
    expect([await inTarball(), await inFolder()]).to.deep.equal([packed, readme]);
  });

  it('reaches the registry with its links, which npm reads after postpack', async () => {
    const registry = await startRegistry();
    await makePackage({ repository: REPOSITORY });
    await writeFile(join(folder.path, '.npmrc'), `//${registry.host}/:_authToken=none\n`);
    await npm('publish', '--registry', `http://${registry.host}/`);
    expect(registry.published.map(({ versions }) => versions[version]?.readme)).to.deep.equal([packed]);
    expect([await inFolder(), isPutBack()]).to.deep.equal([readme, true]);
  });
});
