import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { apiOf, errorOf, fileOf, problemsOf } from './problems-of.js';

/** Every option of an API that a file can say, each with another value than its default. */
const FULL = `
method: POST
headers: { X-One: a, X-Two: [a, b] }
forwardHeaders: [X-Request-Id]
forwardCookies: true
secure: false
changeOrigin: false
xfwd: true
auth: user:word
pathRewrite: { "^/old": /new }
ignorePath: false
transport: undici
connections: 7
keepAliveTimeoutMs: 1
connectTimeoutMs: 2
bodyTimeoutMs: 0
requestTimeoutMs: 3
maxResponseHeaderBytes: 2048
maxKeptBytes: 4
ws: true
requiresBody: true
validateJson: false
maxBodyBytes: 5
explain: { proxyStatus: false }
retry:
  maxAttempts: 2
  initialDelayMs: 10
  maxDelayMs: 20
  backoffFactor: 3
  totalTimeoutMs: 30
  retryOnStatus: [503]
  retryOnErrors: [timeout, socket]
  methods: [GET, POST]
  maxBodyBytes: 40
  budgetRatio: false
  idempotencyKey: { header: X-Request-Key, methods: [POST], quoted: true }
breaker:
  failureThreshold: 1
  resetTimeoutMs: 2
  requestTimeoutMs: 3
  successThreshold: 4
  maxProbes: 5
  probeTimeoutMs: 6
  failureRatio: false
  minimumRequests: 7
  windowMs: 8
  countRateLimited: true`;

describe('parseConfig() of the options of an API', () => {
  it('passes every option on as it stands, and fills in none', () => {
    const { config, warnings } = apiOf(FULL);
    expect(config.apis.x).to.deep.equal({
      target: 'https://api.example',
      method: 'POST',
      headers: { 'X-One': 'a', 'X-Two': ['a', 'b'] },
      forwardHeaders: ['X-Request-Id'],
      forwardCookies: true,
      secure: false,
      changeOrigin: false,
      xfwd: true,
      auth: 'user:word',
      pathRewrite: { '^/old': '/new' },
      ignorePath: false,
      transport: 'undici',
      connections: 7,
      keepAliveTimeoutMs: 1,
      connectTimeoutMs: 2,
      bodyTimeoutMs: 0,
      requestTimeoutMs: 3,
      maxResponseHeaderBytes: 2048,
      maxKeptBytes: 4,
      ws: true,
      requiresBody: true,
      validateJson: false,
      maxBodyBytes: 5,
      explain: { proxyStatus: false },
      retry: {
        maxAttempts: 2,
        initialDelayMs: 10,
        maxDelayMs: 20,
        backoffFactor: 3,
        totalTimeoutMs: 30,
        retryOnStatus: [503],
        retryOnErrors: ['timeout', 'socket'],
        methods: ['GET', 'POST'],
        maxBodyBytes: 40,
        budgetRatio: false,
        idempotencyKey: { header: 'X-Request-Key', methods: ['POST'], quoted: true },
      },
      breaker: {
        failureThreshold: 1,
        resetTimeoutMs: 2,
        requestTimeoutMs: 3,
        successThreshold: 4,
        maxProbes: 5,
        probeTimeoutMs: 6,
        failureRatio: false,
        minimumRequests: 7,
        windowMs: 8,
        countRateLimited: true,
      },
    });
    expect(warnings).to.deep.equal(['apis.x.secure is false: the certificate of its target is not verified']);
  });

  it('gives resilientProxy() a configuration that it takes', async () => {
    await resilientProxy(apiOf(FULL).config).close();
  });

  it('turns retry and breaker off by false', () => {
    expect(apiOf('retry: false\nbreaker: false').config.apis.x).to.include({ retry: false, breaker: false });
  });

  const refused: [line: string, message: string][] = [
    ['targte: a', 'apis.x.targte is not an option of apis.x (did you mean target?)'],
    [
      'qqqqqqqq: 1',
      'apis.x.qqqqqqqq is not an option of apis.x (nearest: upgrades, method, methods; see docs/options.md)',
    ],
    [
      'retry: { maxAttemps: 3 }',
      'apis.x.retry.maxAttemps is not an option of apis.x.retry (did you mean maxAttempts?)',
    ],
    [
      'breaker: { maxTrials: 3 }',
      'apis.x.breaker.maxTrials is not an option of apis.x.breaker (did you mean maxProbes?)',
    ],
    ['explain: yes', 'apis.x.explain must be a block of options, true or false; received "yes"'],
    [
      'explain: { serverTimings: true }',
      'apis.x.explain.serverTimings is not an option of apis.x.explain (did you mean serverTiming?)',
    ],
    ['retry: yes', 'apis.x.retry must be a block of options, true or false; received "yes"'],
    ['retry: { maxAttempts: "3" }', 'apis.x.retry.maxAttempts must be a number; received "3"'],
    [
      'retry: { idempotencyKey: { header: Host } }',
      'apis.x.retry.idempotencyKey.header must be a header with no other meaning; received a string of 4 characters',
    ],
    ['retry: { maxAttempts: 1.5 }', 'apis.x.retry.maxAttempts must be a whole number; received 1.5'],
    ['retry: { initialDelayMs: -1 }', 'apis.x.retry.initialDelayMs must be at least 1; received -1'],
    ['retry: { initialDelayMs: .nan }', 'apis.x.retry.initialDelayMs must be a number; received NaN'],
    ['retry: { maxDelayMs: .inf }', 'apis.x.retry.maxDelayMs must be a number; received Infinity'],
    ['retry: { retryOnStatus: [200] }', 'apis.x.retry.retryOnStatus[0] must be at least 400; received 200'],
    ['breaker: { failureRatio: 2 }', 'apis.x.breaker.failureRatio must be at most 1; received 2'],
    ['secure: yes', 'apis.x.secure must be a boolean; received "yes"'],
    [
      'forwardHeaders: all',
      'apis.x.forwardHeaders must be true, false or a list of header names; received "all"',
    ],
    ['transport: fetch', 'apis.x.transport must be "auto" or "undici" or "node"; received "fetch"'],
    ['headers: { "X Y": a }', 'apis.x.headers.X Y must be a header name; received a string of 1 characters'],
    [
      'headers: { X-Key: 123 }',
      'apis.x.headers.X-Key must be Latin-1 text without control characters, CR or LF, or a list of such texts (put numbers in quotes); received a number',
    ],
    [
      'headers: { X-Key: "a\\r\\nb" }',
      'apis.x.headers.X-Key must be Latin-1 without control characters, CR or LF; received a string of 4 characters',
    ],
    [
      'transport: node\nkeepAliveTimeoutMs: 5',
      "apis.x.keepAliveTimeoutMs cannot be honoured by transport 'node'",
    ],
    ['cache: soon', 'apis.x.cache must be a block of options, true or false; received "soon"'],
    ['rateLimit: soon', 'apis.x.rateLimit must be a block of options, true or false; received "soon"'],
    ['cache: { ttl: 5 }', 'apis.x.cache.ttl is not an option of apis.x.cache (did you mean ttlMs?)'],
  ];
  for (const [line, message] of refused) {
    it(`refuses ${line.replaceAll('\n', ', ')}`, () =>
      expect(problemsOf(fileOf(line))).to.deep.equal([message]));
  }

  for (const target of ['file:///etc/passwd', "''", 'api.example', 'http://', '7']) {
    it(`refuses the target ${target}`, () => {
      const [problem, ...more] = problemsOf(fileOf('', `target: ${target}`));
      expect(more).to.deep.equal([]);
      expect(problem).to.match(/^apis\.x\.target must be (an absolute http or https URL|a string)/);
    });
  }

  it('asks for a target, in the API or in defaults', () => {
    expect(problemsOf('apis: { x: {} }')).to.deep.equal(['apis.x.target is required']);
    expect(problemsOf('apis: { x: }')).to.deep.equal(['apis.x must be an object; received null']);
    expect(
      problemsOf('defaults: { target: https://a }\napis: { x: {} }\nserver: { port: -1 }'),
    ).to.deep.equal(['server.port must be at least 0; received -1']);
  });

  it('refuses a name that no path segment can be', () => {
    for (const name of ['-a', '"a/b"', '""', '"a b"']) {
      expect(problemsOf(`apis: { ${name}: { target: https://a } }`)[0]).to.include(
        'must be a name of letters, digits, "-", "_", "." and "~"',
      );
    }
    expect(problemsOf('apis: { __proto__: { target: https://a }, x: { target: https://a } }')).to.deep.equal([
      'apis.__proto__ is not an allowed name',
    ]);
    expect(
      Object.keys(parseConfig('apis: { constructor: { target: https://a } }').config.apis),
    ).to.deep.equal(['constructor']);
  });

  it('lists every problem of a file at once, in the order of its lines', () => {
    const { problems } = errorOf(
      'server: { port: x }\napis:\n  a:\n    target: nowhere\n    foo: 1\n    bar: 2\n  b: 3\n',
    );
    expect(problems.map(({ line, path }) => [line, path])).to.deep.equal([
      [1, 'server.port'],
      [4, 'apis.a.target'],
      [5, 'apis.a.foo'],
      [6, 'apis.a.bar'],
      [7, 'apis.b'],
    ]);
  });
});

