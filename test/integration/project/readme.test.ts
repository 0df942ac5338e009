import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { printed, start } from '../../package/program.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { commandsOf, expectOutputs } from '../../support/commands.js';
import { unusedPort } from '../../support/listening.js';
import { blocksOf, compiledPages, swap } from '../../support/pages.js';
import { startUpstream, status } from '../../support/upstream.js';

/** Commands of the README that go to this port, there at another. */
async function commandsTo(port: number, there: number) {
  const blocks = (await blocksOf('README.md')).filter(({ language }) => language === 'sh');
  const text = blocks.map((block) => block.text).filter((block) => block.includes(`localhost:${port}/`));
  const commands = commandsOf(swap(text.join(''), { [`localhost:${port}`]: `127.0.0.1:${there}` }));
  return commands.filter(({ command }) => command.startsWith('curl '));
}

/** The gateway as `npm start` runs it, on a port of the test's. */
async function npmStart(...args: string[]): Promise<number> {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
  const program = start('sh', ['-c', `${scripts.start} --port 0 ${args.join(' ')}`]);
  return Number((await printed(program, /127\.0\.0\.1:(\d+)/)).split(':')[1]);
}

describe('the README', function () {
  this.timeout(120_000);

  it('has an application that runs as it stands, and commands that show what it does', async () => {
    const [port, demoPort] = [await unusedPort(), await unusedPort()];
    await npmStart('--demo-port', String(demoPort));
    const { path } = await compiledPages();
    const shown = await readFile(join(path, 'readme/app.mjs'), 'utf8');
    const swapped = swap(shown, {
      'listen(3000': `listen(${port}`,
      '127.0.0.1:8088': `127.0.0.1:${demoPort}`,
    });
    await writeFile(join(path, 'readme/app-here.mjs'), swapped);
    await printed(start(process.execPath, ['readme/app-here.mjs'], { cwd: path }), /http:\S+/);

    const commands = await commandsTo(3000, port);
    const here = commands.filter(({ command }) => !command.includes('/github/'));
    expect([commands.length - here.length, here.length]).to.deep.equal([1, 4]);
    await expectOutputs(here);
    for (const page of ['stats', 'circuits'])
      expect((await call(`http://127.0.0.1:${port}/${page}/`)).status).to.equal(200);
    expect((await call(`http://127.0.0.1:${port}/report`)).headers['cache-status']).to.include('stored');
  });

  it('has commands that show what the gateway does', async () => {
    const commands = await commandsTo(8087, await npmStart());
    expect(commands).to.have.length(6);
    await expectOutputs(commands);
  });
});

describe('recipes/post-as-read.md', () => {
  it('has commands that show what is kept', async () => {
    const upstream = await startUpstream(status(200));
    const blocks = await blocksOf('recipes/post-as-read.md');
    const file = join((await compiledPages()).path, 'prices.yaml');
    const configuration = blocks.find(({ language }) => language === 'yaml')?.text ?? '';
    await writeFile(file, swap(configuration, { 'https://api.example.com': upstream.url }));
    const gateway = start(process.execPath, ['dist/lib/gateway/main.js', '--config', file, '--port', '0']);
    const url = await printed(gateway, /127\.0\.0\.1:\d+/);
    onCleanup(() => gateway.child.kill());

    const commands = blocks.find(({ language }) => language === 'sh')?.text ?? '';
    await expectOutputs(commandsOf(swap(commands, { 'localhost:8087': url })));
    expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal([
      '{"symbol":"BTC"}',
      '{"symbol":"ETH"}',
    ]);
  });
});
