import { expect } from 'chai';
import { proxyRotate } from '../../../lib/proxy-rotate/proxy-rotate.js';
import {
  type ProxyRotateOptions,
  resolveProxyRotate,
} from '../../../lib/proxy-rotate/proxy-rotate-options.js';

const one = (proxy: NonNullable<ProxyRotateOptions['proxies']>[number]) => {
  const [resolved] = resolveProxyRotate({ proxies: [proxy] }).proxies;
  if (!resolved) throw new Error('No proxy');
  return resolved;
};
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('resolveProxyRotate()', () => {
  it('fills in every default', () => {
    const { noProxy, ...rest } = resolveProxyRotate({});
    expect(noProxy('localhost', 80)).to.equal(false);
    expect(rest).to.deep.equal({
      name: 'default',
      proxies: [],
      strategy: 'round_robin',
      cooldownMs: 30_000,
      maxCooldownMs: 600_000,
      maxFailures: 1,
      cooldownOnStatus: new Set([429]),
      fallback: 'none',
      tunnel: true,
      connectTimeoutMs: 5000,
    });
  });

  const read: [string, string, string, string | undefined][] = [
    ['http://proxy.example.com:3128', 'proxy.example.com:3128', 'http://proxy.example.com:3128', undefined],
    ['http://proxy.example.com', 'proxy.example.com:80', 'http://proxy.example.com:80', undefined],
    ['https://proxy.example.com', 'proxy.example.com:443', 'https://proxy.example.com:443', undefined],
    ['http://[::1]:8080', '[::1]:8080', 'http://[::1]:8080', undefined],
    ['http://user:p%40ss%3Aword@h:1', 'h:1', 'http://h:1', basic('user:p@ss:word')],
    ['http://user@h:1', 'h:1', 'http://h:1', basic('user:')],
    ['http://%C3%BC:%E2%82%AC@h:1', 'h:1', 'http://h:1', basic('ü:€')],
  ];
  for (const [url, name, origin, authorization] of read) {
    it(`reads ${url}`, () => {
      const { name: given, address } = one(url);
      expect([given, address.origin, address.authorization]).to.deep.equal([name, origin, authorization]);
    });
  }

  it('numbers proxies of the same name', () => {
    const { proxies } = resolveProxyRotate({
      proxies: [
        'http://h:1',
        'http://other:pass@h:1',
        { url: 'http://g:1', name: 'h:1' },
        { url: 'http://g:1', name: 'h:1 #2' },
      ],
    });
    expect(proxies.map((proxy) => proxy.name)).to.deep.equal(['h:1', 'h:1 #2', 'h:1 #3', 'h:1 #2 #2']);
  });

  it('accepts ten thousand proxies, each with a name of its own', () => {
    const proxies = Array.from({ length: 10_000 }, (_, i) => `http://user:pass@proxy${i}.example.com:3128`);
    const rotate = proxyRotate({ proxies });
    expect(new Set(rotate.status().map((proxy) => proxy.name)).size).to.equal(10_000);
    rotate.close();
  });

  it('makes the longest cool-down as long as the first if only that is given', () => {
    expect(resolveProxyRotate({ cooldownMs: 3_600_000 }).maxCooldownMs).to.equal(3_600_000);
  });

  it('shows nothing of a URL in its status', () => {
    const { status } = proxyRotate({ proxies: ['http://user:secret@h:1'], name: 'github' });
    expect(status()).to.deep.equal([
      {
        api: 'github',
        name: 'h:1',
        address: 'http://h:1',
        state: 'ok',
        coolsDownUntil: undefined,
        reason: undefined,
        failures: 0,
        attempts: 0,
        active: 0,
      },
    ]);
  });
});

