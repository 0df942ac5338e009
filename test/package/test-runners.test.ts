import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { blocksOf, nameOf, TEST_RUNNERS_PAGE } from '../support/pages.js';
import { NODES, nodeBinary } from './node-binary.js';
import { run } from './program.js';
import { freshFolder, install, pack } from './tarball.js';

const RUNNERS = ['jest@30', 'vitest@4'];
const VM_MODULES = { NODE_OPTIONS: '--experimental-vm-modules' };

/** What a program in CommonJS does, and its test: Jest can do so on the newer lines of Node. */
const REQUIRING = `const { resilientProxy } = require('resilient-proxy-out');
const { startUpstream, serve } = require('resilient-proxy-out/testing');
test('forwards', async () => {
  const upstream = await startUpstream();
  const proxy = resilientProxy({ name: 'weather', target: upstream.url });
  const server = await serve(proxy);
  expect((await fetch(server.url)).status).toBe(200);
  await Promise.all([server.close(), proxy.close(), upstream.close()]);
});
`;

describe(`${TEST_RUNNERS_PAGE}, with the package installed`, () => {
  let folder: Awaited<ReturnType<typeof freshFolder>>;
  let project: string;

  before(async function installs() {
    // The package may be built here first, and both test runners have many dependencies.
    this.timeout(300_000);
    folder = await freshFolder();
    project = join(folder.path, 'project');
    const { file } = await pack(folder.path);
    await mkdir(project);
    await writeFile(join(project, 'package.json'), JSON.stringify({ private: true }));
    for (const block of (await blocksOf(TEST_RUNNERS_PAGE)).filter(
      ({ language }) => language === 'javascript',
    ))
      await writeFile(join(project, nameOf(block) ?? ''), block.text);
    await writeFile(join(project, 'requiring.test.cjs'), REQUIRING);
    await install(project, '--ignore-scripts', file, ...RUNNERS);
  });
  after(() => folder.remove());

  /** Runs a test file to the end of the process, which nothing may hold up. @returns what was written */
  async function jest(node: string, file: string): Promise<string> {
    const settings = { testEnvironment: 'node', testMatch: [`**/${file}`] };
    const program = [node, 'node_modules/jest/bin/jest.js', '--config', JSON.stringify(settings)];
    const line = `${program.map((word) => `'${word}'`).join(' ')} --detectOpenHandles 2>&1`;
    return run('sh', ['-c', line], { cwd: project, env: VM_MODULES });
  }

  it('has a test for Vitest that passes, and ends by itself', async () => {
    const program = ['node_modules/vitest/vitest.mjs', 'run', 'weather.test.mjs', '--no-color'];
    const output = await run(process.execPath, program, { cwd: project });
    expect(output).to.match(/Tests\s+2 passed/);
  });

  it('has a test for Jest in CommonJS that passes, and leaves nothing open', async () => {
    const output = await jest(process.execPath, 'weather.test.cjs');
    expect(output).to.match(/Tests:\s+2 passed/);
    expect(output).not.to.match(/did not exit|open handle/);
  });

  it('says the truth of require() in Jest', async () => {
    const [oldest = '', newest = ''] = [NODES[0], NODES.at(-1)];
    const refusal = await jest(await nodeBinary(oldest), 'requiring.test.cjs').catch(String);
    expect(refusal).to.match(/Must use import to load ES Module[\s\S]*Node v24\.9\+/);
    const output = await jest(await nodeBinary(newest), 'requiring.test.cjs');
    expect(output).to.match(/Tests:\s+1 passed/);
  });
});
