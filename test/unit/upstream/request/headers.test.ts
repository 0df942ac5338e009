import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import {
  type BodyFraming,
  type HeaderPolicy,
  requestHeaders,
} from '../../../../lib/upstream/request/headers.js';
import { parseTarget } from '../../../../lib/upstream/request/target.js';
import { valuesOf } from '../../../support/client.js';

const POLICY: HeaderPolicy = {
  forwardHeaders: true,
  forwardCookies: true,
  headers: {},
  auth: undefined,
  changeOrigin: false,
  xfwd: false,
  via: 'resilient-proxy-out',
};

/** Flat headers for the target, made from the client's flat headers. */
function headersOf(
  policy: Partial<HeaderPolicy>,
  raw: string[],
  {
    target = 'http://api.example',
    framing = {},
    method = 'GET',
  }: { target?: string; framing?: BodyFraming; method?: string } = {},
): string[] {
  const req = new IncomingMessage(new Socket());
  req.httpVersion = '1.1';
  req.rawHeaders = raw;
  for (let i = 0; i + 1 < raw.length; i += 2) req.headers[String(raw[i]).toLowerCase()] = raw[i + 1];
  return requestHeaders({ ...POLICY, ...policy })(req, parseTarget(new URL(target)), framing, method);
}

const CLIENT = ['Host', 'client.example', 'X-One', '1'];

describe('requestHeaders()', () => {
  it('passes on the client’s headers with Host first and Via last', () => {
    expect(headersOf({}, CLIENT)).to.deep.equal([
      ...['host', 'client.example', 'X-One', '1', 'via', '1.1 resilient-proxy-out'],
    ]);
  });

  it('sends the target’s Host if the client sent none', () => {
    expect(headersOf({}, [])).to.include.members(['host', 'api.example']);
  });

  it('sends one Host however many the client sent', () => {
    expect(valuesOf(headersOf({}, [...CLIENT, 'HOST', 'evil.example']), 'host')).to.have.length(1);
  });

  it('prefers the credentials of the options to those of the target, and the client’s to both', () => {
    const target = 'http://target:secret@api.example';
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(valuesOf(headersOf({}, [], { target }), 'authorization')).to.deep.equal([basic('target:secret')]);
    expect(valuesOf(headersOf({ auth: 'own:secret' }, [], { target }), 'authorization')).to.deep.equal([
      basic('own:secret'),
    ]);
    const theirs = headersOf({ auth: 'own:secret' }, ['AUTHORIZATION', 'Bearer theirs'], { target });
    expect(valuesOf(theirs, 'authorization')).to.deep.equal(['Bearer theirs']);
  });

  it('sends credentials in place of those that were not passed on', () => {
    const sent = headersOf({ auth: 'own:secret', forwardHeaders: false }, ['Authorization', 'Bearer theirs']);
    expect(valuesOf(sent, 'authorization').join()).to.match(/^Basic /);
  });

  it('lets an added Authorization replace all others', () => {
    const sent = headersOf(
      { auth: 'own:secret', headers: { AUTHORIZATION: 'Bearer added' } },
      ['authorization', 'Bearer theirs'],
      { target: 'http://target:secret@api.example' },
    );
    expect(valuesOf(sent, 'authorization')).to.deep.equal(['Bearer added']);
  });

  it('keeps several lines of an added header apart', () => {
    expect(valuesOf(headersOf({ headers: { 'x-two': ['a', 'b'] } }, []), 'x-two')).to.deep.equal(['a', 'b']);
  });

  it('drops length, coding and type of a rebuilt body, and sends its own type', () => {
    const raw = [
      ...['Content-Length', '9', 'Content-Encoding', 'gzip', 'Content-Type', 'text/x', 'Trailer', 'X'],
      ...['Content-Language', 'en'],
    ];
    const sent = headersOf({}, raw, { framing: { rebuilt: { contentType: 'application/json' } } });
    expect(valuesOf(sent, 'content-type')).to.deep.equal(['application/json']);
    expect(valuesOf(sent, 'content-language')).to.deep.equal(['en']);
    for (const name of ['content-length', 'content-encoding', 'trailer']) {
      expect(valuesOf(sent, name), name).to.deep.equal([]);
    }
  });

  it('sends no Upgrade with an ordinary call', () => {
    const sent = headersOf({}, [
      'Connection',
      'Upgrade, HTTP2-Settings',
      'Upgrade',
      'h2c',
      'HTTP2-Settings',
      'AA',
    ]);
    expect(sent.filter((_, i) => i % 2 === 0)).to.deep.equal(['host', 'via']);
  });

  it('never sends a listed header that is hop-by-hop', () => {
    const sent = headersOf(
      { forwardHeaders: ['Proxy-Authorization', 'Connection', 'cookie'], forwardCookies: false },
      [...['Proxy-Authorization', 'Basic x', 'Connection', 'close', 'Cookie', 'a=1']],
    );
    expect(sent.filter((_, i) => i % 2 === 0)).to.deep.equal(['host', 'via']);
  });
});
