import { expect } from 'chai';
import { noProxyList } from '../../../lib/proxy-rotate/no-proxy.js';
import { resolveProxyRotate } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { proxiesOfVariables } from '../../../lib/proxy-rotate/proxy-variables.js';

type Variables = Parameters<typeof proxiesOfVariables>[0];

const origins = (variables: Variables) =>
  proxiesOfVariables(variables, 'env').proxies.map(
    ({ address, only = 'all' }) => `${only} ${address.origin}`,
  );

function bypasses(no_proxy: string, hostname: string, port = 443): boolean {
  const list = noProxyList(proxiesOfVariables({ no_proxy }, 'env').noProxy);
  if (typeof list !== 'function') throw new Error('unreadable');
  return list(hostname, port);
}

describe('proxiesOfVariables()', () => {
  const cases: [Variables, string[]][] = [
    [{}, []],
    [{ HTTPS_PROXY: '', http_proxy: ' ' }, []],
    [{ HTTPS_PROXY: 'http://s:1' }, ['https http://s:1']],
    [{ https_proxy: 'http://lower:1', HTTPS_PROXY: 'http://upper:1' }, ['https http://lower:1']],
    [{ HTTP_PROXY: 'p:1', HTTPS_PROXY: 's:2' }, ['https http://s:2', 'http http://p:1']],
    [{ HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://p:1' }, ['all http://p:1']],
    [{ ALL_PROXY: 'socks5h://a:1' }, ['all socks5h://a:1']],
    [{ all_proxy: 'a:1', http_proxy: 'p:1' }, ['https http://a:1', 'http http://p:1']],
    [{ HTTP_PROXY: 'http://attacker:1', REQUEST_METHOD: 'GET' }, []],
    [{ http_proxy: 'http://p:1', REQUEST_METHOD: 'GET' }, ['http http://p:1']],
  ];
  for (const [variables, expected] of cases) {
    it(`reads ${JSON.stringify(variables)}`, () => expect(origins(variables)).to.deep.equal(expected));
  }

  it('names a variable that holds no proxy, and shows nothing of it', () => {
    expect(() => proxiesOfVariables({ https_proxy: 'ftp://u:secret@p' }, 'proxyRotate.env')).to.throw(
      /^proxyRotate\.env reads the variable https_proxy, which must be an http, https or socks URL, as (?!.*secret)/,
    );
  });

  it('takes a name in NO_PROXY for a host and its subdomains, as curl does', () => {
    for (const entry of ['ample.com', '.ample.com', 'AMPLE.com.', 'x.test, ample.com', 'x.test ample.com'])
      for (const host of ['ample.com', 'www.ample.com', 'ample.com.'])
        expect(bypasses(entry, host), `${entry}: ${host}`).to.equal(true);
    for (const host of ['example.com', 'ample.com.org', 'com'])
      expect(bypasses('ample.com', host), host).to.equal(false);
  });

  it('takes addresses and ranges in NO_PROXY', () => {
    expect(bypasses('192.168.0.0/16,::1', '192.168.9.9')).to.equal(true);
    expect(bypasses('192.168.0.0/16,::1', '::1')).to.equal(true);
    expect(bypasses('192.168.0.0/16,::1', '10.0.0.1')).to.equal(false);
    expect(bypasses('fe80::/10', 'fe80::5')).to.equal(true);
  });

  it('takes an asterisk in NO_PROXY only by itself', () => {
    expect(bypasses('*', 'any.test')).to.equal(true);
    expect(bypasses('*,x.test', 'any.test')).to.equal(false);
  });

  it('leaves out what it cannot read in NO_PROXY', () => {
    expect(bypasses('a b/c, http://u:p@x ,,ok.test', 'ok.test')).to.equal(true);
  });

  it('allows a port and *. in NO_PROXY', () => {
    expect(bypasses('a.test:8443', 'a.test', 8443)).to.equal(true);
    expect(bypasses('a.test:8443', 'a.test', 443)).to.equal(false);
    expect(bypasses('*.a.test', 'b.a.test')).to.equal(true);
    expect(bypasses('*.a.test', 'a.test')).to.equal(false);
  });
});

describe('proxyRotate.env', () => {
  it('is off by default, and cannot go with proxies', () => {
    expect(resolveProxyRotate({}).env).to.equal(false);
    expect(() => resolveProxyRotate({ env: true, proxies: ['http://p:1'] })).to.throw(
      'proxyRotate.env cannot go with proxies',
    );
    expect(() => resolveProxyRotate({ env: true, proxies: { file: 'x' } })).to.throw(
      'cannot go with proxies',
    );
    expect(() => resolveProxyRotate({ env: 'yes' as never })).to.throw('proxyRotate.env must be a boolean');
  });
});
