import { resolve } from 'node:path';
import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { apiOf, fileOf, problemsOf } from './problems-of.js';

const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'];

/** The four example APIs of the OpenResty gateway, in its own names and units. */
const API_CONFIGS = `
api_configs:
  ip:
    target_url: https://ipinfo.io
    method: GET
    requires_body: false
    circuit_breaker: { failure_threshold: 5, reset_timeout: 30, request_timeout: 10000, success_threshold: 2 }
    retry:
      max_attempts: 3
      initial_delay: 0.5
      max_delay: 5
      backoff_factor: 1.5
      retry_on_status: [500, 502, 503, 504, 429]
      retry_on_errors: [timeout, connection refused, connection reset, socket, host not found]
  hyperliquid:
    target_url: https://api.hyperliquid.xyz
    method: POST
    requires_body: true
    headers: { Content-Type: application/json }
    forward_headers: false
  birdeye:
    target_url: https://public-api.birdeye.so
    enable_cache: true
    forward_headers: [X-API-KEY, x-chain]
    cache_header_strategy: listed
    cache_headers: [X-API-KEY, x-chain]
  coinbase:
    target_url: https://api.coinbase.com/v2
    enable_cache: true
    cache_ttl: 120
    failure_threshold: 3
    reset_timeout: 60
    request_timeout: 5000
    max_attempts: 2
`;

const old = (lines: string) => fileOf(lines, 'target_url: https://a');

describe('the names of the OpenResty gateway', () => {
  const { config, warnings } = parseConfig(API_CONFIGS, { env: {} });

  it('carry over in the blocks circuit_breaker and retry, seconds as milliseconds', () => {
    expect(config.apis.ip).to.deep.equal({
      target: 'https://ipinfo.io',
      requiresBody: false,
      breaker: { failureThreshold: 5, resetTimeoutMs: 30_000, requestTimeoutMs: 10_000, successThreshold: 2 },
      retry: {
        maxAttempts: 3,
        initialDelayMs: 500,
        maxDelayMs: 5000,
        backoffFactor: 1.5,
        retryOnStatus: [500, 502, 503, 504, 429],
        retryOnErrors: ['timeout', 'connection refused', 'connection reset', 'socket', 'host not found'],
      },
    });
  });

  it('turn a method into one that may be sent again, and never into an override', () => {
    expect(config.apis.hyperliquid).to.deep.equal({
      target: 'https://api.hyperliquid.xyz',
      requiresBody: true,
      headers: { 'Content-Type': 'application/json' },
      forwardHeaders: false,
      retry: { methods: [...IDEMPOTENT, 'POST'] },
    });
    expect(apiOf('method: POST').config.apis.x).to.deep.equal({
      target: 'https://api.example',
      method: 'POST',
    });
  });

  it('carry over beside the target as well', () => {
    expect(config.apis.coinbase).to.deep.equal({
      target: 'https://api.coinbase.com/v2',
      breaker: { failureThreshold: 3, resetTimeoutMs: 60_000, requestTimeoutMs: 5000 },
      retry: { maxAttempts: 2 },
      cache: { mode: 'ttl', ttlMs: 120_000 },
    });
  });

  it('turn the cache on by its switch', () => {
    expect(config.apis.birdeye).to.deep.equal({
      target: 'https://public-api.birdeye.so',
      forwardHeaders: ['X-API-KEY', 'x-chain'],
      cache: { mode: 'ttl', headerStrategy: 'listed', headers: ['X-API-KEY', 'x-chain'] },
    });
    expect(warnings).to.deep.equal([]);
  });

  it('leave TLS verified unless ssl_verify is false', () => {
    expect(parseConfig(old('')).config.apis.x).not.to.have.property('secure');
    expect(parseConfig(old('ssl_verify: true')).config.apis.x?.secure).to.equal(true);
    const off = parseConfig(old('ssl_verify: false'), { env: {} });
    expect(off.config.apis.x?.secure).to.equal(false);
    expect(off.warnings).to.deep.equal([
      'apis.x.secure is false: the certificate of its target is not verified',
    ]);
  });

  it('mix with our own names, also within the block retry', () => {
    const { apis } = parseConfig(
      old('retry: { maxAttempts: 4, initial_delay: 2, methods: [GET] }\nmethod: POST'),
    ).config;
    expect(apis.x?.retry).to.deep.equal({ maxAttempts: 4, initialDelayMs: 2000, methods: ['GET'] });
  });

  it('bound each attempt by request_timeout where the breaker is off', () => {
    const { apis } = parseConfig(old('breaker: false\nrequest_timeout: 700')).config;
    expect(apis.x).to.deep.equal({ target: 'https://a', breaker: false, requestTimeoutMs: 700 });
  });

  it('add to the methods that defaults let be sent again', () => {
    const text = `defaults: { retry: { methods: [GET] } }\n${old('method: POST')}`;
    expect(parseConfig(text).config.apis.x?.retry).to.deep.equal({ methods: ['GET', 'POST'] });
  });

  it('stand in defaults too', () => {
    const { config } = parseConfig(
      `defaults: { reset_timeout: 5, method: PATCH, forward_headers: false }\n${old('')}`,
    );
    expect(config.defaults).to.deep.equal({
      breaker: { resetTimeoutMs: 5000 },
      retry: { methods: [...IDEMPOTENT, 'PATCH'] },
      forwardHeaders: false,
    });
  });

  const contradictions: [lines: string, message: string][] = [
    ['target: https://b', 'apis.x.target_url sets the same option as apis.x.target; keep one of them'],
    [
      'failure_threshold: 1\ncircuit_breaker: { failure_threshold: 1 }',
      'apis.x.failure_threshold sets the same option as apis.x.circuit_breaker.failure_threshold; keep one of them',
    ],
    [
      'retry: { maxAttempts: 1, max_attempts: 1 }',
      'apis.x.retry.max_attempts sets the same option as apis.x.retry.maxAttempts; keep one of them',
    ],
    ['retry: false\nmax_attempts: 1', 'apis.x.max_attempts cannot go with retry: false'],
    [
      'enable_cache: false\ncache: { ttlMs: 1 }',
      'apis.x.enable_cache is false, which cannot go with a block cache',
    ],
    [
      'use_proxy: true\nproxyRotate: false',
      'apis.x.use_proxy is true, which cannot go with proxyRotate: false',
    ],
  ];
  for (const [lines, message] of contradictions) {
    it(`refuse ${lines.replaceAll('\n', ', ')}`, () =>
      expect(problemsOf(old(lines))).to.deep.equal([message]));
  }

  it('refuse a wrong value under the name that was written', () => {
    expect(problemsOf(old('reset_timeout: -1\nrequest_timeout: soon\nretry_on_errors: [dns]'))).to.deep.equal(
      [
        'apis.x.reset_timeout must be at least 0.001; received -1',
        'apis.x.request_timeout must be a number; received "soon"',
        'apis.x.retry_on_errors[0] must be "timeout" or "connection refused" or "connection reset" or "socket" or "host not found"; received "dns"',
      ],
    );
  });
});

