import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { call } from '../../support/client.js';
import { buildGateway } from '../../support/gateway-program.js';
import { startCollector } from '../../support/otlp-collector.js';
import { runGateway } from '../../support/run-gateway.js';
import { startUpstream, text } from '../../support/upstream.js';

const SERVER = 2;

describe('OTLP of a gateway with --workers', function withWorkers() {
  this.timeout(60_000);
  let folder = '';
  before(async function build(this: Mocha.Context) {
    buildGateway.call(this);
    folder = await mkdtemp(join(tmpdir(), 'otlp-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('sends the spans of each, and the metrics of all once, before it ends', async () => {
    const [upstream, collector] = [await startUpstream(text('fine')), await startCollector()];
    const file = join(folder, 'apis.yaml');
    const otlp = `{ otlp: "${collector.url}" }`;
    await writeFile(
      file,
      `server: { port: 0 }\ntracing: ${otlp}\nmetrics: ${otlp}\napis: { x: { target: "${upstream.url}" } }`,
    );
    const gateway = await runGateway(['--config', file, '--workers', '2']);
    // Each comes over a connection of its own: they are dealt out.
    for (let i = 0; i < 12; i++) expect((await call(`${gateway.url}/api/x/`)).status).to.equal(200);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).to.equal(0);

    const calls = collector.spans.filter(({ kind }) => kind === SERVER);
    expect(calls).to.have.length(12);
    const processes = new Set(calls.map(({ resource }) => resource['process.pid']));
    expect([...processes]).to.not.include(gateway.pid);
    expect(processes.size).to.equal(2);
    expect(collector.metrics).to.have.length(1);
    const points = collector.metrics[0]?.get('resilient_proxy_calls_total')?.points ?? [];
    expect(points.find(({ attributes }) => attributes.code === '200')?.asDouble).to.equal(12);
    const memory = collector.metrics[0]?.get('process_resident_memory_bytes')?.points ?? [];
    expect(memory.map(({ attributes }) => attributes.worker)).to.include('primary');
  });
});
