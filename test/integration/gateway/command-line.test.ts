import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { redactPath } from '../../../lib/core/redact.js';
import { readCommandLine, UsageError } from '../../../lib/gateway/command-line.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, type TargetResponse } from '../../support/client.js';
import { buildGateway, GATEWAY_PROGRAM } from '../../support/gateway-program.js';
import { listening, unusedPort } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { until, within } from '../../support/until.js';
import { startUpstream, status, type Upstream } from '../../support/upstream.js';

const PATIENCE_MS = 15_000;

interface Program {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Log lines on standard error. */
  readonly logs: Record<string, unknown>[];
  readonly ended: Promise<number | string | null>;
}

/** Runs the program as it is built. */
function run(args: readonly string[], env: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [...GATEWAY_PROGRAM, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onCleanup(() => child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const ended = new Promise<number | string | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  return {
    child,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    get logs() {
      return output.stderr
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
    },
    ended: within(ended, 'the program to end', PATIENCE_MS),
  };
}

/** Runs the program to its end. */
async function outcomeOf(args: readonly string[], env: Record<string, string> = {}) {
  const program = run(args, env);
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** Runs the program until it has printed its URL. */
async function serving(args: readonly string[], env: Record<string, string> = {}) {
  const program = run([...args, '--port', '0'], env);
  await until(
    () => /http:\S+\n/.test(program.stdout),
    `a URL; standard error: ${program.stderr}`,
    PATIENCE_MS,
  );
  const url = /http:\S+/.exec(program.stdout)?.[0] ?? '';
  return { program, url, port: Number(new URL(url).port) };
}

describe('the command line', function commandLine() {
  this.timeout(40_000);
  let folder = '';
  before(function build(this: Mocha.Context) {
    buildGateway.call(this);
    folder = mkdtempSync(join(tmpdir(), 'gateway-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = (content: string, name = 'apis.yaml'): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const fileFor = ({ url }: Pick<Upstream, 'url'>, server = '') =>
    file(`server: { ${server} }\napis: { x: { target: "${url}", retry: false } }`);

  describe('with invalid arguments', () => {
    const usage: [args: string[], message: string][] = [
      [[], '--config FILE is missing (--demo alone serves a demo API)'],
      [['--cofnig', 'a'], 'Unknown option --cofnig (did you mean --config?)'],
      [['-x'], 'Unknown option -x'],
      [['-c', 'apis.yaml'], 'Unknown option -c (did you mean --config?)'],
      [['apis.yaml'], 'Unexpected argument "apis.yaml" (did you mean --config apis.yaml?)'],
      [['start'], 'Unexpected argument "start"'],
      [['--config', '--check'], '--config needs a value'],
      [['--demo', '--check=yes'], '--check takes no value'],
      [['--demo', '--port', '80a'], '--port must be a whole number from 0 to 65535; received "80a"'],
      [['--demo', '--port=65536'], '--port must be a whole number from 0 to 65535; received "65536"'],
    ];
    for (const [args, message] of usage) {
      it(`refuses ${JSON.stringify(args)}`, () =>
        expect(() => readCommandLine(args)).to.throw(UsageError, message));
    }

    it('says one line and exits with 2', async () => {
      const refused = (message: string) => ({
        code: 2,
        stdout: '',
        stderr: `resilient-proxy-out: ${message}; see resilient-proxy-out --help\n`,
      });
      expect(await outcomeOf(['--cofnig', 'a'])).to.deep.equal(
        refused('Unknown option --cofnig (did you mean --config?)'),
      );
      expect(await outcomeOf(['--demo'], { LOG_LEVEL: 'loud' })).to.deep.equal(
        refused('LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent; received "loud"'),
      );
      // What a start would refuse, the check does.
      expect((await outcomeOf(['--demo', '--check'], { LOG_LEVEL: 'loud' })).code).to.equal(2);
      expect((await outcomeOf(['--demo', '--check'], { LOG_FORMAT: 'xml' })).code).to.equal(2);
      expect(await outcomeOf(['--demo'], { LOG_FORMAT: 'xml' })).to.deep.equal(
        refused('LOG_FORMAT must be json or pretty; received "xml"'),
      );
    });
  });

  it('prints its usage and its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await outcomeOf(['--version'])).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: '' });
    const help = await outcomeOf(['--help']);
    expect(help).to.include({ code: 0, stderr: '' });
    expect(help.stdout).to.match(/^Usage: resilient-proxy-out --config FILE/);
  });

  describe('--check', () => {
    it('prints a summary of a valid file and exits with 0, whatever is set', async () => {
      const { code, stdout, stderr } = await outcomeOf(['--config', 'examples/apis.yaml', '--check']);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout.split('\n')).to.include.members([
        'examples/apis.yaml is valid: 6 APIs',
        '  coinbase     https://api.coinbase.com  (2 attempts, opens after 3 failures, cached for 120 s)',
      ]);
    });

    it('says which limits each API will keep', async () => {
      const path = file(
        [
          'apis:',
          '  a: { target: https://a.example, rateLimit: {} }',
          '  b: { target: https://b.example, rateLimit: { limit: 50, windowMs: 10000, learn: false } }',
          '  c:',
          '    target: https://c.example',
          '    rateLimit:',
          '      limit: 5',
          '      burst: { limit: 20, windowMs: 3600000 }',
          '      limits: [{ limit: 9, windowMs: 1000 }, { limit: 1000, windowMs: 86400000, unit: tokens }]',
          '      cost: /usage/total_tokens',
        ].join('\n'),
      );
      const { stdout } = await outcomeOf(['--config', path, '--check']);
      expect(stdout.split('\n').map((line) => /, obeys (.*)\)$/.exec(line)?.[1])).to.include.members([
        'the limits that responses advertise',
        '50 requests in 10 s',
        '5 requests in 60 s, a burst of 20 in 3600 s, 9 requests in 1 s, 1000 tokens in 86400 s and the limits that responses advertise',
      ]);
    });

    it('says how to install what the file needs for OTLP', async () => {
      const hook = file(
        `const Module = require('node:module');
        const resolve = Module._resolveFilename;
        Module._resolveFilename = function (name, ...rest) {
          if (process.env.MISSING.split(',').includes(name)) throw new Error('not installed');
          return resolve.call(this, name, ...rest);
        };`,
        'missing.cjs',
      );
      const names = [
        '@opentelemetry/sdk-trace-base',
        '@opentelemetry/exporter-trace-otlp-proto',
        '@opentelemetry/exporter-metrics-otlp-proto',
      ];
      const env = { NODE_OPTIONS: `--require ${hook}`, MISSING: names.join() };
      const blocks = 'tracing: { otlp: true }\nmetrics: { otlp: "http://collector:4318" }\n';
      const path = file(`${blocks}apis: { x: { target: https://a.example } }`);
      const needs = 'tracing.otlp and metrics.otlp need packages that are not installed: npm install';
      expect(await outcomeOf(['--config', path, '--check'], env)).to.deep.equal({
        code: 1,
        stdout: '',
        stderr: `resilient-proxy-out: ${needs} ${names[0]}@2 ${names[1]} ${names[2]}\n`,
      });
      const off = { ...env, OTEL_SDK_DISABLED: 'true' };
      for (const variables of [off, { ...env, MISSING: '' }])
        expect(await outcomeOf(['--config', path, '--check'], variables)).to.include({ code: 0, stderr: '' });
    });

    it('reads lists of egress proxies as a start does, and names the API that lacks its own', async () => {
      const rotate = (name: string) => `proxyRotate: { proxies: { file: ${name} } }`;
      const path = file(
        `defaults: { ${rotate('apis.yaml')} }\napis: { a: { target: https://a }, b: { target: https://b, ${rotate('nope.txt')} } }`,
      );
      const stderr = `resilient-proxy-out: proxyRotate.proxies.file must be a file that can be read (ENOENT) for the API "b"; received "`;
      for (const args of [['--check'], ['--port', '0']]) {
        const outcome = await outcomeOf(['--config', path, ...args]);
        expect(outcome).to.include({ code: 1, stdout: '' });
        expect(outcome.stderr).to.satisfy((text: string) => text.startsWith(stderr));
      }
    });

    it('prints every problem of another and exits with 1', async () => {
      const path = file(`apis:\n  x:\n    taget: https://a\n    auth: \${NOT_SET}\n`);
      expect(await outcomeOf(['--config', path, '--check'])).to.deep.equal({
        code: 1,
        stdout: '',
        stderr: [
          'resilient-proxy-out: apis.yaml: 2 problems',
          '  line 3: apis.x.taget is not an option of apis.x (did you mean target?)',
          `  line 4: apis.x.auth needs the environment variable NOT_SET, which is not set (\${NOT_SET:-} allows that)`,
          '',
        ].join('\n'),
      });
    });
  });

  it('says in one line why it cannot start, and exits with 1', async () => {
    const { port } = await listening(createServer());
    const refusals: [args: string[], message: string][] = [
      [['--config', 'nowhere.yaml'], 'nowhere.yaml: does not exist'],
      [['--demo', '--port', String(port)], `port ${port} of 127.0.0.1 is in use; choose another with --port`],
      [
        ['--demo', '--demo-port', String(port)],
        `port ${port} of 127.0.0.1 is in use; choose another with --demo-port`,
      ],
      [['--demo', '--host', '192.0.2.77'], '192.0.2.77 is not an address of this machine; see --host'],
    ];
    const outcomes = await Promise.all(refusals.map(([args]) => outcomeOf(args)));
    expect(outcomes).to.deep.equal(
      refusals.map(([, message]) => ({ code: 1, stdout: '', stderr: `resilient-proxy-out: ${message}\n` })),
    );
  });

  it('prints one line with its URL, and serves the demo API', async () => {
    const { program, url } = await serving(['--config', 'examples/apis.yaml', '--demo']);
    expect(program.stdout).to.equal(`resilient-proxy-out listens on ${url}\n`);
    const of = (path: string, body?: string): Promise<TargetResponse> =>
      call(`${url}/api/demo/${path}`, body === undefined ? {} : { method: 'POST', body });
    expect((await of('json')).json()).to.include({ hello: 'world' });
    expect((await of('status/404')).status).to.equal(404);
    expect((await of('slow?ms=1')).json()).to.deep.equal({ waitedMs: 1 });
    expect((await of('echo', 'hi')).json()).to.include({ method: 'POST', url: '/echo', body: 'hi' });
    expect((await of('sse?n=2&ms=1')).text).to.equal('id: 1\ndata: {"n":1}\n\nid: 2\ndata: {"n":2}\n\n');
    expect((await of('flaky?rate=0')).status).to.equal(200);
    expect((await of('quota?limit=1')).headers).to.include({
      'ratelimit-limit': '1',
      'ratelimit-remaining': '0',
    });
    const refused = await of('quota?limit=1', '');
    expect(refused.status).to.equal(429);
    expect(refused.headers['retry-after']).to.match(/^\d+$/);
    expect((await of('flaky?fails=1&key=k')).json()).to.deep.equal({ works: true, failedBefore: 1 });
    program.child.kill('SIGTERM');
    expect(await program.ended).to.equal(0);
    expect(program.stdout).to.equal(`resilient-proxy-out listens on ${url}\n`);
  });

  describe('logs', () => {
    it('show what failed and nothing else, and hold no secret', async () => {
      const upstream = await startUpstream([status(200), status(503)]);
      const { program, url } = await serving(['--config', fileFor(upstream)]);
      await call(`${url}/api/x/fine?token=t0p`);
      await call(`${url}/api/x/fails?api_key=t0p&q=1`, {
        headers: { 'X-Request-Id': 'req-1', Authorization: 'Bearer t0p', Cookie: 'a=t0p' },
      });
      await until(() => program.logs.length > 0);
      const [line, ...more] = program.logs;
      expect(more).to.deep.equal([]);
      expect(line).to.include({
        level: 'warn',
        requestId: 'req-1',
        api: 'x',
        method: 'GET',
        status: 503,
        upstreamStatus: 503,
        attempts: 1,
        msg: 'the upstream responded with 503 after 1 attempt',
      });
      expect(line?.path).to.equal('/api/x/fails?api_key=***&q=1');
      expect(program.stderr).not.to.include('t0p');
    });

    it('show the cause of an error response, and the circuit that opens', async () => {
      const path = file(
        `apis: { x: { target: "http://127.0.0.1:${await unusedPort()}", retry: false, breaker: { failureThreshold: 1 } } }`,
      );
      const { program, url } = await serving(['--config', path]);
      await call(`${url}/api/x/a`);
      await call(`${url}/api/x/b`, { headers: { 'X-Request-Id': 'a b' } });
      await until(() => program.logs.length > 1);
      const { msg: failure } = program.logs.find(({ code }) => code) ?? {};
      expect(program.logs.map(({ api, msg, code }) => [api, msg, code])).to.have.deep.members([
        ['x', `circuit "x" opened: 1 failure in a row (last: ${failure}); probe in 30 s`, undefined],
        ['x', failure, 'ERR_UPSTREAM_CONNECT'],
      ]);
    });

    it('have a line for every call with --access-log', async () => {
      const upstream = await startUpstream(status(204));
      const { program, url } = await serving(['--config', fileFor(upstream), '--access-log']);
      await call(`${url}/api/x/a`, { headers: { 'X-Request-Id': 'not usable!' } });
      await call(`${url}/api/nosuch/a`);
      const calls = () => program.logs.filter(({ path }) => path !== undefined);
      await until(() => calls().length === 2);
      const [first, second] = calls();
      expect(first).to.include({ level: 'info', api: 'x', path: '/api/x/a', status: 204, msg: 'call' });
      expect(first?.requestId).to.match(/^[0-9a-f-]{36}$/);
      expect(second).to.include({ path: '/api/nosuch/a', status: 404 });
    });

    it('hide the values of query parameters that hold secrets', () => {
      const names = [
        'api_key',
        'apikey',
        'key',
        'token',
        'access_token',
        'password',
        'secret',
        'signature',
        'API-Key',
        'X-Amz-Signature',
        '%61pi_key',
      ];
      for (const name of names) expect(redactPath(`/a?b=1&${name}=t0p&c`)).to.equal(`/a?b=1&${name}=***&c`);
      expect(redactPath('/a?monkeys=1&q=token')).to.equal('/a?monkeys=1&q=token');
      expect(redactPath('/a?to=http://u:p@proxy:1/&%=1')).to.equal('/a?to=http://***@proxy:1/&%=1');
      expect(redactPath('/http://u:p@proxy/x')).to.equal('/http://***@proxy/x');
    });
  });

  describe('signals that mean nothing to it', () => {
    for (const [signal, message] of [
      ['SIGUSR2', 'SIGUSR2 replaces workers, and there are none without --workers: nothing was done'],
      ['SIGUSR1', 'SIGUSR1 does nothing: the gateway has no log files to open again'],
    ] as const)
      it(`leave it as it is and are told of: ${signal}`, async () => {
        const { program, url } = await serving(['--demo']);
        program.child.kill(signal);
        await until(() => program.logs.some(({ msg }) => msg === message), message);
        expect(program.stderr).not.to.match(/debugger/i);
        expect((await call(`${url}/health`)).status).to.equal(200);
      });
  });

  describe('SIGTERM', () => {
    /** An upstream that responds when released. */
    const startHeld = async () => {
      const waiting: (() => void)[] = [];
      const upstream = await startUpstream((_req, res) => void waiting.push(() => res.end('late')));
      const release = (): void => {
        for (const go of waiting) go();
      };
      return { upstream, release };
    };
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

    it('serves calls for drainDelayMs, lets those in progress end, and exits with 0', async () => {
      const { upstream, release } = await startHeld();
      const { program, port } = await serving(['--config', fileFor(upstream, 'drainDelayMs: 300')]);
      const [busy, silent, idle] = [await rawClient(port), await rawClient(port), await rawClient(port)];
      idle.send(get('/health'));
      await idle.until(/\{"status":"ok"\}/);
      busy.send(get('/api/x/slow'));
      await until(() => upstream.requests.length === 1);
      program.child.kill('SIGTERM');
      await until(() => program.stderr.includes('shutting down'));
      busy.send(get('/api/x/more') + get('/health'));
      await until(() => upstream.requests.length === 2);
      await Promise.all([silent.untilClosed(), idle.untilClosed()]);
      const late = request({ port, host: '127.0.0.1' }).end();
      expect(await new Promise((resolve) => late.on('error', ({ message }) => resolve(message)))).to.match(
        /ECONNREFUSED/,
      );
      release();
      const responses = (await busy.untilClosed()).split(/(?=HTTP\/1\.1 )/);
      expect(responses.map((response) => response.slice(9, 12))).to.deep.equal(['200', '200', '503']);
      expect(responses[2])
        .to.match(/Connection: close/i)
        .and.match(/shutting_down/);
      expect(await program.ended).to.equal(0);
    });

    it('cuts off at shutdownTimeoutMs what does not end', async () => {
      const { upstream } = await startHeld();
      const { program, port } = await serving([
        ...['--config', fileFor(upstream, 'drainDelayMs: 0, shutdownTimeoutMs: 200')],
      ]);
      const busy = await rawClient(port);
      busy.send(get('/api/x/slow'));
      await until(() => upstream.requests.length === 1);
      program.child.kill('SIGINT');
      expect(await busy.untilClosed()).to.match(/^HTTP\/1\.1 503 .*ERR_SHUTTING_DOWN/s);
      expect(await program.ended).to.equal(0);
      const [first, ...others] = program.logs.map(({ msg }) => msg);
      expect(first).to.equal('shutting down');
      // The end of the call may be logged behind the end of the connections.
      expect(others).to.have.members([
        'The gateway is shutting down',
        'connections were cut off after server.shutdownTimeoutMs',
      ]);
    });

    it('exits at once when it comes twice', async () => {
      const { upstream } = await startHeld();
      const { program, port } = await serving(['--config', fileFor(upstream)]);
      const busy = await rawClient(port);
      busy.send(get('/api/x/slow'));
      await until(() => upstream.requests.length === 1);
      program.child.kill('SIGTERM');
      await until(() => program.stderr.includes('shutting down'));
      program.child.kill('SIGTERM');
      expect(await program.ended).to.equal(143);
      expect(program.logs.at(-1)).to.include({
        level: 'warn',
        msg: 'a second SIGTERM: calls in progress are cut off',
      });
    });

    it('says what it waits for where that takes long', async () => {
      const { upstream, release } = await startHeld();
      const { program, port } = await serving(['--config', fileFor(upstream)]);
      const busy = await rawClient(port);
      busy.send(get('/api/x/slow'));
      await until(() => upstream.requests.length === 1);
      program.child.kill('SIGINT');
      await until(() => /still shutting down: .* a second SIGINT cuts them off/.test(program.stderr));
      release();
      expect(await program.ended).to.equal(0);
    });
  });
});