describe('parseConfig() of switches', () => {
  it('says nothing of what is turned off', () => {
    expect(
      apiOf('cache: false\nrateLimit: false\nenable_cache: false\nuse_proxy: false').warnings,
    ).to.deep.equal([]);
  });

  it('warns of cache names that nothing turns on', () => {
    expect(parseConfig(old('cache_ttl: 5'), { env: {} }).warnings).to.deep.equal([
      'apis.x.cache_ttl has no effect without enable_cache: true',
    ]);
    const text = `defaults: { enable_cache: true }\n${old('cache_ttl: 5')}`;
    const { warnings, config } = parseConfig(text, { env: {} });
    expect(warnings).to.deep.equal([]);
    expect([config.defaults, config.apis.x]).to.deep.equal([
      { cache: { mode: 'ttl' } },
      { target: 'https://a', cache: { ttlMs: 5000 } },
    ]);
  });
});

describe('parseConfig() of egress proxies', () => {
  const rotating = 'use_proxy: true\nproxy_strategy: on_rate_limit';
  const proxies = ['http://user:p%40ss@one:3128', 'http://two:3128'];

  it('takes those of PROXY_URLS for each API that rotates and names none', () => {
    const { config, warnings } = parseConfig(old(rotating), { env: { PROXY_URLS: proxies.join(' ; ') } });
    expect(config.apis.x?.proxyRotate).to.deep.equal({ strategy: 'on_rate_limit', proxies });
    expect(warnings).to.deep.equal([]);
    const own = apiOf('proxyRotate: { proxies: ["http://own:1"] }', {
      env: { PROXY_URL: 'http://two:3128' },
    });
    expect(own.config.apis.x?.proxyRotate).to.deep.equal({ proxies: ['http://own:1'] });
    expect(apiOf('', { env: { PROXY_URL: 'http://two:3128' } }).config.apis.x).not.to.have.property(
      'proxyRotate',
    );
  });

  it('takes them for what the defaults turn on', () => {
    const text = `defaults: { use_proxy: true, proxyRotate: { cooldownMs: 5 } }\n${fileOf('proxyRotate: { maxFailures: 2 }')}`;
    const { config } = parseConfig(text, { env: { PROXY_URL: 'http://two:3128' } });
    expect(config.apis.x?.proxyRotate).to.deep.equal({
      cooldownMs: 5,
      maxFailures: 2,
      proxies: ['http://two:3128'],
    });
  });

  it('leaves lists of their own, and what comes from other variables, as they are', () => {
    const env = { PROXY_URL: 'http://two:3128' };
    const rotation = (yaml: string) => apiOf(`proxyRotate: ${yaml}`, { env }).config.apis.x?.proxyRotate;
    expect(rotation('{ env: true }')).to.deep.equal({ env: true });
    const proxies = { url: 'https://lists.test/p' };
    expect(rotation('{ proxies: { url: "https://lists.test/p" } }')).to.deep.equal({ proxies });
    const path = rotation('{ proxies: { file: proxies.txt, refreshMs: 500 } }');
    expect(path).to.deep.equal({ proxies: { file: resolve('proxies.txt'), refreshMs: 500 } });
  });

  it('warns where there is none, since no call may then go out', () => {
    const warning =
      'apis.x.proxyRotate has no proxies: every request gets 503 ERR_NO_PROXY, since direct connections are not allowed; set PROXY_URLS or proxyRotate.proxies';
    for (const text of [
      old(rotating),
      `defaults: { use_proxy: true }\n${old('')}`,
      fileOf('proxyRotate: { proxies: [] }'),
    ])
      expect(parseConfig(text, { env: {} }).warnings, text).to.deep.equal([warning]);
    for (const text of [
      old('use_proxy: true\nproxy_strategy: never'),
      fileOf('proxyRotate: { fallback: direct }'),
    ])
      expect(parseConfig(text, { env: {} }).warnings, text).to.deep.equal([]);
  });

  it('refuses a variable that holds no proxy, and shows nothing of it', () => {
    const problems = problemsOf(old(rotating), {
      env: { PROXY_URLS: 'http://one:3128;ftp://u:secret@two:1' },
    });
    expect(problems).to.have.length(1);
    expect(problems[0])
      .to.match(/entry 2 of the variable PROXY_URLS/)
      .and.not.match(/secret/);
  });
});

