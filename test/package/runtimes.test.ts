import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { call } from '../support/client.js';
import { startUpstream, text } from '../support/upstream.js';
import { printed, run, start } from './program.js';
import { RUNTIMES } from './runtimes.js';
import { type freshFolder, freshProject, install } from './tarball.js';

const MAIN = 'node_modules/resilient-proxy-out/dist/lib/gateway/main.js';

for (const [name, { version, binary, args }] of Object.entries(RUNTIMES)) {
  describe(`the gateway on ${name}`, () => {
    let folder: Awaited<ReturnType<typeof freshFolder>>;
    let project: string;

    before(async () => {
      const fresh = await freshProject();
      ({ folder, project } = fresh);
      // It is the install script that puts the program in its place.
      await install(project, '--foreground-scripts', fresh.file, `${name}@${version}`);
      const said = await run(join(project, binary), ['--version']).catch((error: Error) => {
        throw new Error(`No ${name} ${version} to test with: ${error.message}`);
      });
      expect(said).to.include(version);
    });
    after(() => folder.remove());

    for (const transport of ['auto', 'undici', 'node']) {
      it(`forwards with transport: ${transport}, shows its pages and leaves`, async () => {
        const upstream = await startUpstream(text('from upstream'));
        const api = { target: upstream.url, transport };
        await writeFile(join(project, 'apis.json'), JSON.stringify({ apis: { one: api } }));
        const line = [...args, MAIN, '--config', 'apis.json', '--port', '0'];
        const program = start(join(project, binary), line, { cwd: project, group: true });
        const url = await printed(program, /http:\S+/, 60_000);

        const sent = await call(`${url}/api/one/hello?a=1`, { method: 'POST', body: 'something' });
        expect([sent.status, sent.text]).to.deep.equal([200, 'from upstream']);
        expect(upstream.requests.map((request) => [request.url, String(request.body)])).to.deep.equal([
          ['/hello?a=1', 'something'],
        ]);
        const page = await call(`${url}/stats-dashboard/`);
        const script = /<script[^>]* src="([^"]+)"/.exec(page.text)?.[1] ?? 'none';
        expect((await call(new URL(script, `${url}/stats-dashboard/`).href)).status).to.equal(200);
        expect((await call(`${url}/health`)).status).to.equal(200);

        program.child.kill('SIGTERM');
        expect(await program.ended, program.output).to.equal(0);
        expect(program.output).not.to.include('"level":"error"');
      });
    }
  });
}
