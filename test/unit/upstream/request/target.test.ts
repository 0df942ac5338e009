import { expect } from 'chai';
import { InvalidOptionError, ProxyError } from '../../../../lib/core/errors.js';
import { parseTarget, TargetBook, targetUrl } from '../../../../lib/upstream/request/target.js';

describe('parseTarget()', () => {
  it('parses a URL', () => {
    expect(parseTarget(new URL('https://us%40er:p%3Aw@API.example:8443/v2/?key=1#no'))).to.deep.equal({
      origin: 'https://api.example:8443',
      host: 'api.example:8443',
      servername: 'api.example',
      basePath: '/v2/',
      search: '?key=1',
      auth: 'us@er:p:w',
    });
  });

  it('omits the default port, the root path and missing credentials', () => {
    expect(parseTarget(new URL('http://api.example:80/'))).to.deep.equal({
      origin: 'http://api.example',
      host: 'api.example',
      servername: 'api.example',
      basePath: '',
      search: '',
      auth: undefined,
    });
  });

  it('has no server name for an address', () => {
    expect(parseTarget(new URL('https://127.0.0.1')).servername).to.equal(undefined);
    expect(parseTarget(new URL('https://[::1]:8443'))).to.include({
      servername: undefined,
      host: '[::1]:8443',
    });
  });

  it('calls a WebSocket target by http', () => {
    expect(parseTarget(new URL('ws://a')).origin).to.equal('http://a');
    expect(parseTarget(new URL('wss://a')).origin).to.equal('https://a');
  });

  for (const url of ['file:///etc/passwd', 'ftp://a', 'data:x', 'unix:/x']) {
    it(`refuses ${url}`, () => expect(() => parseTarget(new URL(url))).to.throw(TypeError));
  }
});

describe('targetUrl()', () => {
  for (const value of ['', ' ', '/v2', 'api.example', 'file:///x', 'javascript:alert(1)', 'http://']) {
    it(`refuses ${JSON.stringify(value)} and shows its path`, () => {
      expect(() => targetUrl(value, 'apis.x.target'))
        .to.throw(InvalidOptionError, /^apis\.x\.target must be an absolute http or https URL/)
        .with.property('path', 'apis.x.target');
    });
  }

  it('takes text and URL', () => {
    expect(targetUrl('https://a/v2', 't').href).to.equal('https://a/v2');
    expect(targetUrl(new URL('https://a/v2'), 't').href).to.equal('https://a/v2');
  });
});

describe('TargetBook', () => {
  it('returns the same target for the same URL, so that its connections are shared', () => {
    const book = new TargetBook();
    const url = new URL('http://a/v2');
    expect(book.read(url)).to.equal(book.read(url)).and.equal(book.read('http://a/v2'));
    const parts = { protocol: 'http:', host: 'a', port: 80, pathname: '/v2' };
    expect(book.read(parts)).to.deep.equal(book.read(url));
  });

  it('reads targets given as objects', () => {
    const book = new TargetBook();
    expect(book.read({ host: 'a:1', port: 81 }).origin).to.equal('http://a:81');
    expect(book.read({ hostname: '::1', port: '82', protocol: 'https:' }).origin).to.equal(
      'https://[::1]:82',
    );
    expect(book.read({ host: 'a:83' }).origin).to.equal('http://a:83');
    expect(book.read({ port: 84 }).origin).to.equal('http://localhost:84');
  });

  it('detects that a URL was changed since', () => {
    const book = new TargetBook();
    const url = new URL('http://a');
    book.read(url);
    url.hostname = 'b';
    expect(book.read(url).host).to.equal('b');
  });

  it('remembers no more than a thousand', () => {
    const book = new TargetBook();
    const first = book.read('http://a');
    for (let i = 0; i < 1500; i++) book.read(`http://a${i}`);
    const again = book.read('http://a');
    expect(again).to.deep.equal(first);
    expect(again === first).to.equal(false);
  });

  for (const target of ['nonsense', 'file:///etc/passwd', '']) {
    it(`fails on ${JSON.stringify(target)} without showing it`, () => {
      expect(() => new TargetBook().read(target))
        .to.throw(ProxyError, 'The router returned a target that is not an http or https URL')
        .with.property('code', 'ERR_INTERNAL');
    });
  }
});
