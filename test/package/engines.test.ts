import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { expect } from 'chai';
import { nodeBinary } from './node-binary.js';
import { run } from './program.js';
import { freshFolder, install, pack } from './tarball.js';

const PROGRAM = "import { resilientProxy } from 'resilient-proxy-out'; console.log(typeof resilientProxy)";

describe('an installation on Node 20', () => {
  let folder: Awaited<ReturnType<typeof freshFolder>>;
  let tarball: string;
  let node: string;
  let env: Record<string, string>;

  before(async () => {
    folder = await freshFolder();
    tarball = (await pack(folder.path)).file;
    node = await nodeBinary('20.19.0');
    env = { PATH: [dirname(node), process.env.PATH].join(delimiter) };
    await install(join(folder.path, 'tools'), '--ignore-scripts', 'yarn@1');
  });
  after(() => folder.remove());

  async function project(name: string): Promise<string> {
    const path = join(folder.path, name);
    await mkdir(path);
    await writeFile(join(path, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    return path;
  }

  async function yarn(cwd: string, ...args: string[]): Promise<string> {
    const registry = (await run('npm', ['config', 'get', 'registry'])).trim();
    const program = join(folder.path, 'tools/node_modules/yarn/bin/yarn.js');
    return run(node, [program, 'add', '--registry', registry, ...args, tarball], { cwd, env });
  }

  it('is refused by yarn 1, unless it ignores the engines', async () => {
    const cwd = await project('yarn');
    const refusal = await yarn(cwd).catch((error: Error) => error.message);
    expect(refusal).to.match(/http-proxy-middleware.*"node" is incompatible/);
    await yarn(cwd, '--ignore-engines');
    expect(await run(node, ['-e', PROGRAM, '--input-type=module'], { cwd })).to.equal('function\n');
  });

  it('is refused by npm with engine-strict, and works without', async () => {
    const cwd = await project('npm');
    const npm = (...args: string[]) =>
      run('npm', ['install', '--prefer-offline', '--loglevel=warn', ...args, tarball], { cwd, env });
    const refusal = await npm('--engine-strict').catch((error: Error) => error.message);
    expect(refusal).to.match(/EBADENGINE/);
    await npm('--engine-strict=false');
    expect(await run(node, ['-e', PROGRAM, '--input-type=module'], { cwd })).to.equal('function\n');
  });
});
