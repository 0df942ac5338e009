import { expect } from 'chai';
import {
  type CacheKeyOptions,
  cacheKeys,
  KEY_VERSION,
  type KeyRequest,
  MAX_PATH_LENGTH,
} from '../../../../lib/cache/policy/key.js';
import { credentialRule } from '../../../../lib/core/credential-headers.js';
import { forwardedHeaders } from '../../../../lib/http/forwarded-headers.js';

const OPTIONS: CacheKeyOptions = {
  prefix: 'rpo',
  api: 'weather',
  headerStrategy: 'none',
  headers: [],
  identity: '',
  isCredential: credentialRule(),
  reaches: () => true,
  namesHost: false,
  injectedHeaders: [],
  sharedAcrossCredentials: false,
  sortQuery: false,
};
const CREDENTIALS = ['authorization', 'cookie', 'x-api-key', 'x-goog-api-key', 'private-token', 'apikey'];
const GET: KeyRequest = { method: 'GET', url: '/v1/now', rawHeaders: ['Host', 'x', 'Accept', '*/*'] };

function key(request: Partial<KeyRequest> = {}, options: Partial<CacheKeyOptions> = {}): string {
  return cacheKeys({ ...OPTIONS, ...options }).key({ ...GET, ...request });
}

/** The key of a request with these headers. */
function keyWith(rawHeaders: readonly string[], options: Partial<CacheKeyOptions> = {}): string {
  return key({ rawHeaders }, options);
}

