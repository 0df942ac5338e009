import { execFileSync } from 'node:child_process';
import { expect } from 'chai';

/** Runs a program of one line in the package's own folder, where its name resolves to the build. */
const run = (...args: string[]): string => execFileSync(process.execPath, args, { encoding: 'utf8' }).trim();

const NAMES = ['resilientProxy', 'forward', 'retry', 'breaker', 'loadConfig', 'ProxyError'];

describe('the built package', () => {
  it('can be imported', () => {
    const program = `import * as all from 'resilient-proxy-out'; console.log(${JSON.stringify(NAMES)}.filter((name) => typeof all[name] !== 'function').join())`;
    expect(run('--input-type=module', '-e', program)).to.equal('');
  });

  it('can be required', () => {
    const program = `const all = require('resilient-proxy-out'); console.log(${JSON.stringify(NAMES)}.filter((name) => typeof all[name] !== 'function').join())`;
    expect(run('--no-warnings', '-e', program)).to.equal('');
  });

  it('is loaded without a listener, a timer or a socket that would keep a process alive', () => {
    expect(run('--input-type=module', '-e', "await import('resilient-proxy-out')")).to.equal('');
  });

  it('has a command that says its version', () => {
    expect(run('dist/lib/gateway/main.js', '--version')).to.match(/^\d+\.\d+\.\d+$/);
  });
});
