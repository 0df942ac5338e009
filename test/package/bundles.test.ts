import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { call } from '../support/client.js';
import { startForwardProxy } from '../support/forward-proxy.js';
import { startRedis } from '../support/redis.js';
import { startSocksProxy } from '../support/socks-proxy.js';
import { startUpstream, text } from '../support/upstream.js';
import { BUNDLERS, BUNDLES } from './bundlers.js';
import { printed, run, start } from './program.js';
import { type freshFolder, freshProject, install } from './tarball.js';

const WEBPACK = `import webpack from 'webpack';
const output = { path: process.cwd() + '/out', filename: 'app.cjs' };
webpack({ mode: 'production', target: 'node20', entry: './app.mjs', output }, (error, stats) => {
  if (!error && !stats.hasErrors()) return;
  console.error(String(error ?? stats));
  process.exitCode = 1;
});
`;

const ROLLUP_CONFIG = `import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import resolve from '@rollup/plugin-node-resolve';
export default {
  // undici looks for it, and rollup would import it, which Node 20 has not.
  plugins: [resolve({ preferBuiltins: true }), commonjs({ ignore: ['node:sqlite'] }), json()],
};
`;

describe('a program that is bundled into one file', () => {
  let folder: Awaited<ReturnType<typeof freshFolder>>;
  let project: string;

  before(async () => {
    const fresh = await freshProject();
    ({ folder, project } = fresh);
    await writeFile(join(project, 'build.mjs'), WEBPACK);
    await writeFile(join(project, 'rollup.config.mjs'), ROLLUP_CONFIG);
    await copyFile('test/package/consumer/bundled.mjs', join(project, 'app.mjs'));
    await install(project, '--ignore-scripts', fresh.file, ...BUNDLERS);
  });
  after(() => folder.remove());

  /** The one file, in a folder where no package is found. */
  async function bundle(name: string): Promise<string> {
    const { command: [program = '', ...args] = [], file = '' } = BUNDLES[name] ?? {};
    await run(program, args, { cwd: project });
    const alone = join(folder.path, `alone-${file.replace(/\W/g, '-')}`);
    await mkdir(alone, { recursive: true });
    await rename(join(project, 'out', file), join(alone, file));
    return join(alone, file);
  }

  for (const name of Object.keys(BUNDLES)) {
    it(`forwards, shows its pages and loads what it uses: ${name}`, async () => {
      const file = await bundle(name);
      const upstream = await startUpstream(text('from upstream', { 'Cache-Control': 'max-age=60' }));
      const proxy = await startForwardProxy();
      const socks = await startSocksProxy();
      const redis = await startRedis();
      const env = {
        UPSTREAM: upstream.url,
        REDIS: redis.url,
        HTTP_PROXY_URL: proxy.url,
        SOCKS_PROXY_URL: `socks5://${socks.name}`,
      };
      const program = start(process.execPath, [file], { cwd: join(file, '..'), env });
      const url = await printed(program, /http:\S+/);

      const bodies = [];
      for (const api of ['cached', 'proxied', 'socks', 'node']) {
        const response = await call(`${url}/${api}/hello`);
        bodies.push([api, response.status, response.text]);
      }
      expect(bodies, program.output).to.deep.equal([
        ['cached', 200, 'from upstream'],
        ['proxied', 200, 'from upstream'],
        ['socks', 200, 'from upstream'],
        ['node', 200, 'from upstream'],
      ]);
      expect([proxy.connects.length, socks.requests.length]).to.deep.equal([1, 1]);
      expect(await redis.control.dbsize()).to.be.above(0);

      for (const path of ['/stats/', '/circuits/']) {
        const page = await call(url + path);
        const script = /<script[^>]* src="([^"]+)"/.exec(page.text)?.[1] ?? 'none';
        const asset = await call(new URL(script, url + path).href);
        expect([page.status, asset.status]).to.deep.equal([200, 200]);
        expect(asset.headers['content-type']).to.match(/^text\/javascript/);
      }
      expect((await call(`${url}/metrics`)).text).to.include('resilient_proxy_');

      program.child.kill('SIGTERM');
      expect(await program.ended, program.output).to.equal(0);
      expect(program.output).not.to.match(/warning/i);
    });
  }
});
