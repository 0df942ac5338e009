import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { apiOf, fileOf, problemsOf } from './problems-of.js';

/** Options of http-proxy-middleware as a file says them, with what the configuration then holds. */
const TAKEN: [lines: string, options: object][] = [
  ['cookieDomainRewrite: app.example', { cookieDomainRewrite: 'app.example' }],
  ['cookieDomainRewrite: { "*": "" }', { cookieDomainRewrite: { '*': '' } }],
  ['cookiePathRewrite: { /v2: / }', { cookiePathRewrite: { '/v2': '/' } }],
  ['cookiePathRewrite: false', { cookiePathRewrite: false }],
  ['hostRewrite: app.example:8080', { hostRewrite: 'app.example:8080' }],
  ['autoRewrite: true', { autoRewrite: true }],
  ['protocolRewrite: https', { protocolRewrite: 'https' }],
  ['followRedirects: true', { followRedirects: true }],
  [
    'followRedirects: 3\nredirectOrigins: [https://files.example]',
    { followRedirects: 3, redirectOrigins: ['https://files.example'] },
  ],
  ['followRedirects: true\nredirectOrigins: "*"', { followRedirects: true, redirectOrigins: '*' }],
  [
    'proxyTimeout: 5000\ntimeout: 0\nupgradeTimeout: 4000',
    { proxyTimeout: 5000, timeout: 0, upgradeTimeout: 4000 },
  ],
  ['prependPath: false\npreserveHeaderKeyCase: true', { prependPath: false, preserveHeaderKeyCase: true }],
  ['localAddress: 127.0.0.1', { localAddress: '127.0.0.1' }],
  ['toProxy: true', { toProxy: true }],
  ['forward: https://copy.example', { forward: 'https://copy.example' }],
  [
    'router: { /v2: https://v2.example, "old.example:80/x": http://old.example }',
    { router: { '/v2': 'https://v2.example', 'old.example:80/x': 'http://old.example' } },
  ],
  ['pathFilter: /public', { pathFilter: '/public' }],
  ['pathFilter: ["/public/**", "!/public/admin"]', { pathFilter: ['/public/**', '!/public/admin'] }],
  ['methods: [GET, M-SEARCH]\ntraceMethod: true', { methods: ['GET', 'M-SEARCH'], traceMethod: true }],
  ['via: false', { via: false }],
  ['xfwd: replace', { xfwd: 'replace' }],
  ['rewriteLocation: false', { rewriteLocation: false }],
  ['servername: api.internal', { servername: 'api.internal' }],
];

describe('parseConfig() of the options of http-proxy-middleware', () => {
  for (const [lines, options] of TAKEN) {
    it(`takes ${lines.replaceAll('\n', ', ')}`, async () => {
      const { config } = apiOf(lines);
      expect(config.apis.x).to.deep.equal({ target: 'https://api.example', ...options });
      await resilientProxy(config).close();
    });
  }

  it('takes a router without a target, as code does', () => {
    const { config } = parseConfig('apis: { x: { router: { /v2: https://v2.example } } }', { env: {} });
    expect(config.apis.x).to.deep.equal({ router: { '/v2': 'https://v2.example' } });
  });

  it('lets a variable stand for a number or a switch', () => {
    const lines = `followRedirects: "\${HOPS}"\nproxyTimeout: "\${MS}"\nautoRewrite: "\${ON}"`;
    expect(apiOf(lines, { env: { HOPS: '2', MS: '50', ON: 'true' } }).config.apis.x).to.include({
      followRedirects: 2,
      proxyTimeout: 50,
      autoRewrite: true,
    });
    expect(apiOf(`followRedirects: "\${HOPS}"`, { env: { HOPS: 'true' } }).config.apis.x).to.include({
      followRedirects: true,
    });
  });

  const refused: [lines: string, message: string][] = [
    [
      'router: { /v2: nowhere }',
      'apis.x.router./v2 must be an absolute http or https URL, as https://api.example.com/v2; received "nowhere"',
    ],
    ['router: [https://a.example]', 'apis.x.router must be an object; received an array of 1'],
    ['pathFilter: 5', 'apis.x.pathFilter must be a path, a glob, or a list of either; received 5'],
    [
      'pathFilter: [/a, "/b/**"]',
      'apis.x.pathFilter must be a path, a glob, a list of either, or a function; paths and globs do not mix',
    ],
    ['followRedirects: -1', 'apis.x.followRedirects must be at least 0; received -1'],
    [
      'protocolRewrite: ftp',
      'apis.x.protocolRewrite must be "http" or "https" or "http:" or "https:"; received "ftp"',
    ],
    ['localAddress: eth0', 'apis.x.localAddress must be an IP address of this host; received "eth0"'],
    [
      'proxyTimeout: -1',
      'apis.x.proxyTimeout must be a number of at least 1, or 0 for no limit; received -1',
    ],
    ['redirectOrigins: "*"', 'apis.x.redirectOrigins has no effect without followRedirects'],
    [
      'hostRewrite: a\nkeepAliveTimeoutMs: 5',
      "apis.x.keepAliveTimeoutMs cannot go with hostRewrite, which needs transport 'node'",
    ],
    ['pathRewrite: { "^/(": / }', 'apis.x.pathRewrite.^/( must have a valid regular expression as its key'],
    [
      'forward: https://copy.example\nproxyRotate: { proxies: ["http://p:1"] }',
      'apis.x.forward cannot go with proxyRotate: copies go direct',
    ],
  ];
  for (const [lines, message] of refused) {
    it(`refuses ${lines.replaceAll('\n', ', ')}`, () =>
      expect(problemsOf(fileOf(lines))).to.deep.equal([message]));
  }
});

