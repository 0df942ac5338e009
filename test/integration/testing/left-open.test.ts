import { expect } from 'chai';
import { run } from '../../package/program.js';

/** A test that has forgotten to close what it has started. */
const FORGETFUL = `
import { resilientProxy } from 'resilient-proxy-out';
import { serve, silence, startUpstream, status, testClock } from 'resilient-proxy-out/testing';
testClock();
const upstream = await startUpstream(status(200), silence);
const proxy = resilientProxy({ name: 'weather', target: upstream.url });
const server = await serve(proxy);
await (await fetch(server.url)).text();
fetch(server.url).catch(() => {});
await upstream.received(2);
await proxy.close();
console.log(upstream.lines.join());
`;

describe('resilient-proxy-out/testing', () => {
  it('keeps no process alive: a server that a test has forgotten ends with it', async () => {
    const program = ['--input-type=module', '--eval', FORGETFUL];
    expect(await run(process.execPath, program)).to.equal('GET /,GET /\n');
  });
});