describe('cacheKeys()', () => {
  it('names the API as a hash tag and the path in clear', () => {
    expect(key()).to.equal('{rpo:weather}:/v1/now:');
    expect(key({ url: '/v1/now?q=1' })).to.match(/^\{rpo:weather\}:\/v1\/now:[\w-]{43}$/);
  });

  // Processes of several releases share a store. Whoever changes one of these increments KEY_VERSION.
  const all = { namesHost: true, headerStrategy: 'all', prefix: 'p' } as const;
  const everything = {
    method: 'POST',
    url: `/${'x'.repeat(MAX_PATH_LENGTH)}?q`,
    rawHeaders: ['X-B', '1', 'Host', 'A.example', 'X-A', '2'],
    encrypted: true,
    rewritten: '/r',
    bodyHash: 'b',
    extra: 'e',
  };
  for (const [what, rest, request] of [
    ['nothing but a host', '~4hczOaze8SKRc866', { rawHeaders: ['Host', 'A.example'] }],
    ['a host over TLS', '~qDNiEDqkQDhOsgE4', { rawHeaders: ['Host', 'A.example'], encrypted: true }],
    ['no host over TLS', '~9G27evlfXaC1riIY', { rawHeaders: [], encrypted: true }],
    ['everything', '9LBj9lRbj2tht_ApC58aj0cj3zWHPk55tV-pb7INcY8', everything],
  ] as const) {
    it(`is the same in all releases with one KEY_VERSION for a request with ${what}`, () => {
      expect(KEY_VERSION).to.equal(3);
      expect(key(request, all).split(':').at(-1)).to.equal(rest);
    });
  }

  it('remembers the rest of an authority, of one over TLS too, and of those it has seen before', () => {
    const { key: keyOf } = cacheKeys({ ...OPTIONS, namesHost: true });
    const hosts = ['a', 'b', 'a', 'x'.repeat(300), 'a', '', 'b', 'x'.repeat(300)];
    for (const host of hosts) {
      for (const encrypted of [false, true]) {
        const request = { ...GET, rawHeaders: ['Host', host], encrypted };
        expect(keyOf(request)).to.equal(key(request, { namesHost: true }));
      }
    }
  });

  it('treats HEAD as GET and distinguishes other methods', () => {
    expect(key({ method: 'HEAD' })).to.equal(key());
    expect(key({ method: 'POST' })).not.to.equal(key());
    expect(key({ method: 'POST' })).not.to.equal(key({ method: 'QUERY' }));
  });

  it('distinguishes queries, their order included unless it is told that this does not matter', () => {
    expect(key({ url: '/p?a=1' })).not.to.equal(key({ url: '/p?a=2' }));
    expect(key({ url: '/p?b=1&a=2' })).not.to.equal(key({ url: '/p?a=2&b=1' }));
    const sorted = { sortQuery: true };
    expect(key({ url: '/p?b=1&a=2' }, sorted)).to.equal(key({ url: '/p?a=2&b=1' }, sorted));
    expect(key({ url: '/p?a=1&a=2' }, sorted)).not.to.equal(key({ url: '/p?a=2&a=1' }, sorted));
    expect(key({ url: '/p?' })).not.to.equal(key({ url: '/p' }));
    expect(key({ url: '?a' })).not.to.equal(key({ url: '?b' }));
  });

  it('distinguishes bodies and what the operator adds', () => {
    const keys = [{}, { bodyHash: 'x' }, { bodyHash: 'y' }, { extra: 'x' }, { extra: '' }].map((request) =>
      key(request),
    );
    expect(new Set(keys).size).to.equal(keys.length);
  });

  for (const name of CREDENTIALS) {
    it(`distinguishes two values of ${name}, in any letter case`, () => {
      const keys = [keyWith([name, '1']), keyWith([name.toUpperCase(), '2']), keyWith([])];
      expect(new Set(keys).size).to.equal(3);
      expect(keyWith([name, '1'])).to.equal(keyWith([name.toUpperCase(), '1']));
    });
  }

  it('distinguishes two values of a configured credential, and none of one that does not reach the target', () => {
    const configured = { isCredential: credentialRule({ also: ['X-Caller'] }) };
    expect(keyWith(['x-caller', '1'], configured)).not.to.equal(keyWith(['x-caller', '2'], configured));
    const reaches = forwardedHeaders({ headers: { 'X-Token': 'secret' }, forwardCookies: false });
    const injected = { injectedHeaders: ['X-Token', 'secret'], reaches };
    expect(keyWith(['x-token', '1'], injected)).to.equal(keyWith(['x-token', '2'], injected));
    expect(keyWith(['cookie', 'a=1'], injected)).to.equal(keyWith(['cookie', 'a=2'], injected));
    expect(keyWith(['apikey', '1'], injected)).not.to.equal(keyWith(['apikey', '2'], injected));
    expect(keyWith(['x-caller', '1'])).to.equal(keyWith(['x-caller', '2']));
  });

  it('distinguishes two injected values, with and without anything else in the digest', () => {
    const [one, two] = [{ injectedHeaders: ['X-Token', '1'] }, { injectedHeaders: ['X-Token', '2'] }];
    expect(key({}, one)).not.to.equal(key({}, two));
    expect(key({}, one)).not.to.equal(key());
    expect(key({ url: '/p?q' }, one)).not.to.equal(key({ url: '/p?q' }, two));
  });

  it('leaves credentials out where they are shared', () => {
    const shared = { sharedAcrossCredentials: true, injectedHeaders: ['X-Token', '1'] };
    expect(keyWith(['Authorization', '1', 'Cookie', 'a=b'], shared)).to.equal('{rpo:weather}:/v1/now:');
    const listed = { ...shared, headerStrategy: 'listed', headers: ['Cookie'] } as const;
    expect(keyWith(['Authorization', '1'], listed)).to.equal(keyWith([], listed));
    expect(keyWith(['Cookie', 'a=b'], listed)).not.to.equal(keyWith([], listed));
  });

  it('contains no secret', () => {
    const isCredential = credentialRule({ also: ['x-mine'] });
    const options = { injectedHeaders: ['X-Token', 's3cret'], isCredential };
    const rawHeaders = ['Authorization', 's3cret', 'X-Mine', 's3cret'];
    expect(key({ url: '/p?key=s3cret', rawHeaders, extra: 's3cret' }, options)).not.to.include('s3cret');
    expect(key({ url: '?key=s3cret' })).not.to.include('s3cret');
  });

  it('distinguishes requests by the chosen headers and no others', () => {
    const listed = { headerStrategy: 'listed', headers: ['Accept-Language'] } as const;
    expect(keyWith(['accept-language', 'en'], listed)).not.to.equal(
      keyWith(['accept-language', 'de'], listed),
    );
    expect(keyWith(['X-Other', '1'], listed)).to.equal(keyWith([], listed));
    expect(keyWith(['accept-language', 'en'])).to.equal(keyWith([]));
  });

  it('distinguishes requests by all headers but hop-by-hop ones and those the cache acts on', () => {
    const all = { headerStrategy: 'all' } as const;
    expect(keyWith(['X-Other', '1'], all)).not.to.equal(keyWith(['X-Other', '2'], all));
    const acted = ['Connection', 'close', 'Range', 'bytes=0-1', 'If-None-Match', '"a"', 'Cache-Control', 'x'];
    expect(keyWith(acted, all)).to.equal(keyWith([], all));
  });

  it('does not depend on the order of headers, but on that of lines with one name', () => {
    const ordered = ['Authorization', '1', 'Cookie', 'a'];
    expect(keyWith(['Cookie', 'a', 'authorization', '1'])).to.equal(keyWith(ordered));
    expect(keyWith(['Cookie', 'a', 'Cookie', 'b'])).not.to.equal(keyWith(['Cookie', 'b', 'Cookie', 'a']));
  });

  it('does not confuse values with names or with other parts', () => {
    const options = { isCredential: credentialRule({ also: ['a', 'b'] }) };
    expect(keyWith(['A', '1\nvalue 1 2'], options)).not.to.equal(keyWith(['A', '1', 'B', '2'], options));
    expect(keyWith(['A', 'b'], options)).not.to.equal(keyWith(['A', '', 'B', ''], options));
    expect(key({ url: '/p?x', bodyHash: 'y' })).not.to.equal(key({ url: '/p?xy' }));
  });

  it('distinguishes authorities and schemes where they reach the target, in any letter case', () => {
    const named = { namesHost: true };
    const keys = [
      keyWith(['Host', 'a.example'], named),
      keyWith(['Host', 'b.example'], named),
      key({ rawHeaders: ['Host', 'a.example'], encrypted: true }, named),
      keyWith([], named),
    ];
    expect(new Set(keys).size).to.equal(4);
    expect(keyWith(['HOST', 'A.example'], named)).to.equal(keys[0]);
    expect(key({ rawHeaders: [], host: 'a.example' }, named)).to.equal(keys[0]);
    expect(key({ rawHeaders: ['Host', 'a.example'], host: 'a.example' }, named)).to.equal(keys[0]);
    expect(keys).not.to.include(key({ rawHeaders: ['Host', 'a.example'], host: 'b.example' }, named));
    expect(keyWith(['Host', 'a.example'])).to.equal(keyWith(['Host', 'b.example']));
  });

  it('distinguishes by every line of Host, and not by headers that have no part in the key', () => {
    const named = { namesHost: true };
    const keys = [['a'], ['b'], ['a', 'b'], ['b', 'a'], ['a', '']].map((hosts) =>
      keyWith(
        hosts.flatMap((host) => ['Host', host]),
        named,
      ),
    );
    expect(new Set(keys).size).to.equal(keys.length);
    expect(keyWith(['apikey', '1', 'Accept', 'a'])).to.equal(
      keyWith(['apikey', '1', 'Accept', 'b', 'Host', 'c']),
    );
  });

  for (const name of ['X-HTTP-Method-Override', 'X-Forwarded-Host', 'X-Original-URL', 'Last-Event-ID']) {
    it(`distinguishes requests by ${name}, which changes what is requested`, () => {
      expect(new Set([keyWith([name, 'a']), keyWith([name, 'b']), keyWith([])]).size).to.equal(3);
      const held = { reaches: (lower: string) => lower !== name.toLowerCase() };
      expect(keyWith([name, 'a'], held)).to.equal(keyWith([], held));
    });
  }

  it('takes host and scheme from Forwarded, and not the address that each client has of its own', () => {
    const of = (address: string, host: string) =>
      keyWith(['Forwarded', `for=${address};host=${host};proto=https`]);
    expect(of('192.0.2.1', 'a')).to.equal(of('"[2001:db8::1]:80"', 'a'));
    expect(of('192.0.2.1', 'a')).not.to.equal(of('192.0.2.1', 'b'));
  });

  it('distinguishes what a middleware in front has made of the path', () => {
    expect(key({ rewritten: '/v1/now' })).not.to.equal(key({ rewritten: '/v2/now' }));
    expect(key({ rewritten: '/v1/now' })).not.to.equal(key());
  });

  it('distinguishes caches of another identity', () => {
    expect(key({}, { identity: 'x' })).to.equal('{rpo:weather.x}:/v1/now:');
  });

  it('says whether a request has a credential of its own, or an injected one', () => {
    const personal = (rawHeaders: string[], options: Partial<CacheKeyOptions> = {}) =>
      cacheKeys({ ...OPTIONS, ...options }).isPersonal(rawHeaders);
    expect(personal(['Accept', '*/*'])).to.equal(false);
    expect(personal(['Accept', '*/*', 'APIKEY', '1'])).to.equal(true);
    expect(personal([], { injectedHeaders: ['X-Version', '1', 'X-Token', '1'] })).to.equal(true);
    expect(personal([], { injectedHeaders: ['X-Version', 'apikey'] })).to.equal(false);
    expect(personal(['Accept', 'apikey'])).to.equal(false);
    const shared = { sharedAcrossCredentials: true, injectedHeaders: ['X-Token', '1'] };
    expect(personal(['apikey', '1'], shared)).to.equal(false);
    expect(personal(['Cookie', '1'], { reaches: () => false })).to.equal(false);
  });

  it('percent-encodes control characters, and distinguishes them from those received encoded', () => {
    const raw = key({ url: '/a\r\nb\u0000 c' });
    expect(raw).to.match(/^\{rpo:weather\}:\/a%0D%0Ab%00%20c:/);
    expect(raw).not.to.equal(key({ url: '/a%0D%0Ab%00%20c' }));
  });

  it('limits a long path, and distinguishes paths by the rest', () => {
    const long = `/${'x'.repeat(5000)}`;
    expect(key({ url: long }).length).to.be.lessThan(600);
    expect(key({ url: `${long}1` })).not.to.equal(key({ url: `${long}2` }));
    expect(key({ url: long })).not.to.equal(key({ url: long.slice(0, 512) }));
  });

  it('does not let a name of an API or a prefix break out of the hash tag', () => {
    expect(key({}, { api: 'a}:/x' })).to.equal('{rpo:a%7D%3A/x}:/v1/now:');
    expect(key({}, { prefix: 'a:b', api: 'c' })).not.to.equal(key({}, { prefix: 'a', api: 'b:c' }));
  });

  it('returns the prefixes for purges', () => {
    const keys = cacheKeys(OPTIONS);
    expect(keys.apiPrefix).to.equal('{rpo:weather}:');
    const long = `/${'x'.repeat(5000)}`;
    for (const path of ['/v1/now', '/a b', long]) {
      expect(
        keys.key({ ...GET, url: `${path}?q=1` }).startsWith(keys.pathPrefix(path)),
        path.slice(0, 9),
      ).to.equal(true);
    }
    expect(key({ url: '/v1/now/more' }).startsWith(keys.pathPrefix('/v1/now'))).to.equal(false);
  });

  it('depends on no request before it, whatever names that had at the same places', () => {
    const keys = cacheKeys({ ...OPTIONS, namesHost: true });
    const one = ['Host', 'x', 'Accept', '*/*', 'Authorization', 'Bearer 1'];
    const lists = [
      one,
      one,
      ['Authorization', 'Bearer 1', 'Host', 'x', 'Accept', '*/*'],
      ['Accept', '*/*', 'Cookie', 'a=1', 'Host', 'x'],
      ['Host', 'x', 'Accept', '*/*', 'X-Requested', 'Bearer 1'],
      ['Host', 'x', 'Accept', '*/*', 'Authorization', 'Bearer 2'],
      ['', 'x', `X-Token-${'a'.repeat(100)}`, '1', 'HOST', 'x'],
      Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 'Cookie' : `a=${i}`)),
      one,
    ];
    for (const rawHeaders of lists)
      expect(keys.key({ ...GET, rawHeaders }), rawHeaders.slice(0, 6).join(' ')).to.equal(
        keyWith(rawHeaders, { namesHost: true }),
      );
  });
});
