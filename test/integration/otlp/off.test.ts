import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { buildGateway } from '../../support/gateway-program.js';

/** Packages of OpenTelemetry that a process has loaded after it has made a proxy with these options. */
function loadedWith(options: object): string[] {
  const program = `
    import { createRequire } from 'node:module';
    import { resilientProxy } from './dist/lib/index.js';
    resilientProxy({ name: 'x', target: 'http://127.0.0.1:1', metrics: {}, ...${JSON.stringify(options)} });
    const { cache } = createRequire(import.meta.url);
    const names = Object.keys(cache).map((path) => /@opentelemetry[/\\\\]([\\w-]+)/.exec(path)?.[1]);
    console.log(JSON.stringify([...new Set(names.filter(Boolean))]));
    process.exit(0);`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program]);
  return JSON.parse(String(output));
}

describe('without otlp', () => {
  before(buildGateway);

  it('nothing of OpenTelemetry but its API is loaded', () => {
    expect(loadedWith({})).to.deep.equal(['api']);
    expect(loadedWith({ tracing: {} })).to.deep.equal(['api']);
    expect(loadedWith({ tracing: { otlp: 'http://127.0.0.1:1' } })).to.include.members([
      'sdk-trace-base',
      'exporter-trace-otlp-proto',
    ]);
  });
});
