import { expect } from 'chai';
import { proxyRotate } from '../../../lib/proxy-rotate/proxy-rotate.js';
import {
  type NamedProxy,
  type ProxyRotateOptions,
  resolveProxyRotate,
} from '../../../lib/proxy-rotate/proxy-rotate-options.js';

const one = (proxy: string | NamedProxy) => {
  const [resolved] = resolveProxyRotate({ proxies: [proxy] }).proxies;
  if (!resolved) throw new Error('No proxy');
  return resolved;
};
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('resolveProxyRotate()', () => {
  it('fills in every default', () => {
    const { noProxy, isBan, ...rest } = resolveProxyRotate({});
    const statuses = [200, 302, 403, 429].filter((status) =>
      isBan({ status, statusText: '', rawHeaders: [] }),
    );
    expect(statuses).to.deep.equal([403]);
    expect(noProxy('localhost', 80)).to.equal(false);
    expect(rest).to.deep.equal({
      name: 'default',
      proxies: [],
      strategy: 'round_robin',
      cooldownMs: 30_000,
      maxCooldownMs: 600_000,
      maxFailures: 1,
      maxProxiesPerCall: 5,
      cooldownOnStatus: new Set([429]),
      env: false,
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
        ...{ successes: 0, latencyMs: undefined, bans: 0 },
        ...{ bytesSent: 0, bytesReceived: 0, cost: undefined },
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
      'a SOCKS4 proxy with a password',
      { proxies: ['http://h:1', 'socks4://user:secret@h:1'] },
      'proxyRotate.proxies[1] must have no password: SOCKS4 knows only a user; received a string of 24 characters',
    ],
    [
      'a user with a colon',
      { proxies: ['http://us%3Aer:secret@h:1'] },
      'proxyRotate.proxies[0] must have a user without a colon; received a string of 25 characters',
    ],
    [
      'port 0',
      { proxies: ['http://h:0'] },
      'proxyRotate.proxies[0] must have a port from 1 to 65535; received a string of 10 characters',
    ],
    [
      'a ban that is nothing',
      { banWhen: 'captcha' as never },
      'proxyRotate.banWhen must be { status, header, location, json, text } or a function; received "captcha"',
    ],
    [
      'an async key',
      { stickyKey: (async () => 'a') as never },
      'proxyRotate.stickyKey must not be async: the key is needed at once; received a function',
    ],
    [
      'a proxy without a scheme',
      { proxies: ['secret:h@h:3128'] },
      'proxyRotate.proxies[0] must be an http, https or socks URL, as http://user:password@proxy.example.com:3128; received a string of 15 characters',
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
      'what JSON shall hold, and not where',
      { banWhen: { equals: true } },
      'proxyRotate.banWhen.equals needs json, which says where; received true',
    ],
    [
      'a JSON Pointer that is none',
      { banWhen: { json: 'error' } },
      'proxyRotate.banWhen.json must be a JSON Pointer, as /errors; received "error"',
    ],
    [
      'an async function for bans',
      { banWhen: (async () => true) as never },
      'proxyRotate.banWhen must not be async: whether it is a ban is needed at once',
    ],
    [
      'an async function for bodies of bans',
      { banWhen: { body: (async () => true) as never } },
      'proxyRotate.banWhen.body must not be async: whether it is a ban is needed at once',
    ],
    ['an empty text', { banWhen: { text: [''] } }, 'proxyRotate.banWhen.text[0] must be'],
    ...['http://u:secret@h:0', 'http://u:secret@h:65536', 'http://u:secret@[::1]:99999', 'http://h:'].map(
      (url): (typeof refused)[number] => [
        `the port of ${url}`,
        { proxies: [url] },
        `proxyRotate.proxies[0] must have a port from 1 to 65535; received a string of ${url.length} characters`,
      ],
    ),
    ...['http://u:se#cret@h:1', 'http://u:se/cret@h:1', 'http://u:1/secret@h:1', 'http://u:se?cret@h:1'].map(
      (url): (typeof refused)[number] => [
        `the password of ${url}`,
        { proxies: [url] },
        `proxyRotate.proxies[0] must have its user and password percent-encoded; received a string of ${url.length} characters`,
      ],
    ),
    [
      'a URL with a fragment',
      { proxies: ['http://h:1/#secret'] },
      'proxyRotate.proxies[0] must be the URL of a proxy, without path and query',
    ],
    ...['secret', '', Buffer.from('secret'), [], ['secret']].map((ca, i): (typeof refused)[number] => [
      `certificates that are none (${i})`,
      { proxies: [{ url: 'https://h:1', ca }] },
      'proxyRotate.proxies[0].ca must be a certificate in PEM',
    ]),
    [
      'sessions without a place for them',
      { proxies: [{ url: 'http://user:secret@h:1', sessions: 3 }] },
      'proxyRotate.proxies[0].sessions needs {session} in the user of the url; received a number',
    ],
    [
      'maxUses without sessions',
      { proxies: [{ url: 'http://user:secret@h:1', maxUses: 3 }] },
      'proxyRotate.proxies[0].maxUses needs {session} in the user of the url; received a number',
    ],
    [
      'sessions of a proxy that has a new address for each attempt',
      { proxies: [{ url: 'http://user-{session}:secret@h:1', rotating: true }] },
      'proxyRotate.proxies[0].rotating cannot go with {session} in the url; received a boolean',
    ],
    [
      'a sticky key whose address changes',
      { strategy: 'sticky', proxies: ['http://g:1', { url: 'http://user:secret@h:1', rotating: true }] },
      "proxyRotate.proxies[1].rotating cannot go with the strategy 'sticky': use {session} in the url, which is a session for each key; received true",
    ],
    [
      'no sessions',
      { proxies: [{ url: 'http://user-{session}:secret@h:1', sessions: 0 }] },
      'proxyRotate.proxies[0].sessions must be at least 1; received a number',
    ],
    [
      'credentials among the headers of CONNECT',
      { proxies: [{ url: 'http://h:1', connectHeaders: { 'Proxy-Authorization': 'Basic secret' } }] },
      'proxyRotate.proxies[0].connectHeaders.Proxy-Authorization',
    ],
    [
      'a header of CONNECT that splits it',
      { proxies: [{ url: 'http://h:1', connectHeaders: { a: 'b\r\nsecret: c' } }] },
      'proxyRotate.proxies[0].connectHeaders.a must be Latin-1 without control characters, CR or LF',
    ],
    [
      'headers of CONNECT for a SOCKS proxy',
      { proxies: [{ url: 'socks5h://h:1', connectHeaders: { a: 'b' } }] },
      'proxyRotate.proxies[0].connectHeaders cannot go with a SOCKS proxy',
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