describe('parseConfig() of what only code can say', () => {
  const wayOut =
    'can be set in code only; load the file with loadConfig(), set it in the result and pass that to resilientProxy()';
  const refused: [text: string, message: string][] = [
    [fileOf('on: { proxyReq: x }'), `apis.x.on ${wayOut}`],
    [fileOf('selfHandleResponse: true'), `apis.x.selfHandleResponse ${wayOut}`],
    [fileOf('logger: console'), `apis.x.logger ${wayOut}`],
    [
      fileOf('agent: x'),
      'apis.x.agent can be set in code only; in a file, proxyRotate names egress proxies, and connections bounds the pool',
    ],
    [
      fileOf('ssl: { ca: x }'),
      'apis.x.ssl can be set in code only; in a file, use ca, cert, key and servername',
    ],
    [fileOf('breaker: { key: x }'), `apis.x.breaker.key ${wayOut}`],
    [
      fileOf('cache: { store: memory }'),
      'apis.x.cache.store can be set in code only; in a file, the block redis shares the cache',
    ],
    [fileOf('rateLimit: { key: x }'), `apis.x.rateLimit.key ${wayOut}`],
    [fileOf('proxyRotate: { stickyKey: x }'), `apis.x.proxyRotate.stickyKey ${wayOut}`],
    [`defaults: { plugins: [] }\n${fileOf('')}`, `defaults.plugins ${wayOut}`],
    [`metrics: { register: x }\n${fileOf('')}`, `metrics.register ${wayOut}`],
    [`tracing: { tracerProvider: x }\n${fileOf('')}`, `tracing.tracerProvider ${wayOut}`],
    [`stats: { path: x }\n${fileOf('')}`, `stats.path ${wayOut}`],
    [
      fileOf('onProxyReq: x'),
      'apis.x.onProxyReq is not an option of apis.x (did you mean on.proxyReq, which can be set in code only?)',
    ],
  ];
  for (const [text, message] of refused) {
    it(message, () => expect(problemsOf(text)).to.deep.equal([message]));
  }
});

describe('parseConfig() of names from elsewhere', () => {
  const refused: [text: string, message: string][] = [
    [
      fileOf('circuitBreaker: { failureThreshold: 5 }'),
      'apis.x.circuitBreaker is not an option of apis.x (did you mean breaker?)',
    ],
    [fileOf('retries: 3'), 'apis.x.retries is not an option of apis.x (did you mean retry.maxAttempts?)'],
    [
      fileOf('maxAttempts: 3'),
      'apis.x.maxAttempts is not an option of apis.x (did you mean retry.maxAttempts?)',
    ],
    [
      fileOf('retry: { limit: 3 }'),
      'apis.x.retry.limit is not an option of apis.x.retry (did you mean maxAttempts?)',
    ],
    [
      fileOf('cache: { resetTimeoutMs: 3 }'),
      'apis.x.cache.resetTimeoutMs is not an option of apis.x.cache (did you mean breaker.resetTimeoutMs?)',
    ],
    [
      `defaults: { ttl: 3 }\n${fileOf('')}`,
      'defaults.ttl is not an option of defaults (did you mean cache.ttlMs?)',
    ],
    [
      `retry: {}\n${fileOf('')}`,
      'retry is not an option (did you mean apis.<name>.retry or defaults.retry?)',
    ],
    [`port: 8080\n${fileOf('')}`, 'port is not an option (did you mean server.port?)'],
    [`server: { prot: 1 }\n${fileOf('')}`, 'server.prot is not an option of server (did you mean port?)'],
    [
      fileOf('circuit_breaker: { failureThreshold: 5 }'),
      'apis.x.circuit_breaker.failureThreshold is not an option of apis.x.circuit_breaker (did you mean breaker.failureThreshold?)',
    ],
  ];
  for (const [text, message] of refused) {
    it(message, () => expect(problemsOf(text)).to.deep.equal([message]));
  }
});