describe('parseConfig() of the block server', () => {
  const serverOf = (block: string) =>
    parseConfig(`server: ${block}\napis: { x: { target: https://a } }`).gateway;

  it('fills in the defaults', () => {
    const defaults = {
      host: '127.0.0.1',
      port: 8087,
      allowedHosts: [],
      allowCrossSite: false,
      accessLog: false,
      drainDelayMs: 'auto',
      shutdownTimeoutMs: 10_000,
      ready: { requireRedis: false },
      headersTimeoutMs: 15_000,
      keepAliveTimeoutMs: 72_000,
      maxConnections: 0,
      trustProxy: [],
      maxRequestsPerSocket: 0,
      watch: true,
    };
    expect(apiOf('').gateway).to.deep.equal(defaults);
    expect(serverOf('{ port: 0, allowedHosts: [gateway.internal, "[fd00::1]"] }')).to.deep.equal({
      ...defaults,
      port: 0,
      allowedHosts: ['gateway.internal', '[fd00::1]'],
    });
  });

  it('puts admin routes on loopback, and refuses a place without a port and limits that are none', () => {
    expect(serverOf('{ admin: { port: 9090 } }').admin).to.deep.equal({ host: '127.0.0.1', port: 9090 });
    const refused = {
      '{ admin: {} }': 'server.admin.port is required and must be a number',
      '{ admin: { prot: 1 } }': 'server.admin.prot is not an option of server.admin (did you mean port?)',
      '{ maxConnections: -1 }': 'server.maxConnections must be at least 0; received -1',
      '{ maxRequestsPerSocket: 0.5 }': 'server.maxRequestsPerSocket must be a whole number; received 0.5',
    };
    for (const [block, message] of Object.entries(refused)) expect(() => serverOf(block)).to.throw(message);
  });

  it('refuses what is no host name', () => {
    expect(() => serverOf('{ allowedHosts: ["http://a"] }')).to.throw(
      'server.allowedHosts[0] must be a host name without scheme and port; received "http://a"',
    );
  });
});
