import { expect } from 'chai';
import { connectionTokens, headerValue } from '../../../lib/http/headers.js';
import { latin1Headers, responseHeaders, sendableTrailers } from '../../../lib/upstream/response/headers.js';

describe('connectionTokens()', () => {
  for (const value of ['keep-alive', 'close', 'Keep-Alive', 'CLOSE, TE', 'upgrade', '', ' , ,']) {
    it(`finds no name in ${JSON.stringify(value)}`, () => {
      expect(connectionTokens(['Connection', value])).to.equal(undefined);
    });
  }

  it('finds the names of all Connection lines, in lower case', () => {
    const tokens = connectionTokens([
      'CONNECTION',
      'X-One, close',
      'x',
      'y',
      'connection',
      ' x-TWO ,x-Three',
    ]);
    expect([...(tokens ?? [])]).to.deep.equal(['x-one', 'x-two', 'x-three']);
  });

  it('looks at no other header', () => {
    expect(connectionTokens(['Connectiom', 'a', 'X-Connection', 'b'])).to.equal(undefined);
    expect(connectionTokens([])).to.equal(undefined);
  });
});

describe('headerValue()', () => {
  it('returns the first value, whatever the letter case of the name', () => {
    const raw = ['A', '1', 'Content-Length', '2', 'content-length', '3'];
    expect(headerValue(raw, 'content-length')).to.equal('2');
    expect(headerValue(raw, 'a')).to.equal('1');
    expect(headerValue(raw, 'b')).to.equal(undefined);
  });

  it('does not take a value for a name', () => {
    expect(headerValue(['x', 'etag', 'y', '1'], 'etag')).to.equal(undefined);
  });
});

describe('responseHeaders()', () => {
  const all = { status: 200, setCookie: true };
  const client = (method = 'GET', httpVersion = '1.1', before: readonly string[] = []) => ({
    req: { method, httpVersion },
    res: { hasHeader: (name: string) => before.includes(name) },
  });

  it('keeps names and values as received, repeated ones too, and adds Via', () => {
    expect(responseHeaders(['Set-Cookie', 'a=1', 'X', '', 'set-cookie', 'b=2'], client(), all)).to.deep.equal(
      [...['Set-Cookie', 'a=1', 'X', '', 'set-cookie', 'b=2', 'via', '1.1 resilient-proxy-out']],
    );
  });

  it('drops hop-by-hop headers and those that Connection lists', () => {
    const raw = [
      ...[
        'Connection',
        'close, X-Hop',
        'X-HOP',
        '1',
        'Keep-Alive',
        'timeout=5',
        'Transfer-Encoding',
        'chunked',
      ],
      ...[
        'Upgrade',
        'h2c',
        'Proxy-Authenticate',
        'Basic',
        'TE',
        'x',
        'Proxy-Connection',
        'close',
        'Trailer',
        'X-Sum',
      ],
    ];
    expect(responseHeaders(raw, client(), all)).to.deep.equal([
      'Trailer',
      'X-Sum',
      'via',
      '1.1 resilient-proxy-out',
    ]);
  });

  it('drops Set-Cookie if cookies are not forwarded', () => {
    const headers = responseHeaders(['SET-COOKIE', 'a=1', 'Set-Cookie2', 'b'], client(), {
      status: 200,
      setCookie: false,
    });
    expect(headers.slice(0, -2)).to.deep.equal(['Set-Cookie2', 'b']);
  });

  it('drops the Content-Length of a 204 and keeps that of others', () => {
    const raw = ['Content-Length', '0'];
    expect(responseHeaders(raw, client(), { status: 204, setCookie: true })).to.have.length(2);
    expect(responseHeaders(raw, client(), { status: 304, setCookie: true })).to.have.length(4);
  });

  for (const [what, to, status, length] of [
    ['to HEAD', client('HEAD'), 200, []],
    ['to an HTTP/1.0 client', client('GET', '1.0'), 200, []],
    ['of a 204', client(), 204, []],
    ['of a 304', client(), 304, []],
    ['beside a Content-Length', client(), 200, ['content-LENGTH', '2']],
    [
      'beside a Content-Length that the application has set',
      client('GET', '1.1', ['content-length']),
      200,
      [],
    ],
  ] as const) {
    it(`drops the Trailer ${what}, where no chunks carry trailers`, () => {
      const headers = responseHeaders(['X', '1', 'TRAILER', 'X-Sum', ...length], to, {
        status,
        setCookie: true,
      });
      expect(headers.slice(0, -2)).to.deep.equal(['X', '1', ...length]);
    });
  }
});

describe('sendableTrailers()', () => {
  it('leaves out what a response refuses to send', () => {
    const raw = ['X-Sum', '1', 'X Sum', '2', 'X-Bad', 'a\x01', 'X-Sum', 'caf\xe9'];
    expect(sendableTrailers(raw, [])).to.deep.equal([
      ['X-Sum', '1'],
      ['X-Sum', 'caf\xe9'],
    ]);
  });
});

describe('latin1Headers()', () => {
  it('decodes each byte to one character', () => {
    expect(latin1Headers([Buffer.from('X-Caf'), Buffer.from([0xe9]), 'plain'])).to.deep.equal([
      'X-Caf',
      'é',
      'plain',
    ]);
  });

  it('is empty if there are none', () => {
    for (const none of [undefined, null, []]) expect(latin1Headers(none)).to.deep.equal([]);
  });
});
