import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { call } from '../support/client.js';
import { printed, run, start } from './program.js';
import { freshFolder } from './tarball.js';

/** An installation and a build, on a machine that has other things to do. */
const PATIENCE_MS = 300_000;

/** npm takes what it has fetched before. */
const env = { npm_config_prefer_offline: 'true' };

/** Few tests stand in for all of them: one for each of the scripts that `npm test` runs side by side. */
const FEW = ['test/integration/core/exchange.test.ts', 'test/integration/project/package.test.ts'];

describe('a fresh clone', function () {
  this.timeout(PATIENCE_MS);
  let folder: Awaited<ReturnType<typeof freshFolder>>;
  let clone: string;

  beforeEach(async () => {
    folder = await freshFolder();
    clone = join(folder.path, 'clone');
    await run('git', ['clone', '--quiet', resolve('.'), clone]);
  });
  afterEach(() => folder.remove());

  it('serves the gateway with its demo by `npm start` alone', async () => {
    const program = start('npm', ['start', '--', '--port', '0'], { cwd: clone, env, group: true });
    const url = await printed(program, /http:\/\/127\.0\.0\.1:\d+/, PATIENCE_MS);
    const codes = await Promise.all(
      ['/health', '/api/demo/json', '/stats-dashboard/'].map(async (path) => (await call(url + path)).status),
    );
    expect(codes).to.deep.equal([200, 200, 200]);

    program.child.kill('SIGTERM');
    await program.ended;
    const refused = await call(`${url}/health`).catch((error: NodeJS.ErrnoException) => error.code);
    expect(refused).to.equal('ECONNREFUSED');
  });

  it('is tested by `npm test` alone', async () => {
    for (const name of await readdir(join(clone, 'test'), { recursive: true })) {
      const file = join('test', name);
      if (file.endsWith('.test.ts') && !FEW.includes(file)) await rm(join(clone, file));
    }
    const output = await run('npm', ['test'], { cwd: clone, env });
    expect(output.match(/^ +[1-9]\d* passing/gm)).to.have.length(FEW.length);
    expect(existsSync(join(clone, 'dist/lib/index.js'))).to.equal(true);
  });
});
