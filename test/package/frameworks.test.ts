import { copyFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { swap } from '../support/pages.js';
import { credentials } from '../support/tls.js';
import { startApi } from './places/api.js';
import { http1, http2 } from './places/client.js';
import { PLACES, type Place } from './places/places.js';
import { probe } from './places/probes.js';
import { printed, run, start } from './program.js';
import { type freshFolder, freshProject, install } from './tarball.js';

/** An installation of all frameworks, and a build of Next.js, on a machine that has other things to do. */
const PATIENCE_MS = 300_000;

const EXAMPLES = 'examples/frameworks';
const QUIET = { NEXT_TELEMETRY_DISABLED: '1' };
const tls = credentials();

describe('an example in examples/frameworks', function () {
  this.timeout(PATIENCE_MS);
  let folder: Awaited<ReturnType<typeof freshFolder>>;
  let project: string;

  before(async () => {
    const fresh = await freshProject();
    ({ folder, project } = fresh);
    await writeFile(join(project, 'key.pem'), tls.key);
    await writeFile(join(project, 'cert.pem'), tls.cert);
    await copyFile('test/package/consumer/lambda.mjs', join(project, 'lambda.mjs'));
    await install(project, '--ignore-scripts', fresh.file, ...PLACES.flatMap(({ packages }) => packages));
  });
  after(() => folder.remove());

  /** Puts the example where its packages are found. @returns what to run there */
  async function prepare({
    example,
    replaced = {},
    command = [example],
    prepare,
  }: Place): Promise<readonly string[]> {
    const from = join(EXAMPLES, example);
    if (!example.endsWith('.mjs')) await cp(from, project, { recursive: true });
    else await writeFile(join(project, example), swap(await readFile(from, 'utf8'), replaced));
    if (prepare) await run(process.execPath, prepare, { cwd: project, env: QUIET });
    return command;
  }

  for (const place of PLACES) {
    it(`does what docs/places.md says: ${place.name}`, async () => {
      const command = await prepare(place);
      const api = await startApi();
      const env = {
        ...QUIET,
        TARGET: api.url,
        PORT: '0',
        TLS_KEY: 'key.pem',
        TLS_CERT: 'cert.pem',
        ...place.env,
      };
      const program = start(process.execPath, command, { cwd: project, env, group: true });
      const line = await printed(program, /https?:\/\/\S+:\d+/);
      const url = line.replace('[::1]', '127.0.0.1').replace('localhost', '127.0.0.1');
      const ca = url.startsWith('https') ? tls.ca : undefined;
      const client = ca === undefined ? http1(url) : http2(url, ca);

      const { works, faults } = await probe({ client, api, ca, socketUrl: url.replace('http', 'ws') });
      expect(works, [...faults, program.output].join('\n')).to.deep.equal(place.works);
      program.child.kill('SIGTERM');
      expect(await program.ended, program.output).to.be.oneOf([0, 143]);
      expect(program.output).not.to.match(/warning/i);
    });
  }
});