describe('proxyRotate() with wrong options', () => {
  const refused: [string, object, string][] = [
    [
      'an unknown name',
      { proxyes: [] },
      'proxyRotate.proxyes is not an option of proxyRotate (did you mean proxies?)',
    ],
    [
      'a SOCKS proxy',
      { proxies: ['http://h:1', 'socks5://user:secret@h:1'] },
      'proxyRotate.proxies[1] has the scheme socks5, which is not supported: it must be an http or https proxy; received a string of 24 characters',
    ],
    [
      'a proxy without a scheme',
      { proxies: ['secret:h@h:3128'] },
      'proxyRotate.proxies[0] must be an http or https URL, as http://user:password@proxy.example.com:3128; received a string of 15 characters',
    ],
    [
      'a password that is not encoded',
      { proxies: [{ url: 'http://user:secret%@h:1' }] },
      'proxyRotate.proxies[0].url must have its user and password percent-encoded; received a string of 23 characters',
    ],
    [
      'a URL with a path',
      { proxies: ['http://user:secret@h:1/path'] },
      'proxyRotate.proxies[0] must be the URL of a proxy, without path and query; received a string of 27 characters',
    ],
    [
      'a number for a proxy',
      { proxies: [3128] },
      'proxyRotate.proxies[0] must be an object; received a number',
    ],
    [
      'an unknown name in a proxy',
      { proxies: [{ url: 'http://h:1', nam: 'x' }] },
      'proxyRotate.proxies[0].nam is not an option of proxyRotate.proxies[0] (did you mean name?)',
    ],
    [
      'a name with control bytes',
      { proxies: [{ url: 'http://h:1', name: 'a\nb' }] },
      'proxyRotate.proxies[0].name must be',
    ],
    [
      'an unknown strategy',
      { strategy: 'random' },
      'proxyRotate.strategy must be "round_robin" or "on_rate_limit" or "never" or "least_used" or "sticky"; received "random"',
    ],
    [
      'a key that is no function',
      { stickyKey: 'ip' },
      'proxyRotate.stickyKey must be a function; received a string of 2 characters',
    ],
    ['no cool-down', { cooldownMs: 0 }, 'proxyRotate.cooldownMs must be at least 1; received 0'],
    [
      'a longest cool-down below the first',
      { cooldownMs: 5000, maxCooldownMs: 1000 },
      'proxyRotate.maxCooldownMs must be at least cooldownMs, which is 5000; received 1000',
    ],
    ['no failures', { maxFailures: 0 }, 'proxyRotate.maxFailures must be at least 1; received 0'],
    [
      'a status that is no error',
      { cooldownOnStatus: [200] },
      'proxyRotate.cooldownOnStatus[0] must be at least 400; received 200',
    ],
    [
      'an unknown fallback',
      { fallback: 'yes' },
      'proxyRotate.fallback must be "none" or "direct"; received "yes"',
    ],
    [
      'an entry of noProxy that is none',
      { noProxy: ['a.example', 'http://b.example'] },
      'proxyRotate.noProxy[1] must be a host, .suffix, *.suffix, address, range or *, with :port if wanted; received "http://b.example"',
    ],
    ['a tunnel that is no boolean', { tunnel: 'no' }, 'proxyRotate.tunnel must be a boolean; received "no"'],
    [
      'no time to connect',
      { connectTimeoutMs: 0 },
      'proxyRotate.connectTimeoutMs must be at least 1; received 0',
    ],
    ['no connections', { connections: 0 }, 'proxyRotate.connections must be at least 1; received 0'],
  ];
  for (const [what, options, message] of refused) {
    it(`refuses ${what}, and shows no credential`, () => {
      expect(() => proxyRotate(options as ProxyRotateOptions))
        .to.throw(TypeError, message)
        .with.property('message')
        .that.does.not.include('secret');
    });
  }

  it('does not change the given options', () => {
    const options = Object.freeze({ proxies: Object.freeze(['http://h:1']) as string[] });
    proxyRotate(options).close();
    expect(options).to.deep.equal({ proxies: ['http://h:1'] });
  });
});