describe('parseConfig() of Redis', () => {
  it('reads the block, or the variables where there is none', () => {
    const redis = (block: string, env = {}) => parseConfig(`${block}\n${fileOf('')}`, { env }).config.redis;
    expect(redis('redis: rediss://host:6380/1')).to.equal('rediss://host:6380/1');
    expect(redis('redis: { host: h, port: 6380, tls: true }')).to.deep.equal({
      host: 'h',
      port: 6380,
      tls: true,
    });
    expect(redis('redis: { url: "redis://h" }', { REDIS_URL: 'redis://other' })).to.deep.equal({
      url: 'redis://h',
    });
    expect(redis('', { REDIS_HOST: 'r', REDIS_PASSWORD: 'p' })).to.deep.equal({
      host: 'r',
      port: 6379,
      password: 'p',
    });
    expect(redis('', { REDIS_URL: 'redis://u', REDIS_HOST: 'r' })).to.equal('redis://u');
    expect(redis('')).to.equal(undefined);
  });

  it('takes an empty text for none, so that a variable can turn it off', () => {
    for (const block of [
      `redis: "\${REDIS_URL:-}"`,
      `redis: { url: "\${REDIS_URL:-}", prefix: p }`,
      'redis: ""',
    ]) {
      const { config } = parseConfig(`${block}\n${fileOf('')}`, { env: { REDIS_HOST: 'r' } });
      expect(config, block).not.to.have.property('redis');
    }
  });

  it('refuses what is no Redis, and shows no password', () => {
    expect(problemsOf(`redis: { host: h, password: s3cret, port: 0 }\n${fileOf('')}`)).to.deep.equal([
      'redis.port must be at least 1; received a number',
    ]);
    expect(problemsOf(`redis: "redis://:s3cret@[h"\n${fileOf('')}`)).to.deep.equal([
      'redis must be a redis: or rediss: URL, or a block of options',
    ]);
    const [problem] = problemsOf(fileOf(''), { env: { REDIS_URL: 'http://:s3cret@h' } });
    expect(problem).to.equal('the variable REDIS_URL must be a redis: or rediss: URL');
  });
});
